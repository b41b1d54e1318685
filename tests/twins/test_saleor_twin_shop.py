"""What happens in the twin's shop is told as Saleor tells it: which events, which statuses."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.twins.saleor import JPY, PLN, USD, Item, Order, Shop
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.shop.day import plan_day

CAPTURED = Path(__file__).parents[1] / "fixtures/saleor/webhooks2"


class Watched:
    """A shop, and the events it told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.shop = Shop(
            rng=Random(0),
            time=Timekeeper(lambda: 1_800_000_000.0),
            emit=lambda event, order: self.told.append(event.removeprefix("ORDER_")),
        )

    def order(self, *, paid: bool = False) -> Order:
        """Place an order, and forget what was told of it."""
        order = self.shop.place_order(paid=paid)
        self.told.clear()
        return order


@pytest.fixture
def watched() -> Watched:
    return Watched()


def _half(order: Order) -> Decimal:
    return (order.total.gross.amount / 2).quantize(Decimal("0.01"))


def _by_hand(shop: Shop, order: Order) -> None:
    shop.mark_as_paid(order)
    shop.refund_manually(order)


OPERATIONS: dict[str, tuple[bool, Callable[[Shop, Order], Any], str]] = {
    "pay in full": (False, lambda shop, order: shop.pay(order), "PAID FULLY_PAID UPDATED"),
    "pay a part": (False, lambda shop, order: shop.pay(order, _half(order)), "PAID UPDATED"),
    "mark as paid": (False, lambda shop, order: shop.mark_as_paid(order), "FULLY_PAID UPDATED"),
    "update": (False, lambda shop, order: shop.update(order, street="Way 1"), "UPDATED"),
    "cancel": (False, lambda shop, order: shop.cancel(order), "CANCELLED UPDATED"),
    "expire": (False, lambda shop, order: shop.expire(order), "EXPIRED UPDATED"),
    "refund a part": (
        True,
        lambda shop, order: shop.refund(order, _half(order)),
        "REFUNDED UPDATED",
    ),
    "refund all": (True, lambda shop, order: shop.refund(order), "REFUNDED UPDATED FULLY_REFUNDED"),
    "refund by hand": (False, _by_hand, "FULLY_PAID UPDATED REFUNDED UPDATED FULLY_REFUNDED"),
    "grant a refund": (True, lambda shop, order: shop.grant_refund(order, {order.lines[0]: 1}), ""),
}
"""Operations: whether the order is paid before, what is done, and the events Saleor has for it."""


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_tells_the_events_saleor_tells(watched: Watched, name: str) -> None:
    paid, operate, events = OPERATIONS[name]
    operate(watched.shop, watched.order(paid=paid))
    assert watched.told == events.split()


def test_a_checkout_tells_more_when_it_is_paid(watched: Watched) -> None:
    watched.shop.place_order()
    assert watched.told == ["CREATED", "CONFIRMED"]
    watched.told.clear()
    watched.shop.place_order(paid=True)
    assert watched.told == ["CREATED", "PAID", "FULLY_PAID", "UPDATED", "CONFIRMED"]


def test_a_gift_card_for_all_of_it_pays_the_order(watched: Watched) -> None:
    watched.shop.place_order(
        items=[Item(watched.shop.catalogue.variants[0], 1)], gift_card=Decimal("105.96")
    )
    assert watched.told == ["CREATED", "PAID", "FULLY_PAID", "UPDATED", "CONFIRMED"]


def test_a_reversed_refund_is_told_as_paid_again(watched: Watched) -> None:
    order = watched.order(paid=True)
    watched.shop.refund(order, Decimal(10))
    watched.told.clear()
    watched.shop.reverse_refund(order, Decimal(10))
    assert watched.told == ["PAID", "FULLY_PAID", "UPDATED"]
    assert order.total_refunded.amount == 0


STATUSES = (
    "status",
    "isPaid",
    "paymentStatus",
    "authorizeStatus",
    "chargeStatus",
    "totalCharged",
    "totalRefunded",
    "totalBalance",
    "totalGrantedRefund",
)


