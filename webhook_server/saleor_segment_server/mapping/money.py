"""The sums of an order, exact: nothing here is rounded, and no binary fraction is added up.

Amounts are counted in whole millionths, several times as fast as Decimal. What is finer, or a
billion and more, is a Decimal of millionths: the two add up, and Saleor has no such amounts.

An order's own totals cannot be used: gift cards shrink them, unit prices are rounded, and
``undiscountedTotal`` counts shipping with or without tax as the channel has it. The sums over the
lines hold in every channel::

    subtotal + shipping + tax = total
    sum of price x quantity - discount = subtotal
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from saleor_segment_server.mapping.fields import Fields, Read, amounts

Amount = int | Decimal
"""Money in millionths of its currency."""
LineAmounts = tuple[Amount | None, Amount | None, Amount | None]
"""The money of one order line; ``None`` where the body does not hold it.

Gross is ``totalPrice`` with tax, net without. Full is without tax and discounts, and never below
net: Saleor rounds the two apart.
"""

MILLION = 1_000_000
_EXACT = 10**9
"""Below it a double tells any two amounts of six decimals apart: they have 15 digits."""
_EXACT_SQUARED = float(_EXACT**2)


def line_amounts(line: Fields) -> LineAmounts:
    """Return the gross, the net and the full amount of one order line."""
    # As in ``_three``, but without a call: there are several lines to an order.
    try:
        paid = line["totalPrice"]
        a, b = paid["gross"]["amount"], paid["net"]["amount"]
        c = line["undiscountedTotalPrice"]["net"]["amount"]
        if type(a) is type(b) is type(c) is float and a * a + b * b + c * c < _EXACT_SQUARED:
            gross, net, full = round(a * MILLION), round(b * MILLION), round(c * MILLION)
            if gross / MILLION == a and net / MILLION == b and full / MILLION == c:
                return gross, net, max(net, full)
    except (KeyError, TypeError):  # something is absent, or of the wrong kind
        pass
    return _line_with_care(line)


def order_totals(order: Fields, lines: Sequence[LineAmounts] | None) -> dict[str, float]:
    """Return the money properties of an order, without those that lack an amount they need."""
    shipping, shipping_gross, paid = _three(order, _of_order)
    gross, net, full = _sums(lines)
    total = None if gross is None or shipping_gross is None else gross + shipping_gross
    found: dict[str, float] = {}
    if net is not None:
        found["subtotal"] = found["revenue"] = number(net)
    if shipping is not None:
        found["shipping"] = number(shipping)
    if total is not None:
        found["total"] = found["value"] = number(total)
        if net is not None and shipping is not None:
            found["tax"] = number(total - net - shipping)
    if full is not None and net is not None:
        found["discount"] = number(full - net)
    if total is not None and paid is not None and total > paid:
        found["gift_card_amount"] = number(total - paid)
    return found


def _line_with_care(line: Fields) -> LineAmounts:
    gross, net, listed = map(_exact, amounts(line, _of_line))
    return gross, net, None if net is None or listed is None else max(net, listed)


def _three(parent: Fields, read: Read) -> LineAmounts:
    """Return three amounts as they are written in JSON, not as doubles hold them."""
    # Without a call for what nearly all are like.
    try:
        a, b, c = read(parent)
        if type(a) is type(b) is type(c) is float and a * a + b * b + c * c < _EXACT_SQUARED:
            found = round(a * MILLION), round(b * MILLION), round(c * MILLION)
            if (found[0] / MILLION, found[1] / MILLION, found[2] / MILLION) == (a, b, c):
                return found  # so these are the digits that were written
    except (KeyError, TypeError):  # something is absent, or of the wrong kind
        pass
    a, b, c = map(_exact, amounts(parent, read))
    return a, b, c


def _exact(amount: float | None) -> Amount | None:
    if amount is None:
        return None
    millionths = Decimal(str(amount)) * MILLION
    whole = int(millionths)
    return whole if whole == millionths else millionths


def number(amount: Amount) -> float:
    """Return ``amount`` as JSON has it; the shortest digits that read back equal are written."""
    return float(amount / MILLION)


def unit_price(amount: Amount, pieces: int) -> float:
    """Return the price of one piece, rounded half-even to six decimals.

    The only rounded amount. Its error grows with the quantity and stays below half a cent up to
    10,000 pieces of a line (1,000 where the currency has three decimals).
    """
    if type(amount) is not int:
        return number(round(amount / pieces))
    price, rest = divmod(amount, pieces)
    if rest + rest >= pieces and (rest + rest > pieces or price % 2):
        price += 1
    return price / MILLION


def _of_line(line: Any) -> tuple[Any, Any, Any]:
    paid = line["totalPrice"]
    listed = line["undiscountedTotalPrice"]["net"]
    return paid["gross"]["amount"], paid["net"]["amount"], listed["amount"]


def _of_order(order: Any) -> tuple[Any, Any, Any]:
    delivery = order["shippingPrice"]
    paid = order["total"]["gross"]
    return delivery["net"]["amount"], delivery["gross"]["amount"], paid["amount"]


def _sums(lines: Sequence[LineAmounts] | None) -> LineAmounts:
    """Add the lines up; what one line lacks, the sum lacks."""
    if lines is None:
        return None, None, None
    gross: Amount | None = 0
    net: Amount | None = 0
    full: Amount | None = 0
    for of_line in lines:
        a, b, c = of_line
        gross = None if gross is None or a is None else gross + a
        net = None if net is None or b is None else net + b
        full = None if full is None or c is None else full + c
    return gross, net, full
