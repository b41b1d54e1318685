"""What one event leaves in the journal is what the next is mapped with."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.tracking import Tracking
from saleor_segment_server.delivery import Entry, accept_key
from saleor_segment_server.forwarder.space import Space
from saleor_segment_server.forwarder.taking import take_window
from saleor_segment_server.forwarder.window import START, Window
from saleor_segment_server.journal import Limits, SqliteJournal
from tests.data_plane.mapping.shop import RefundedOrder
from tests.data_plane.receiving import PIPELINE_ID, Clock, pipeline

DAY = 86_400
USER = {"id": "VXNlcjox", "email": "buyer@example.net"}


class Shop:
    """A journal, and its events one after the other."""

    def __init__(self, journal: SqliteJournal, clock: Clock) -> None:
        self.journal, self.clock = journal, clock
        self.tracking = Tracking()

    async def accept(self, event: Event, body: bytes) -> bool:
        key = accept_key(PIPELINE_ID, event, body)
        return await self.journal.accept(Entry(key, PIPELINE_ID, event, body, self.clock.now))

    async def order(self, event: Event, **order: Any) -> None:
        fields = {"id": "T3JkZXI6Nw==", "user": USER} | order
        assert await self.accept(event, json.dumps({"order": fields}).encode())

    async def window(self, after: Window | None = None) -> Window | None:
        held = pipeline(tracking=self.tracking)
        previous = after.end if after else START
        return await take_window(self.journal, held, space=Space(), previous=previous)

    async def forward(self) -> list[str]:
        """Map and settle all that is pending; return what was sent."""
        window = await self.window()
        assert window is not None
        ended = window.finish(len(window.messages), {})
        await self.journal.settle(PIPELINE_ID, [one.outcome for one in ended])
        return names(window)


def names(window: Window) -> list[str]:
    decoded = [json.loads(message.payload) for message in window.messages]
    return [message.get("event", message["type"]) for message in decoded]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    clock = Clock()
    async with SqliteJournal(tmp_path / "j.db", limits=Limits(ballast=0), clock=clock) as journal:
        yield Shop(journal, clock)


async def test_an_order_is_completed_once_over_windows(shop: Shop) -> None:
    shop.tracking = Tracking.model_validate({"naming": "Spec"})
    await shop.order(Event.ORDER_CREATED)
    await shop.order(Event.ORDER_CREATED, number="again")
    assert await shop.forward() == ["Order Completed"]
    await shop.order(Event.ORDER_CREATED, number="and again")
    assert await shop.forward() == []


async def test_what_a_window_on_its_way_leaves_counts_for_the_next(shop: Shop) -> None:
    shop.tracking = Tracking.model_validate({"naming": "Spec", "identify": True})
    await shop.order(Event.ORDER_CREATED)
    first = await shop.window()
    assert first is not None
    assert names(first) == ["identify", "Order Completed"]
    await shop.order(Event.ORDER_CREATED, number="again")
    await shop.order(Event.ORDER_UPDATED)
    second = await shop.window(first)
    assert second is not None
    assert names(second) == ["Order Updated"]


async def test_a_customer_is_introduced_once_over_orders_and_again_when_they_change(
    shop: Shop,
) -> None:
    shop.tracking = Tracking.model_validate({"identify": True})
    await shop.order(Event.ORDER_CREATED)
    await shop.order(Event.ORDER_CREATED, id="T3JkZXI6OA==")
    assert await shop.forward() == ["identify", "Saleor Order Created", "Saleor Order Created"]
    await shop.order(Event.ORDER_UPDATED)
    assert await shop.forward() == ["Saleor Order Updated"]
    await shop.order(Event.ORDER_UPDATED, user=USER | {"email": "other@example.net"})
    assert await shop.forward() == ["identify", "Saleor Order Updated"]


async def test_an_event_that_cannot_be_decoded_is_no_hindrance_to_those_after_it(
    shop: Shop,
) -> None:
    shop.tracking = Tracking.model_validate({"identify": True})
    await shop.order(Event.ORDER_CREATED, user="nobody")
    await shop.order(Event.ORDER_CREATED)
    window = await shop.window()
    assert window is not None
    assert [item.unmappable for item in window.items] == [
        "unmappable: order.user is not an object",
        None,
    ]
    assert names(window) == ["identify", "Saleor Order Created"]


async def test_a_refund_that_is_told_again_after_weeks_is_known(shop: Shop) -> None:
    refunds = RefundedOrder()
    refunds.refund("10")
    assert await shop.accept(Event.ORDER_REFUNDED, refunds.body())
    assert await shop.forward() == ["Saleor Order Refunded"]
    assert not await shop.accept(Event.ORDER_REFUNDED, refunds.body())
    await shop.order(Event.ORDER_UPDATED)
    await shop.forward()
    shop.clock.now += 20 * DAY
    await shop.journal.expire()
    assert await shop.accept(Event.ORDER_REFUNDED, refunds.body()), "its accept key has expired"
    assert await shop.forward() == []
    refunds.refund("5")
    assert await shop.accept(Event.ORDER_REFUNDED, refunds.body())
    window = await shop.window()
    assert window is not None
    (told,) = (json.loads(message.payload) for message in window.messages)
    assert told["properties"]["total"] == 5
