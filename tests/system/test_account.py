"""The demo's account finds what is lost, doubled or a cent off: it could fail."""

from decimal import Decimal
from typing import Any

import pytest

from tests.system.account import Telling, draw_up

AT = "2026-11-24T19:33:04.372373+00:00"
MOMENT = "2026-11-24T19:33:04.372Z"


def delivery(event: str, order: str = "1", outcome: str = "acknowledged") -> dict[str, Any]:
    return {"event": event, "order": order, "issuedAt": AT, "outcome": outcome, "statuses": [200]}


def message(event: str, order: str = "1", **properties: Any) -> dict[str, Any]:
    money = {"order_id": order, "currency": "PLN"}
    return {"event": event, "originalTimestamp": MOMENT, "properties": money | properties}


def created(order: str = "1", revenue: float = 10.1) -> dict[str, Any]:
    return message("Saleor Order Created", order, revenue=revenue)


def refunded(total: float, order: str = "1") -> dict[str, Any]:
    return message("Saleor Order Refunded", order, total=total)


ORDERS = {"1": {"currency": "PLN", "revenue": "10.10", "refunded": "3.00"}}
DELIVERIES = [
    delivery("ORDER_CREATED"),
    delivery("ORDER_UPDATED"),
    delivery("ORDER_REFUNDED"),
    delivery("ORDER_REFUNDED"),
]
MESSAGES = [created(), message("Saleor Order Updated"), refunded(1), refunded(2)]


def test_a_good_day_balances() -> None:
    account = draw_up(DELIVERIES, MESSAGES, ORDERS)
    assert account.balanced
    assert account.summary == "4 emitted, 4 arrived, 0 lost, 0 doubled"
    assert account.segment == {"PLN": {"revenue": Decimal("10.1"), "refunded": Decimal(3)}}


def test_one_message_may_tell_two_refunds() -> None:
    assert draw_up(DELIVERIES, [*MESSAGES[:2], refunded(3)], ORDERS).balanced


@pytest.mark.parametrize(
    ("messages", "summary"),
    [
        (MESSAGES[1:], "4 emitted, 3 arrived, 1 lost, 0 doubled"),
        ([MESSAGES[0], *MESSAGES[2:]], "4 emitted, 3 arrived, 1 lost, 0 doubled"),
        (MESSAGES[:3], "4 emitted, 2 arrived, 2 lost, 0 doubled"),
        ([*MESSAGES, MESSAGES[1]], "4 emitted, 4 arrived, 0 lost, 1 doubled"),
        ([*MESSAGES, refunded(1)], "4 emitted, 4 arrived, 0 lost, 1 doubled"),
        ([*MESSAGES, created("2")], "4 emitted, 4 arrived, 0 lost, 1 doubled"),
    ],
)
def test_what_is_lost_or_doubled_is_counted(messages: list[dict[str, Any]], summary: str) -> None:
    account = draw_up(DELIVERIES, messages, ORDERS)
    assert account.summary == summary
    assert not account.balanced


def test_a_cent_is_noticed() -> None:
    account = draw_up(DELIVERIES, [created(revenue=10.11), *MESSAGES[1:]], ORDERS)
    assert account.summary.endswith("0 lost, 0 doubled")
    assert not account.balanced


def test_what_was_never_acknowledged_and_did_not_arrive_is_lost() -> None:
    failed = [delivery("ORDER_CREATED", outcome="failed")]
    account = draw_up(failed, [], {})
    assert account.summary == "1 emitted, 0 arrived, 1 lost, 0 doubled"


SPEC = Telling.spec("Confirmed", changes_only=True)
SOLD = {"1": ORDERS["1"] | {"shipping": "2", "tax": "1", "total": "13.1"}}
EMITTED = [
    delivery("ORDER_CONFIRMED"),
    delivery("ORDER_CONFIRMED"),
    delivery("ORDER_UPDATED"),
    delivery("ORDER_REFUNDED"),
]


def completed(**changes: Any) -> dict[str, Any]:
    amounts = {"revenue": 10.1, "shipping": 2, "tax": 1.0, "total": 13.1}
    return message("Order Completed", **(amounts | changes))


def told(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    return [*messages, message("Order Refunded", total=3)]


def test_with_spec_an_order_that_is_completed_once_balances() -> None:
    account = draw_up(EMITTED, told(completed()), SOLD, telling=SPEC)
    assert account.balanced
    assert account.segment["PLN"]["tax"] == Decimal(1)


@pytest.mark.parametrize(
    ("messages", "summary"),
    [
        (told(completed(), completed()), "4 emitted, 4 arrived, 0 lost, 1 doubled"),
        (told(), "4 emitted, 2 arrived, 2 lost, 0 doubled"),
        (
            told(completed(), message("Order Updated"), message("Order Updated")),
            "4 emitted, 4 arrived, 0 lost, 1 doubled",
        ),
        (told(completed(tax=1.01)), "4 emitted, 4 arrived, 0 lost, 0 doubled"),
        (told(completed(shipping=1.99)), "4 emitted, 4 arrived, 0 lost, 0 doubled"),
    ],
)
def test_with_spec_what_is_wrong_is_noticed(messages: list[dict[str, Any]], summary: str) -> None:
    account = draw_up(EMITTED, messages, SOLD, telling=SPEC)
    assert account.summary == summary
    assert not account.balanced


def test_with_spec_an_order_that_was_never_completed_does_not_count() -> None:
    other = SOLD["1"] | {"refunded": "0"}
    assert draw_up(EMITTED, told(completed()), SOLD | {"2": other}, telling=SPEC).balanced
