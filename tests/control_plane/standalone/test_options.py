"""Options that change while events wait: those are sent as the options are by then."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane.standalone.stand import Stand, condition, standing


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


EVERYTHING: dict[str, Any] = {
    "naming": "Spec",
    "names": {"ORDER_CONFIRMED": "Order Confirmed At Last"},
    "updates": "Changed",
    "privacy": {"email": "Hashed", "name": "Plain", "phone": "Plain", "address": "Plain"},
    "identify": True,
    "userId": "Namespaced",
    "consent": {
        "metadataKey": "consent",
        "categories": {"Advertising": "ads"},
        "unknown": "Deny",
    },
    "products": {"url": "https://shop.example.com/{slug}", "brandAttribute": "brand"},
}


async def test_events_stored_under_the_old_query_are_sent_under_the_new_options(
    stand: Stand,
) -> None:
    async with stand.running() as run:
        await condition(run, "Ready", "True")
        shown = len(run.lines)
        stand.spec["suspend"] = True
        stand.save()
        await condition(run, "Suspended", "True", since=shown)
        await condition(run, "PipelineSynced", "True", since=shown)
        kept = stand.order()
        await stand.saleor.settled()
        shown = len(run.lines)
        stand.spec["suspend"] = False
        stand.spec["tracking"] = EVERYTHING
        stand.save()
        await condition(run, "Suspended", "False", since=shown)
        await stand.arrives(kept)
        await stand.saleor.until(lambda: all("firstName" in query for query in queries(stand)))
        fresh = stand.order()
        await stand.arrives(fresh)
    events = {
        order: {
            message["event"]
            for message in stand.segment.inbox.messages()
            if message["type"] == "track" and message["properties"]["order_id"] == order
        }
        for order in (kept, fresh)
    }
    assert "Order Completed" in events[kept] & events[fresh]
    told = "".join(map(str, stand.segment.inbox.messages()))
    assert "guest@example.net" not in told  # though the old query had brought it
    assert "'Advertising': False" in told


def queries(stand: Stand) -> list[str]:
    return [hook.subscription_query for hook in stand.saleor.state.apps.webhooks()]
