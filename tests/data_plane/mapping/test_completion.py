"""Order Completed comes once per order, whatever else is remembered of it, in any order."""

from decimal import Decimal
from itertools import permutations

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.mapping.deliveries import PIPELINE, Json, with_options
from tests.data_plane.mapping.forwarded import Forwarded
from tests.data_plane.mapping.shop import CREATED, RefundedOrder

ORDER_ID = "T3JkZXI6Nw=="
COMPLETING = {
    "Created": Event.ORDER_CREATED,
    "Confirmed": Event.ORDER_CONFIRMED,
    "FullyPaid": Event.ORDER_FULLY_PAID,
}


def spec(completed_on: str) -> Forwarded:
    return Forwarded(with_options(naming="Spec", completedOn=completed_on))


def order(**fields: object) -> Json:
    return {"order": {"id": ORDER_ID, "created": CREATED, **fields}}


@pytest.mark.parametrize("completed_on", COMPLETING)
def test_an_order_is_completed_once(completed_on: str) -> None:
    forwarded = spec(completed_on)
    event = COMPLETING[completed_on]
    assert forwarded.names(event, order(number="1")) == ["Order Completed"]
    assert forwarded.names(event, order(number="2")) == []
    assert forwarded.rows == {ORDER_ID: LedgerRow(completed=True)}


@pytest.mark.parametrize("first", COMPLETING)
@pytest.mark.parametrize("then", COMPLETING)
def test_an_order_is_completed_once_though_the_option_changed_meanwhile(
    first: str, then: str
) -> None:
    forwarded = spec(first)
    forwarded.take(COMPLETING[first], order())
    forwarded.pipeline = spec(then).pipeline
    names = [name for event in COMPLETING.values() for name in forwarded.names(event, order())]
    assert "Order Completed" not in names
    assert len(names) == 2  # what the others say is still sent


def test_an_order_sent_under_saleors_name_is_completed_when_it_is_paid() -> None:
    forwarded = Forwarded(PIPELINE)
    assert forwarded.names(Event.ORDER_CREATED, order()) == ["Saleor Order Created"]
    assert forwarded.rows == {}
    forwarded.pipeline = spec("FullyPaid").pipeline
    assert forwarded.names(Event.ORDER_FULLY_PAID, order()) == ["Order Completed"]


def test_with_a_name_of_ones_own_an_order_is_completed_once_too() -> None:
    forwarded = Forwarded(with_options(naming="Spec", names={"ORDER_CREATED": "Bought"}))
    assert forwarded.names(Event.ORDER_CREATED, order()) == ["Bought"]
    assert forwarded.names(Event.ORDER_CREATED, order(number="2")) == []


def test_paid_again_after_a_reversal_is_told_where_it_completes_nothing() -> None:
    forwarded = spec("Created")
    for number in ("1", "2"):
        assert forwarded.names(Event.ORDER_FULLY_PAID, order(number=number)) == ["Order Fully Paid"]


def test_an_order_of_another_shop_or_pipeline_is_another_order() -> None:
    forwarded = spec("Created")
    assert forwarded.names(Event.ORDER_CREATED, order()) == ["Order Completed"]
    assert forwarded.names(Event.ORDER_CREATED, order(id="T3JkZXI6OA==")) == ["Order Completed"]


@pytest.mark.parametrize("completed_on", COMPLETING)
def test_refunds_and_completion_keep_out_of_each_others_way(completed_on: str) -> None:
    refunds = RefundedOrder()
    refunds.refund("10")
    first = refunds.body()
    refunds.refund("15")
    deliveries: list[tuple[Event, bytes | Json]] = [
        (COMPLETING[completed_on], order()),
        (COMPLETING[completed_on], order(number="again")),
        (Event.ORDER_REFUNDED, first),
        (Event.ORDER_REFUNDED, refunds.body()),
    ]
    for arrival in permutations(deliveries):
        forwarded = spec(completed_on)
        names = [name for event, body in arrival for name in forwarded.names(event, body)]
        assert sorted(names) == ["Order Completed", "Order Refunded", "Order Refunded"]
        refunded = [m for m in forwarded.sent if m["event"] == "Order Refunded"]
        assert sorted(m["properties"]["total"] for m in refunded) == [10, 15]
        assert forwarded.rows[ORDER_ID].completed
        assert forwarded.rows[ORDER_ID].refunded == 25


def test_earlier_refunds_of_an_older_order_are_none_of_ours_though_it_is_known() -> None:
    refunds = RefundedOrder()
    refunds.refund("10", at="2026-11-24T12:00:00+00:00")
    refunds.refund("3", at="2026-11-26T12:00:00+00:00")
    forwarded = spec("FullyPaid")
    since = {"since": "2026-11-25T00:00:00Z"}
    forwarded.pipeline = forwarded.pipeline.model_validate(forwarded.pipeline.document() | since)
    assert forwarded.names(Event.ORDER_FULLY_PAID, order()) == ["Order Completed"]
    (refund,) = forwarded.take(Event.ORDER_REFUNDED, refunds.body())
    assert refund["properties"]["total"] == 3
    assert forwarded.rows[ORDER_ID].refunded == Decimal(13)
