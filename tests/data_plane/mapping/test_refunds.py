"""Refund amounts: what is sent adds up to what was refunded, however deliveries arrive."""

import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.mapping.deliveries import (
    PIPELINE,
    Captured,
    messages_of,
    refund_series,
    with_options,
)
from tests.data_plane.mapping.orders import global_id
from tests.data_plane.mapping.rules import STEADY
from tests.data_plane.mapping.shop import CREATED, Ledger, RefundedOrder

REVERSED = "odd-events"  # the one captured order where a refund was taken back


def _since(*, hours: int) -> Pipeline:
    """Return a pipeline that began so long after the order was created."""
    began = datetime.fromisoformat(CREATED) + timedelta(hours=hours)
    return PIPELINE.model_copy(update={"since": began})


def _at(hours: int) -> str:
    return (datetime.fromisoformat(CREATED) + timedelta(hours=hours)).isoformat()


@pytest.fixture
def order() -> RefundedOrder:
    return RefundedOrder()


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_two_manual_refunds_in_one_take_are_their_two_amounts(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund_manually("10.00")
    first = order.body()
    order.refund_manually("57.03")
    assert ledger.take(first, order.body()) == [10.0, 57.03]
    assert ledger.row is not None
    assert ledger.row.refunded == Decimal("67.03")


def test_two_refunds_close_together_with_the_same_total_are_told_once_each(
    order: RefundedOrder, ledger: Ledger
) -> None:
    ids = {order.refund("10"), order.refund("15")}
    bodies = [order.body(), order.body().replace(b"12:00:00+00:00", b"12:00:01+00:00", 1)]
    assert ledger.take(*bodies) == [10.0, 15.0]
    assert ledger.row == LedgerRow(Decimal("25.0"), 1, frozenset(ids))


def test_several_refunds_in_one_payload_come_in_the_order_they_happened(
    order: RefundedOrder, ledger: Ledger
) -> None:
    for hour, amount in ((3, "3"), (1, "1"), (2, "2")):
        order.refund(amount, _at(hour))
    assert ledger.take(order.body()) == [1.0, 2.0, 3.0]
    assert [m["properties"]["total_refunded"] for m in ledger.sent] == [6.0, 6.0, 6.0]


def test_a_stale_body_tells_nothing(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("12.34")
    stale = order.body()
    order.refund("20.01")
    assert ledger.take(order.body()) == [12.34, 20.01]
    row = ledger.row
    assert ledger.take(stale) == []
    assert ledger.row == row


def test_a_repeated_body_tells_nothing(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("12.34")
    ledger.take(order.body())
    assert ledger.take(order.body(), order.body()) == []


def test_a_reversal_tells_nothing_and_lowers_the_ledger(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    ledger.take(order.body())
    order.reverse("10")
    assert ledger.take(order.body()) == []
    assert ledger.row is not None
    assert ledger.row.refunded == 0


def test_a_refund_after_a_told_reversal_is_told(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("10")
    ledger.take(order.body())
    order.reverse("10")
    ledger.take(order.body())
    order.refund("5")
    assert ledger.take(order.body()) == [5.0]


def test_a_body_from_before_a_reversal_does_not_bring_the_refund_back(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    stale = order.body()
    ledger.take(stale)
    order.reverse("10")
    order.refund("5")
    assert ledger.take(order.body()) == []  # the total fell from 10 to 5
    assert ledger.take(stale) == []
    order.refund("3")
    assert ledger.take(order.body()) == [3.0]


def test_a_refund_that_failed_later_is_taken_back_too(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("10")
    ledger.take(order.body())
    order.fail("10")
    order.refund("4")
    assert ledger.take(order.body()) == []
    order.refund("3")
    assert ledger.take(order.body()) == [3.0]


def test_an_amount_lowered_by_hand_is_taken_back_too(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("10")
    ledger.take(order.body())
    order.refund("-4")  # transactionUpdate tells it so
    order.refund("1")
    assert ledger.take(order.body()) == []
    order.refund("2")
    assert ledger.take(order.body()) == [2.0]


def test_a_total_that_fell_though_nothing_was_taken_back_was_read_too_early(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("4")
    ledger.take(order.body())
    order.refund("6")
    assert ledger.take(order.body(total=Decimal(0))) == []
    assert ledger.take(order.body()) == [6.0]


def test_the_same_total_after_a_reversal_is_another_message(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    order.refund("-3")
    order.refund("3")
    ledger.take(order.body())
    order.reverse("10")
    ledger.take(order.body())
    order.refund("13")
    order.refund("-3")
    ledger.take(order.body())
    assert [m["properties"]["total"] for m in ledger.sent] == [10.0, 10.0]
    assert len({message["messageId"] for message in ledger.sent}) == 2


def test_events_that_do_not_add_up_become_one_message(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("10")
    order.refund("5")
    assert ledger.take(order.body(total=Decimal(12))) == [12.0]
    assert "refund_is_cumulative" not in ledger.sent[0]["properties"]
    assert ledger.take(order.body(total=Decimal(12))) == []


def test_a_body_read_between_an_event_and_its_sum_loses_nothing(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("4")
    before = order.total
    order.refund("6")
    assert ledger.take(order.body(total=before)) == [4.0]
    assert ledger.take(order.body()) == [6.0]


def test_a_first_refund_of_an_order_younger_than_the_pipeline_is_all_of_it(
    order: RefundedOrder,
) -> None:
    order.refund("10")
    assert Ledger(_since(hours=-1)).take(order.body()) == [10.0]
    assert Ledger(_since(hours=0)).take(order.body()) == [10.0]


def test_without_since_every_order_is_younger(order: RefundedOrder) -> None:
    order.refund_manually("10")
    undated = order.body().replace(b'"created"', b'"createdBefore"')
    for body in (order.body(), undated):
        ledger = Ledger(PIPELINE.model_copy(update={"since": None}))
        assert ledger.take(body) == [10.0]
        assert "refund_is_cumulative" not in ledger.sent[0]["properties"]


def test_of_an_older_order_only_refunds_since_the_pipeline_began_are_told(
    order: RefundedOrder,
) -> None:
    order.refund("10", _at(1))
    order.refund("7", _at(3))
    ledger = Ledger(_since(hours=2))
    assert ledger.take(order.body()) == [7.0]
    assert "refund_is_cumulative" not in ledger.sent[0]["properties"]
    order.refund("2", _at(4))
    assert ledger.take(order.body()) == [2.0]


def test_of_an_older_order_refunds_without_events_are_no_part_of_the_first(
    order: RefundedOrder,
) -> None:
    order.refund_manually("40")
    order.refund("7", _at(3))
    assert Ledger(_since(hours=2)).take(order.body()) == [7.0]


def test_of_an_older_order_a_reversal_counts_against_what_was_refunded(
    order: RefundedOrder,
) -> None:
    order.refund("20", _at(1))
    order.refund("10", _at(3))
    order.reverse("10", _at(4))
    order.refund("5", _at(5))
    assert Ledger(_since(hours=2)).take(order.body()) == [5.0]


def test_of_an_older_order_no_more_is_told_than_was_refunded(order: RefundedOrder) -> None:
    order.refund("10", _at(3))
    order.fail("10")
    order.refund("5", _at(5))
    assert Ledger(_since(hours=2)).take(order.body()) == [5.0]


def test_of_an_older_order_without_events_the_first_message_is_cumulative(
    order: RefundedOrder,
) -> None:
    order.refund_manually("40")
    ledger = Ledger(_since(hours=2))
    assert ledger.take(order.body()) == [40.0]
    assert ledger.sent[0]["properties"]["refund_is_cumulative"] is True
    order.refund_manually("2")
    assert ledger.take(order.body()) == [2.0]
    assert "refund_is_cumulative" not in ledger.sent[1]["properties"]


def test_of_an_older_order_refunds_from_before_alone_tell_nothing(order: RefundedOrder) -> None:
    order.refund("10", _at(1))
    ledger = Ledger(_since(hours=2))
    assert ledger.take(order.body()) == []
    assert ledger.row is None


def test_a_body_that_does_not_tell_its_events_goes_by_the_total() -> None:
    known = LedgerRow(Decimal(10), 1, frozenset({"an-event"}))
    refunded = {"amount": 12.5, "currency": "EUR"}
    body = {"order": {"id": global_id("Order", 7), "totalRefunded": refunded}}
    (message,), after = messages_of(Event.ORDER_REFUNDED, body, known)
    assert message["properties"]["total"] == 2.5
    assert message["properties"]["currency"] == "EUR"
    assert after == LedgerRow(Decimal("12.5"), 2, known.seen)
    assert messages_of(Event.ORDER_REFUNDED, body, after) == ([], None)


def test_a_body_from_before_the_first_event_is_stale(order: RefundedOrder) -> None:
    order.refund_manually("12")
    known = LedgerRow(Decimal(10), 1, frozenset({"an-event"}))
    assert Ledger(row=known).take(order.body()) == []


def test_a_refund_that_may_not_be_told_is_not_told_with_the_next(order: RefundedOrder) -> None:
    consent = {"metadataKey": "consent", "categories": {"Advertising": "ads"}, "unknown": "Drop"}
    ledger = Ledger(with_options(consent=consent))
    order.refund("10")
    assert ledger.take(order.body()) == []
    order.refund("5")
    agreed = json.loads(order.body())
    agreed["order"]["metafields"] = {"consent": "ads"}
    assert ledger.take(json.dumps(agreed).encode()) == [5.0]
    assert ledger.row is not None
    assert ledger.row.refunded == 15


def test_a_refund_by_hand_beside_one_by_transaction_is_told(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    assert ledger.take(order.body()) == [10.0]
    order.refund_manually("4")
    assert ledger.take(order.body(), order.body()) == [4.0]
    order.refund("1")
    order.refund_manually("2")
    assert ledger.take(order.body()) == [3.0]


def test_a_repeated_report_among_several_refunds_is_told_once(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    order.refund("5")
    assert ledger.take(order.body()) == [10.0, 5.0]
    order.refund("1")
    assert ledger.take(order.body(), order.body()) == [1.0]
    ids = [message["messageId"] for message in ledger.sent]
    assert len(set(ids)) == 3


def test_refunds_by_hand_of_one_take_see_each_other(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund_manually("10")
    first = order.body()
    order.refund_manually("57.03")
    assert ledger.take(first, order.body()) == [10.0, 57.03]


def test_a_null_order_tells_nothing() -> None:
    assert messages_of(Event.ORDER_REFUNDED, {"order": None}) == ([], None)


def test_a_refund_without_its_total_is_unmappable() -> None:
    with pytest.raises(Unmappable, match="totalRefunded"):
        messages_of(Event.ORDER_REFUNDED, {"order": {"id": global_id("Order", 7)}})


def test_a_refund_says_its_amount_and_not_the_orders_revenue(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("10")
    ledger.take(order.body())
    properties = ledger.sent[0]["properties"]
    assert properties["total"] == properties["value"] == 10.0
    assert properties["currency"] == "USD"
    assert properties["total_gross_amount"] == 100.0
    assert properties.keys().isdisjoint({"revenue", "subtotal", "tax", "shipping", "discount"})
    assert properties["products"] == []
    assert properties["lines"] == [
        {
            "line_id": global_id("OrderLine", number),
            "variant_id": global_id("ProductVariant", number),
            "variant": "M",
            "sku": f"sku-{number}",
        }
        for number in (1, 2)
    ]


def test_a_full_refund_has_every_product(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("100")
    ledger.take(order.body())
    products = ledger.sent[0]["properties"]["products"]
    assert [(p["name"], p["quantity"], p["price"]) for p in products] == [
        ("Product 1", 4, 10.0),
        ("Product 2", 4, 10.0),
    ]


def test_the_last_part_of_a_full_refund_has_no_products(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.refund("60")
    ledger.take(order.body())
    order.refund("40")
    ledger.take(order.body())
    assert [message["properties"]["products"] for message in ledger.sent] == [[], []]


def test_a_granted_refund_has_the_lines_it_was_granted_for(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.grant(order.refund("30"), [(2, 3)])
    order.refund("1")
    ledger.take(order.body())
    granted, other = (message["properties"]["products"] for message in ledger.sent)
    assert [(p["line_id"], p["quantity"]) for p in granted] == [(global_id("OrderLine", 2), 3)]
    assert other == []


def test_a_line_granted_in_parts_is_refunded_in_all_of_them(
    order: RefundedOrder, ledger: Ledger
) -> None:
    order.grant(order.refund("30"), [(2, 1), (1, 1), (2, 2), (2, None)])
    ledger.take(order.body())
    products = ledger.sent[0]["properties"]["products"]
    assert [(p["name"], p["quantity"]) for p in products] == [("Product 1", 1), ("Product 2", 3)]


def test_a_granted_line_without_its_quantity_has_none(order: RefundedOrder, ledger: Ledger) -> None:
    order.grant(order.refund("30"), [(2, None)])
    ledger.take(order.body())
    (product,) = ledger.sent[0]["properties"]["products"]
    assert product["name"] == "Product 2"
    assert "quantity" not in product


@pytest.mark.parametrize("name", ["legacy", "refunds", "jpy", "two-refunds-equal", "worker-paused"])
def test_captured_refunds_in_the_order_issued_add_up(name: str) -> None:
    (series,) = [s for s in refund_series().values() if s[0].name.split(".")[1] == name]
    ledger = Ledger()
    ledger.take(*(one.body for one in series))
    assert ledger.told == _final(series)


def test_the_captured_reversal_keeps_the_higher_sum_as_documented() -> None:
    (series,) = [s for s in refund_series().values() if REVERSED in s[0].name]
    ledger = Ledger()
    assert ledger.take(*(one.body for one in series)) == [10.0]
    assert _final(series) == 5


def _final(series: list[Captured]) -> Decimal:
    return Decimal(str(series[-1].document["order"]["totalRefunded"]["amount"]))


STRAIGHT = [series for series in refund_series().values() if REVERSED not in series[0].name]


@STEADY
@given(st.data())
def test_captured_refunds_in_any_order_and_doubled_add_up(data: st.DataObject) -> None:
    series = data.draw(st.sampled_from(STRAIGHT))
    ledger = Ledger()
    ledger.take(*(one.body for one in data.draw(st.permutations(series * 2))))
    assert ledger.told == _final(series)


def test_nearly_every_captured_series_is_tried() -> None:
    assert len(STRAIGHT) == len(refund_series()) - 1
    assert len(STRAIGHT) >= 10


@STEADY
@given(st.data())
def test_refunds_in_any_order_doubled_and_read_too_early_add_up(data: st.DataObject) -> None:
    """Nothing is taken back here: what the rule promises holds for all else."""
    order, bodies, totals = RefundedOrder(), [], [Decimal(0)]
    manually = data.draw(st.booleans())
    for cents in data.draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=5)):
        amount = str(Decimal(cents) / 100)
        if manually:
            order.refund_manually(amount)
        else:
            order.refund(amount)
            # Saleor may read the sums of a moment before, never the events of one.
            bodies.append(order.body(total=data.draw(st.sampled_from(totals))))
        bodies.append(order.body())
        totals.append(order.total)
    ledger = Ledger()
    ledger.take(*data.draw(st.permutations(bodies * 2)))
    assert ledger.told == order.total
    assert ledger.row is not None
    assert ledger.row.refunded == order.total


def test_a_ledger_row_is_read_back_as_it_was_stored(order: RefundedOrder, ledger: Ledger) -> None:
    order.refund("10.10")
    ledger.take(order.body())
    assert ledger.row is not None
    assert LedgerRow.from_json(ledger.row.to_json()) == ledger.row
