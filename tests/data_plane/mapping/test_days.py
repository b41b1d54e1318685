"""Days of a simulated shop, mapped in any order and doubled: sums, and how the ledger ends."""

import functools
import itertools
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event, Tracking
from tests.data_plane.mapping.deliveries import (
    Captured,
    Json,
    of_our_events,
    refund_series,
    with_options,
)
from tests.data_plane.mapping.forwarded import Forwarded
from tests.data_plane.mapping.golden import OPTION_SETS
from tests.data_plane.mapping.rules import STEADY
from tests.data_plane.mapping.simulated import delivered
from tests.data_plane.mapping.test_simulated import exact
from tests.twins.saleor import JPY, KWD, PLN, USD, Figures, Order, Shop
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.shop.day import EXTRAS, Kind, plan_day
from tests.twins.saleor.shop.stock import catalogue

ORDERS = 120
DAY = Kind(
    channels=((PLN, 3), (USD, 2), (JPY, 1), (KWD, 1)),
    most_updates=2,
    vouchers=tuple((code, 1) for code in ("", *catalogue().vouchers)),
    extras=tuple((extra, 1) for extra in EXTRAS),
)
COMPLETED_ON = {
    "Created": "ORDER_CREATED",
    "Confirmed": "ORDER_CONFIRMED",
    "FullyPaid": "ORDER_FULLY_PAID",
}
REVERSED = "odd-events"  # the one captured order where a refund was taken back

Delivered = tuple[Event, str, bytes]
"""An event, the order's id and the body."""


@functools.cache
def day() -> tuple[Shop, list[Delivered]]:
    """Return a shop after its day, and its deliveries, each rendered when it happened."""
    told = list[Delivered]()

    def emit(event: str, subject: Any) -> None:
        if isinstance(subject, Order) and event in Event.__members__:
            told.append((Event[event], subject.id, delivered(Event[event], subject, Tracking())))

    shop = Shop(rng=Random(5), time=Timekeeper(lambda: 1_800_000_000.0), emit=emit)
    orders = list[Order]()
    for happening in plan_day(Random(5), ORDERS, DAY):
        happening.happen(shop, orders)
    for number, order in enumerate(orders[::3]):
        shop.update(order, email=f"typed.wrong{number}@example.net")  # an update that says more
        shop.update(order, street="Sample Street 4")
    return shop, told


def named(messages: Sequence[Json], name: str) -> list[Json]:
    return [message["properties"] for message in messages if message.get("event") == name]


def sums(messages: Sequence[Json], name: str, *amounts: str) -> dict[str, list[Decimal]]:
    """Add up amounts of the messages with this name, by currency."""
    found = dict[str, list[Decimal]]()
    for properties in named(messages, name):
        so_far = found.setdefault(properties["currency"], [Decimal(0)] * len(amounts))
        for at, amount in enumerate(amounts):
            so_far[at] += exact(properties[amount])
    return found


