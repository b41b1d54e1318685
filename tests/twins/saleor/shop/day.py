"""A shop's day: what happens to some orders, planned from a seed, then played in so many seconds.

Kinds of orders are dealt out by share, not drawn one by one, so that a short day has them all.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from tests.twins.saleor.shop.money import quantize
from tests.twins.saleor.shop.operations import Shop
from tests.twins.saleor.shop.orders import Order
from tests.twins.saleor.shop.stock import PLN, USD

_FATES = (
    ("paid_at_checkout", 7),
    ("paid_later", 6),
    ("paid_by_hand", 2),
    ("paid_in_two", 1),
    ("cancelled", 2),
    ("unpaid", 1),
)
_REFUNDS = (("none", 13), ("part", 3), ("two_parts", 1), ("line", 1), ("all", 2))
EXTRAS: Mapping[str, Mapping[str, Any]] = {
    "": {},
    "gift card": {"gift_card": Decimal(2)},
    "order promotion": {"off": Decimal(3)},
    "by the staff": {"manual": Decimal(2)},
    "gift": {},
}
"""What lowers an order besides a voucher, as ``place_order`` takes it."""
_BUYERS = (("customer", 5), ("guest", 4))
_TYPED = ("guest{}@example.net", "Guest{}@Example.NET", "guest+{}@example.org")
"""How guests type their emails."""

Action = Callable[[Shop, Order], None]
Shares = tuple[tuple[str, int], ...]
"""Kinds, and how many of a pack are of each."""


@dataclass(frozen=True)
class Kind:
    """What kind of day it is."""

    channels: Shares = ((PLN, 3), (USD, 2))
    """Slugs of the channels in which orders are placed."""
    most_updates: int = 3
    """How often an order is edited at most, before it is paid and after."""
    everything: bool = False
    """Orders come from checkouts and go out in parcels, and customers change their names."""
    vouchers: Shares = (("", 6), ("PCT10", 2), ("FIX777", 1), ("FREESHIP", 1), ("SHIP4", 1))
    """Codes of vouchers; ``""``: none."""
    extras: Shares = (("", 1),)
    """What lowers an order besides; see ``EXTRAS``."""


USUAL = Kind()


@dataclass(frozen=True)
class Placing:
    """An order of the day is placed."""

    at: float
    """When, as a share of the day."""
    channel: str
    email: str
    voucher: str | None
    paid: bool
    """Paid at checkout."""
    visited: bool = False
    """There is a checkout before."""
    extra: str = ""
    """What lowers it besides the voucher."""

    def happen(self, shop: Shop, orders: list[Order]) -> None:
        """Place it, and add it to the day's orders."""
        orders.append((self._visit if self.visited else self._order)(shop))

    def _order(self, shop: Shop) -> Order:
        items = shop.basket(self.channel)
        if self.extra == "gift":
            items.append(replace(items[0], quantity=1, is_gift=True))
        return shop.place_order(
            self.channel,
            items=items,
            email=self.email,
            voucher=self.voucher,
            paid=self.paid,
            **EXTRAS[self.extra],
        )

    def _visit(self, shop: Shop) -> Order:
        cart = shop.storefront.start(self.channel, shop.basket(self.channel))
        shop.storefront.change(cart, email=self.email, voucher=self.voucher, ship=True)
        return shop.storefront.buy(cart, paid=self.paid)


@dataclass(frozen=True)
class Step:
    """Something happens to an order of the day."""

    at: float
    """When, as a share of the day."""
    order: int
    """Which of the day's orders."""
    act: Action

    def happen(self, shop: Shop, orders: list[Order]) -> None:
        """Let it happen; an order that costs nothing is paid already, and has no more fate."""
        order = orders[self.order]
        if order.total.gross.amount:
            self.act(shop, order)


@dataclass
class Day:
    """How far a day has come."""

    orders: int
    placed: int = 0
    finished: bool = False

    async def play(self, plan: list[Placing | Step], shop: Shop, seconds: float) -> None:
        """Let the day happen within so many seconds."""
        loop = asyncio.get_running_loop()
        began, orders = loop.time(), list[Order]()
        for event in plan:
            await asyncio.sleep(max(0.0, began + event.at * seconds - loop.time()))
            event.happen(shop, orders)
            self.placed = len(orders)
        self.finished = True