def _captured(name: str) -> dict[str, Any]:
    body = json.loads((CAPTURED / f"{name}.json").read_text())["body"]
    order = json.loads(body, parse_float=Decimal)["order"]
    return {key: _amount(order[key]) for key in STATUSES}


def _amount(value: Any) -> Any:
    return value["amount"] if isinstance(value, dict) else value


def _shown(order: Order) -> dict[str, Any]:
    values = {
        "status": order.status,
        "isPaid": order.is_paid,
        "paymentStatus": order.payment_status,
        "authorizeStatus": order.authorize_status,
        "chargeStatus": order.charge_status,
        "totalCharged": order.total_charged.amount,
        "totalRefunded": order.total_refunded.amount,
        "totalBalance": order.total_balance.amount,
        "totalGrantedRefund": order.total_granted_refund.amount,
    }
    assert values.keys() == {*STATUSES}
    return values


def _buy(shop: Shop, channel: str, **pieces: int) -> Order:
    """Buy pieces of products, by their slugs."""
    by_slug = {variant.product.slug: variant for variant in shop.catalogue.variants}
    items = [Item(by_slug[slug.replace("_", "-")], count) for slug, count in pieces.items()]
    return shop.place_order(channel, items=items)


def _end_promotions(shop: Shop) -> None:
    for variant in shop.catalogue.variants:
        variant.product.promotion = None


def test_refunds_change_an_order_as_captured(watched: Watched) -> None:
    shop = watched.shop
    _end_promotions(shop)
    order = _buy(shop, USD, ascii_tee=2, mighty_mug=3)
    assert _shown(order) == _captured("order-created.refunds")
    shop.pay(order)
    assert _shown(order) == _captured("order-fully-paid.refunds.paid")
    shop.refund(order, Decimal("12.34"))
    assert _shown(order) == _captured("order-refunded.refunds.first-partial")
    shop.refund(order, Decimal("20.01"))
    assert _shown(order) == _captured("order-refunded.refunds.second-partial")
    shop.refund(order)
    assert _shown(order) == _captured("order-refunded.refunds.rest")


def test_refunds_by_hand_change_an_order_as_captured(watched: Watched) -> None:
    shop = watched.shop
    _end_promotions(shop)
    order = _buy(shop, USD, ascii_tee=2, mighty_mug=1)
    assert _shown(order) == _captured("order-created.legacy")
    shop.mark_as_paid(order)
    assert _shown(order) == _captured("order-fully-paid.legacy.mark-paid")
    shop.refund_manually(order, Decimal(10))
    assert _shown(order) == _captured("order-refunded.legacy.refund-partial")
    shop.refund_manually(order)
    assert _shown(order) == _captured("order-refunded.legacy.refund-rest")


def test_a_granted_refund_changes_an_order_as_captured(watched: Watched) -> None:
    shop = watched.shop
    order = _buy(shop, PLN, ascii_tee=2, mighty_mug=3)
    shop.pay(order)
    assert _shown(order) == _captured("order-fully-paid.granted.paid-2")
    granted = shop.grant_refund(order, {order.lines[0]: 1})
    shop.refund(order, granted=granted)
    assert _shown(order) == _captured("order-refunded.granted.refund")
    assert granted.transaction_events == [order.transactions[0].events[0]]


def test_paying_too_much_changes_an_order_as_captured(watched: Watched) -> None:
    shop = watched.shop
    order = _buy(shop, USD, ascii_tee=2, mighty_mug=1)
    shop.pay(order, Decimal("75.41"))
    assert _shown(order) == _captured("order-fully-paid.odd-events.overpaid")
    shop.refund(order, Decimal(10))
    assert _shown(order) == _captured("order-refunded.odd-events.refund-over")
    shop.reverse_refund(order, Decimal(10))
    assert _shown(order) == _captured("order-paid.odd-events.refund-reverse")