def shuffled(seed: int) -> list[Delivered]:
    """Return the day's deliveries in an order that Saleor never promised, some of them twice."""
    rng, deliveries = Random(seed), day()[1]
    mixed = [*deliveries, *rng.sample(deliveries, len(deliveries) // 3)]
    rng.shuffle(mixed)
    return mixed


@pytest.mark.parametrize("updates", ["All", "Changed"])
@pytest.mark.parametrize("completed_on", COMPLETED_ON)
def test_a_shuffled_day_adds_up_to_what_the_shop_sold(completed_on: str, updates: str) -> None:
    shop, deliveries = day()
    options = {"naming": "Spec", "completedOn": completed_on, "updates": updates}
    forwarded = Forwarded(with_options(**options))
    for event, _, body in shuffled(len(completed_on)):
        forwarded.take(event, body)
    counted = {order for event, order, _ in deliveries if event == COMPLETED_ON[completed_on]}
    once = Counter(p["order_id"] for p in named(forwarded.sent, "Order Completed"))
    assert once == Counter(counted)
    due, refunds = dict[str, list[Decimal]](), dict[str, list[Decimal]]()
    for order in shop.orders.values():
        figures = Figures.of(order)
        amounts = [figures.revenue, figures.tax, figures.shipping, figures.total]
        if order.id in counted:
            _add(due, order.currency, amounts)
        if figures.refunded:
            _add(refunds, order.currency, [figures.refunded])
    told = sums(forwarded.sent, "Order Completed", "revenue", "tax", "shipping", "total")
    assert told == due
    assert sums(forwarded.sent, "Order Refunded", "total") == refunds
    assert len(due) == len(refunds) == 4


def _add(sums: dict[str, list[Decimal]], currency: str, amounts: list[Decimal]) -> None:
    so_far = sums.get(currency, [Decimal(0)] * len(amounts))
    sums[currency] = [one + other for one, other in zip(so_far, amounts, strict=True)]


@pytest.mark.parametrize("name", OPTION_SETS)
def test_with_each_option_the_ledger_ends_with_what_was_paid_back(name: str) -> None:
    pipeline = with_options(**OPTION_SETS[name])
    forwarded = Forwarded(pipeline)
    for event, _, body in shuffled(7):
        forwarded.take(event, body)
    channels = set(pipeline.tracking.channels)
    for order in day()[0].orders.values():
        if order.total_refunded.amount and (not channels or order.channel.slug in channels):
            assert forwarded.rows[order.id].refunded == order.total_refunded.amount


def test_with_changed_updates_segment_knows_at_every_moment_what_it_would_with_all() -> None:
    every = Forwarded(with_options(updates="All"))
    changed = Forwarded(with_options(updates="Changed"))
    last_of_every, last_of_changed = dict[str, Json](), dict[str, Json]()
    for event, order, body in day()[1]:
        for forwarded, last in ((every, last_of_every), (changed, last_of_changed)):
            for message in forwarded.take(event, body):
                if event is not Event.ORDER_REFUNDED:
                    last[order] = message["properties"]
        assert last_of_every == last_of_changed
    assert len(changed.sent) < len(every.sent)


STRAIGHT = [series for series in refund_series().values() if REVERSED not in series[0].name]


def _of_order(order: str) -> list[Captured]:
    """Return every captured delivery of one order."""
    return [one for one in of_our_events("webhooks2") if one.document["order"]["id"] == order]


@STEADY
@given(st.data(), st.sampled_from(sorted(OPTION_SETS)))
def test_captured_refunds_among_all_else_of_their_order_end_right_with_each_option(
    data: st.DataObject, name: str
) -> None:
    order = data.draw(st.sampled_from(STRAIGHT))[0].document["order"]["id"]
    captures = _of_order(order)
    final = max(
        Decimal(str(one.document["order"]["totalRefunded"]["amount"]))
        for one in captures
        if one.event is Event.ORDER_REFUNDED
    )
    forwarded = Forwarded(with_options(**OPTION_SETS[name]))
    for one in data.draw(st.permutations([*captures, *captures[::2]])):
        forwarded.take(one.event, one.body)
    told = [m for m in forwarded.sent if "total_refunded" in m.get("properties", {})]
    if _is_silent(captures[0], OPTION_SETS[name]):
        assert told == []
    else:
        assert sum(exact(m["properties"]["total"]) for m in told) == final
        assert forwarded.rows[order].refunded == final


def _is_silent(one: Captured, options: Json) -> bool:
    """Tell whether nothing may be told of an order without a record of consent."""
    channel = one.document["order"]["channel"]["slug"]
    drops = options.get("consent", {}).get("unknown") == "Drop"
    return drops or channel not in options.get("channels", [channel])


@pytest.mark.parametrize(
    "series", [s for s in STRAIGHT if len(s) <= 4], ids=lambda s: s[0].name.partition(".")[2]
)
def test_every_order_of_arrival_of_captured_refunds_ends_right(series: list[Captured]) -> None:
    order = series[0].document["order"]["id"]
    final = exact(series[-1].document["order"]["totalRefunded"]["amount"])
    for arrival in itertools.permutations(series):
        forwarded = Forwarded()
        for one in arrival:
            forwarded.take(one.event, one.body)
        assert sum(exact(m["properties"]["total"]) for m in forwarded.sent) == final
        assert forwarded.rows[order].refunded == final