def plan_day(rng: Random, count: int, kind: Kind = USUAL) -> list[Placing | Step]:
    """Plan a day of so many orders: what happens, in the order of time."""
    times = sorted(rng.uniform(0.0, 0.6) for _ in range(count))
    channels, buyers = _deal(rng, kind.channels, count), _deal(rng, _BUYERS, count)
    vouchers, fates = _deal(rng, kind.vouchers, count), _deal(rng, _FATES, count)
    refunds = _deal(rng, _REFUNDS, count)
    extras = _deal(rng, kind.extras, count) if len(kind.extras) > 1 else [""] * count
    plan: list[Placing | Step] = [
        Placing(
            at=times[number],
            channel=channels[number],
            email=_email(rng, buyers[number]),
            voucher=vouchers[number] or None,
            paid=fates[number] == "paid_at_checkout",
            visited=kind.everything,
            extra=extras[number],
        )
        for number in range(count)
    ]
    plan += [
        Step(at, number, act)
        for number in range(count)
        for at, act in _timed(rng, times[number], _story(rng, fates[number], refunds[number], kind))
    ]
    # Of two things at one moment the placing comes first: the sort is stable.
    return sorted(plan, key=lambda event: event.at)


def _deal(rng: Random, shares: Shares, count: int) -> list[str]:
    pack = [kind for kind, share in shares for _ in range(share)]
    rng.shuffle(pack)
    dealt = [pack[number % len(pack)] for number in range(count)]
    rng.shuffle(dealt)
    return dealt


def _email(rng: Random, buyer: str) -> str:
    if buyer == "customer":
        return f"customer{rng.randint(1, 24):02}@example.com"
    return rng.choice(_TYPED).format(rng.randint(1, 999))


def _timed(rng: Random, placed_at: float, acts: Iterator[Action]) -> Iterator[tuple[float, Action]]:
    """Spread an order's later fate over what is left of the day; some of it comes at once."""
    at = placed_at
    for act in acts:
        at += rng.choice((0.0, rng.uniform(0.0, (1.0 - at) / 3)))
        yield at, act


def _story(rng: Random, fate: str, refund: str, kind: Kind) -> Iterator[Action]:
    """What happens to an order after it was placed."""
    yield from _updates(rng, kind.most_updates)
    if kind.everything and fate != "cancelled":
        yield _rename
        yield Shop.expire if fate == "unpaid" else _send
        yield _take_back
    if fate == "cancelled":
        yield Shop.cancel
    elif fate == "paid_by_hand":
        yield Shop.mark_as_paid
        yield from _by_hand(refund)
    elif fate != "unpaid":
        if fate == "paid_in_two":
            yield _pay_half
        if fate != "paid_at_checkout":
            yield _pay_rest
        yield from _updates(rng, kind.most_updates)
        yield from _by_transaction(refund)


def _updates(rng: Random, most: int) -> Iterator[Action]:
    for number in range(rng.randint(0, most)):
        yield partial(_move, f"Sample Street {number + 1}")


def _by_transaction(refund: str) -> Iterator[Action]:
    if refund in ("part", "two_parts"):
        yield partial(_refund_share, Decimal("0.31"))
    if refund == "two_parts":
        yield partial(_refund_share, Decimal("0.5"))
    if refund == "line":
        yield _refund_a_piece
    if refund == "all":
        yield Shop.refund


def _by_hand(refund: str) -> Iterator[Action]:
    if refund in ("part", "two_parts", "line"):
        yield _refund_ten_by_hand
    if refund in ("two_parts", "all"):
        yield _refund_rest_by_hand


def _move(street: str, shop: Shop, order: Order) -> None:
    shop.update(order, street=street)


def _rename(shop: Shop, order: Order) -> None:
    if order.user is not None:
        shop.storefront.rename(order.user, first_name="Prename", last_name="Surname")


def _send(shop: Shop, order: Order) -> None:
    shop.fulfil(order, tracking=f"TRK{order.number}")


def _take_back(shop: Shop, order: Order) -> None:
    if order.fulfillments and int(order.number) % 2:
        shop.cancel_fulfillment(order.fulfillments[0])


def _pay_half(shop: Shop, order: Order) -> None:
    shop.pay(order, _share(order, order.total.gross.amount, Decimal("0.5")))


def _pay_rest(shop: Shop, order: Order) -> None:
    if not order.is_paid:
        shop.pay(order)


def _refund_share(share: Decimal, shop: Shop, order: Order) -> None:
    left = order.transactions[-1].charged_amount.amount
    if wanted := _share(order, left, share):
        shop.refund(order, wanted)


def _refund_a_piece(shop: Shop, order: Order) -> None:
    piece = {order.lines[0]: 1}
    price = order.lines[0].unit_price.gross.amount
    if 0 < price <= order.transactions[-1].charged_amount.amount:
        shop.refund(order, granted=shop.grant_refund(order, piece))


def _refund_ten_by_hand(shop: Shop, order: Order) -> None:
    shop.refund_manually(order, min(Decimal(10), order.total.gross.amount))


def _refund_rest_by_hand(shop: Shop, order: Order) -> None:
    if order.payments[-1].captured_amount.amount:
        shop.refund_manually(order)


def _share(order: Order, amount: Decimal, share: Decimal) -> Decimal:
    return quantize(amount * share, order.currency)
