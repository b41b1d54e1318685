"""Several integrations in one file, of one shop: what reaches which Segment source."""

import copy
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.control_plane.standalone.stand import KEY, NEXT_KEY, Run, Stand, standing
from tests.twins.saleor.shop.stock import PLN, USD


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


def add(stand: Stand, **tracking: Any) -> None:
    """Add a second integration of the shop, to another source, with these options."""
    second = copy.deepcopy(stand.documents[0])
    second["metadata"]["name"] = "second-source"
    second["spec"]["segment"]["writeKeySecretRef"]["name"] = "second"
    second["spec"]["tracking"] = tracking
    secret = copy.deepcopy(
        next(each for each in stand.secrets if each["metadata"]["name"] == "segment")
    )
    secret["metadata"]["name"] = "second"
    secret["stringData"]["writeKey"] = NEXT_KEY
    stand.documents += [second, secret]


def messages(stand: Stand, key: str) -> list[dict[str, Any]]:
    return [each for each in stand.segment.inbox.messages() if each["writeKey"] == key]


def ready(name: str) -> Callable[[str], bool]:
    """Return what tells the line that says that this one is ready."""
    words = [f"default/{name}", "Ready", "True"]
    return lambda line: line.split()[1:4] == words


async def both_ready(run: Run) -> None:
    for name in ("main-shop", "second-source"):
        await run.said(ready(name))


async def test_two_sources_get_each_order_once_under_ids_of_their_own(stand: Stand) -> None:
    add(stand, naming="Spec")
    stand.save()
    async with stand.running() as run:
        await both_ready(run)
        order = stand.order()
        await stand.arrives(order, key=KEY)
        await stand.arrives(order, key=NEXT_KEY)
        await stand.saleor.settled()
    assert len(stand.saleor.apps) == 2
    one, two = messages(stand, KEY), messages(stand, NEXT_KEY)
    assert "Saleor Order Created" in {each["event"] for each in one}
    assert "Order Completed" in {each["event"] for each in two}
    assert len({each["messageId"] for each in (*one, *two)}) == len(one) + len(two)
    assert stand.segment.inbox.totals()["dropped"] == {}


async def test_two_channels_of_a_shop_go_to_a_source_each(stand: Stand) -> None:
    stand.spec["tracking"] = {"channels": [PLN]}
    add(stand, channels=[USD])
    stand.save()
    async with stand.running() as run:
        await both_ready(run)
        shop = stand.saleor.shop
        zlotys, dollars = [shop.place_order(PLN).id], [shop.place_order(USD).id]
        await stand.arrives(*zlotys, key=KEY)
        await stand.arrives(*dollars, key=NEXT_KEY)
        await stand.saleor.settled()
        zlotys.append(shop.place_order(PLN).id)
        dollars.append(shop.place_order(USD).id)
        await stand.arrives(*zlotys, key=KEY)
        await stand.arrives(*dollars, key=NEXT_KEY)
    assert stand.arrived(key=KEY) == set(zlotys)
    assert stand.arrived(key=NEXT_KEY) == set(dollars)


async def test_a_source_taken_out_leaves_the_other_as_it_is(stand: Stand) -> None:
    first, *secrets = stand.documents
    add(stand)
    stand.save()
    async with stand.running() as run:
        await both_ready(run)
        (kept,) = (app for app in stand.saleor.apps if app.name.endswith("main-shop"))
        stand.save([first, *secrets, stand.documents[-1]])
        await run.said(lambda line: "Gone" in line)
        await stand.arrives(stand.order(), key=KEY)
    assert stand.saleor.apps == [kept]
    assert messages(stand, NEXT_KEY) == []
