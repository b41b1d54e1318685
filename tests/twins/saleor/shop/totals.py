"""What the shop itself says it sold: the figures to hold against Segment's."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import Decimal

from tests.twins.saleor.shop.money import ZERO
from tests.twins.saleor.shop.orders import Order


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums over orders of one currency, to the currency's smallest unit."""

    orders: int = 0
    revenue: Decimal = ZERO
    """Lines without tax, discounts taken off."""
    shipping: Decimal = ZERO
    """Shipping without tax."""
    tax: Decimal = ZERO
    """Tax on lines and shipping."""
    total: Decimal = ZERO
    """What was bought, with tax, before gift cards."""
    refunded: Decimal = ZERO
    """What was paid back."""

    @classmethod
    def of(cls, order: Order) -> "Figures":
        """Return one order's figures."""
        revenue, shipping = order.subtotal.net.amount, order.shipping_price.net.amount
        total = order.subtotal.gross.amount + order.shipping_price.gross.amount
        tax = order.subtotal.tax.amount + order.shipping_price.tax.amount
        return cls(1, revenue, shipping, tax, total, order.total_refunded.amount)

    def __add__(self, other: "Figures") -> "Figures":
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return Figures(*(mine + theirs for mine, theirs in pairs))

    def document(self) -> dict[str, int | str]:
        """Return plain data, the amounts as decimal strings."""
        amounts = {f.name: str(getattr(self, f.name)) for f in fields(self)}
        return amounts | {"orders": self.orders}


def per_currency(orders: Iterable[Order]) -> dict[str, Figures]:
    """Sum orders by currency."""
    sums = dict[str, Figures]()
    for order in orders:
        sums[order.currency] = sums.get(order.currency, Figures()) + Figures.of(order)
    return sums


def per_day(orders: Iterable[Order]) -> dict[str, dict[str, Figures]]:
    """Sum orders by the day they were placed (UTC), then by currency."""
    days = dict[str, list[Order]]()
    for order in orders:
        days.setdefault(order.created.date().isoformat(), []).append(order)
    return {day: per_currency(placed) for day, placed in days.items()}
