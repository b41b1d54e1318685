"""The sums of an order, exact: nothing here is rounded, all of it is Decimal until the end.

An order's own totals cannot be used: gift cards shrink them, unit prices are rounded, and
``undiscountedTotal`` counts shipping with or without tax as the channel has it. The sums over the
lines hold in every channel::

    subtotal + shipping + tax = total
    sum of price x quantity - discount = subtotal
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from saleor_segment_server.mapping.fields import Fields, child, money

_ZERO = Decimal(0)


class LineAmounts(NamedTuple):
    """The money of one order line; ``None`` where the body does not hold it."""

    gross: Decimal | None
    """``totalPrice`` with tax."""
    net: Decimal | None
    """``totalPrice`` without tax."""
    full: Decimal | None
    """Without tax and discounts, and never below ``net``: Saleor rounds the two apart."""


def line_amounts(line: Fields) -> LineAmounts:
    """Read the money of one order line."""
    paid = child(line, "totalPrice")
    net = money(paid, "net")
    listed = money(child(line, "undiscountedTotalPrice"), "net")
    full = None if net is None or listed is None else max(net, listed)
    return LineAmounts(money(paid, "gross"), net, full)


def order_totals(order: Fields, lines: Sequence[LineAmounts] | None) -> dict[str, float | None]:
    """Return the money properties of an order, ``None`` where an amount they need is absent."""
    delivery = child(order, "shippingPrice")
    shipping = money(delivery, "net")
    gross, subtotal, full = _sums(lines)
    total = _plus(gross, money(delivery, "gross"))
    gift_card = _minus(total, money(child(order, "total"), "gross"))
    return {
        "subtotal": number(subtotal),
        "revenue": number(subtotal),
        "shipping": number(shipping),
        "total": number(total),
        "value": number(total),
        "tax": number(_minus(_minus(total, subtotal), shipping)),
        "discount": number(_minus(full, subtotal)),
        "gift_card_amount": number(gift_card) if gift_card and gift_card > 0 else None,
    }


def number(amount: Decimal | None) -> float | None:
    """Return ``amount`` as JSON has it; the shortest digits that read back equal are written."""
    return None if amount is None else float(amount)


def _sums(lines: Sequence[LineAmounts] | None) -> LineAmounts:
    """Add the lines up; what one line lacks, the sum lacks."""
    if lines is None:
        return LineAmounts(None, None, None)
    return LineAmounts(
        _sum(line.gross for line in lines),
        _sum(line.net for line in lines),
        _sum(line.full for line in lines),
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = _ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _plus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left + right


def _minus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left - right