def test_yen_have_no_decimals_as_captured(watched: Watched) -> None:
    order = _buy(watched.shop, JPY, ascii_tee=3, ground_coffee=7, blue_hoodie=2)
    watched.shop.pay(order)
    watched.shop.refund(order, Decimal(333))
    assert _shown(order) == _captured("order-refunded.jpy.refund-partial")


def test_a_cancelled_order_is_shown_as_captured(watched: Watched) -> None:
    order = watched.order()
    watched.shop.cancel(order)
    assert order.status == _captured("order-cancelled.cancelled-unpaid.cancel")["status"]


def test_an_order_is_its_accounts_even_if_bought_as_a_guest(watched: Watched) -> None:
    order = watched.shop.place_order(email="customer07@example.com")
    assert order.user is watched.shop.customers["customer07@example.com"]
    assert watched.shop.place_order(email="nobody@example.net").user is None


def test_an_email_that_is_no_accounts_takes_the_user_away(watched: Watched) -> None:
    order = watched.shop.place_order(email="customer07@example.com")
    watched.shop.update(order, email="typed.wrong@example.net")
    assert (order.user, order.user_email) == (None, "typed.wrong@example.net")


def test_a_deleted_account_leaves_its_orders(watched: Watched) -> None:
    order = watched.shop.place_order(email="customer07@example.com")
    watched.shop.delete_account(watched.shop.customers["customer07@example.com"])
    assert (order.user, order.user_email) == (None, "customer07@example.com")


def test_a_deleted_variant_leaves_the_names_of_the_line(watched: Watched) -> None:
    order = watched.order()
    bought = order.lines[0].variant
    watched.shop.delete_variant(order)
    assert bought is not None
    assert order.lines[0].variant is None
    assert order.lines[0].product_variant_id == bought.id


def test_more_than_is_left_is_not_refunded(watched: Watched) -> None:
    order = watched.order(paid=True)
    with pytest.raises(ValueError, match="left to refund"):
        watched.shop.refund(order, order.total.gross.amount + 1)


def test_what_is_paid_is_not_paid_again(watched: Watched) -> None:
    with pytest.raises(ValueError, match="is paid"):
        watched.shop.pay(watched.order(paid=True))


def _play(seed: int, count: int) -> tuple[Watched, list[Order]]:
    """Let a day happen at once."""
    watched, orders = Watched(), list[Order]()
    for event in plan_day(Random(seed), count):
        event.happen(watched.shop, orders)
    return watched, orders


def test_a_day_has_everything_a_shop_meets() -> None:
    watched, orders = _play(0, 200)
    subscribed = ("CREATED", "UPDATED", "CANCELLED", "FULLY_PAID", "REFUNDED")
    assert len(orders) == 200
    assert 1_000 < sum(watched.told.count(event) for event in subscribed) < 1_500
    assert {order.channel.slug for order in orders} == {PLN, USD}
    assert {order.voucher_code for order in orders} >= {"PCT10", "FIX777", "FREESHIP", "SHIP4"}
    assert {order.user is None for order in orders} == {True, False}
    refunded = [order.total_refunded.amount / order.total.gross.amount for order in orders]
    assert {0, 1} < {*refunded}
    assert any(order.granted_refunds for order in orders)
    assert any(order.payments and order.total_refunded.amount for order in orders)
    assert {"CANCELED", "UNCONFIRMED", "UNFULFILLED"} == {order.status for order in orders}


def test_a_short_day_has_every_event_too() -> None:
    watched, _ = _play(3, 20)
    assert {"CREATED", "UPDATED", "CANCELLED", "FULLY_PAID", "REFUNDED"} <= {*watched.told}


def test_the_same_seed_gives_the_same_day() -> None:
    def sales(seed: int) -> list[tuple[str, Decimal, Decimal]]:
        _, orders = _play(seed, 30)
        return [(o.user_email, o.total.gross.amount, o.total_refunded.amount) for o in orders]

    assert sales(1) == sales(1) != sales(2)
