"""With ``updates: Changed`` an update is sent where something that is sent has changed."""

import pytest

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import Json, with_options
from tests.data_plane.mapping.forwarded import Forwarded
from tests.data_plane.mapping.shop import RefundedOrder

LINE = {"id": "l", "quantity": 1, "productName": "Tee", "thumbnail": {"url": "https://x/thumb"}}


def order(**fields: object) -> Json:
    known = {"id": "T3JkZXI6Nw==", "status": "UNFULFILLED", "lines": [LINE]}
    return {"issuedAt": "2026-11-24T12:00:00Z", "order": known | fields}


@pytest.fixture
def changed() -> Forwarded:
    return Forwarded(with_options(updates="Changed"))


def updates(forwarded: Forwarded, body: Json) -> int:
    return len(forwarded.take(Event.ORDER_UPDATED, body))


def test_an_update_that_says_what_was_said_is_not_sent(changed: Forwarded) -> None:
    assert updates(changed, order()) == 1
    assert updates(changed, order()) == 0
    assert updates(changed, order(status="FULFILLED")) == 1
    assert updates(changed, order()) == 1  # it went back


@pytest.mark.parametrize(
    "body",
    [
        order() | {"issuedAt": "2026-11-25T12:00:00Z"},
        order(created="2026-11-24T00:00:00Z"),
        order(notMapped="at all"),
        order(shippingMethodName=""),
        order(lines=[LINE | {"thumbnail": {"url": "https://x/media"}}]),
    ],
)
def test_what_is_not_sent_or_changes_by_itself_is_no_change(changed: Forwarded, body: Json) -> None:
    updates(changed, order())
    assert updates(changed, body) == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"voucherCode": "TEN"},
        {"userEmail": "buyer@example.net"},
        {"metafields": {"segment_anonymous_id": "web-1"}},
        {"lines": [LINE | {"quantity": 2}]},
        {"lines": [LINE, LINE]},
    ],
)
def test_a_change_of_the_order_or_of_whose_it_is_is_sent(changed: Forwarded, fields: Json) -> None:
    updates(changed, order())
    assert updates(changed, order(**fields)) == 1


@pytest.mark.parametrize("event", [Event.ORDER_CREATED, Event.ORDER_FULLY_PAID])
def test_an_update_beside_another_event_says_nothing_new(changed: Forwarded, event: Event) -> None:
    assert len(changed.take(event, order())) == 1
    assert updates(changed, order()) == 0
    assert len(changed.take(event, order())) == 1  # what happened is always told


def test_a_refund_is_no_state_of_the_order(changed: Forwarded) -> None:
    refunds = RefundedOrder()
    refunds.refund("10")
    updates(changed, order())
    assert len(changed.take(Event.ORDER_REFUNDED, refunds.body())) == 1
    assert updates(changed, order()) == 0


def test_what_was_not_sent_is_not_remembered_as_said() -> None:
    forwarded = Forwarded(with_options(naming="Spec", completedOn="FullyPaid", updates="Changed"))
    forwarded.take(Event.ORDER_FULLY_PAID, order())
    assert forwarded.take(Event.ORDER_FULLY_PAID, order(status="FULFILLED")) == []
    assert updates(forwarded, order(status="FULFILLED")) == 1


def test_by_default_every_update_is_sent_and_nothing_remembered() -> None:
    forwarded = Forwarded()
    assert [updates(forwarded, order()) for _ in range(3)] == [1, 1, 1]
    assert forwarded.rows == {}


@pytest.mark.parametrize(("naming", "sent"), [("Saleor", 1), ("Spec", 0)])
def test_a_draft_is_no_order_of_the_spec(naming: str, sent: int) -> None:
    forwarded = Forwarded(with_options(naming=naming))
    assert updates(forwarded, order(status="DRAFT")) == sent
    assert updates(forwarded, order()) == 1
