"""What an order costs: Saleor's flat-rate calculations, from basket to taxed totals.

Reckoned as Saleor 3.23 does (saleor/checkout/base_calculations.py, saleor/tax/calculations);
the tests reckon captured orders anew and get their figures to the cent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from tests.twins.saleor.shop.catalogue import Channel, Variant, Voucher, VoucherKind
from tests.twins.saleor.shop.money import ZERO, Money, TaxedMoney, quantize, spread


@dataclass(frozen=True, slots=True)
class Item:
    """Some pieces of one variant."""

    variant: Variant
    quantity: int
    is_gift: bool = False
    manual: Decimal = ZERO
    """What the staff take off each piece, in place of a promotion."""


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One line's prices."""

    item: Item
    rate: Decimal
    total: TaxedMoney
    unit: TaxedMoney
    undiscounted_total: TaxedMoney
    undiscounted_unit: TaxedMoney
    unit_discount: Money
    promoted: bool
    has_voucher: bool
    """Whether a voucher of single products lowers it."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A whole basket's prices."""

    lines: list[PricedLine]
    shipping: TaxedMoney
    base_shipping: Decimal
    """The shipping price as entered, without discount."""
    discount: Decimal
    """What the voucher takes off, as entered: from the lines or from the shipping."""


def quote(
    channel: Channel,
    items: Sequence[Item],
    voucher: Voucher | None = None,
    *,
    off: Decimal = ZERO,
    manual: Decimal = ZERO,
) -> Quote:
    """Price a basket.

    Args:
        channel: Where it is bought.
        items: The basket.
        voucher: The voucher, if there is one.
        off: What an order promotion takes off the lines, in place of a voucher.
        manual: What the staff take off lines and shipping.
    """
    units = [_unit_price(channel, item) for item in items]
    offs = _off_pieces(channel, items, units, voucher)
    prices = [
        unit * item.quantity - less for unit, item, less in zip(units, items, offs, strict=True)
    ]
    off_lines, off_shipping = _voucher_amounts(channel, voucher, sum(prices, ZERO))
    shares = spread(min(off_lines + off, sum(prices, ZERO)), prices, channel.currency_code)
    prices = [price - share for price, share in zip(prices, shares, strict=True)]
    prices, shipping = _lowered(channel, prices, channel.shipping_price - off_shipping, manual)
    return Quote(
        lines=[
            _line(channel, item, price, has_voucher=less > ZERO)
            for item, price, less in zip(items, prices, offs, strict=True)
        ],
        shipping=_taxed(channel, shipping, channel.rate("standard")),
        base_shipping=channel.shipping_price,
        discount=sum(offs, off_lines + off_shipping + off) + manual,
    )


def _off_pieces(
    channel: Channel, items: Sequence[Item], units: Sequence[Decimal], voucher: Voucher | None
) -> list[Decimal]:
    """Return what a voucher of single pieces takes off each line."""
    nothing = [ZERO] * len(items)
    if voucher is None or not (voucher.once or voucher.kind is VoucherKind.SPECIFIC_PRODUCT):
        return nothing
    of_piece = [quantize(voucher.off(unit, channel), channel.currency_code) for unit in units]
    if voucher.once:
        paid = [at for at, unit in enumerate(units) if unit > ZERO]
        cheapest = min(paid, key=units.__getitem__, default=None)
        return [off if at == cheapest else ZERO for at, off in enumerate(of_piece)]
    return [
        off * item.quantity if item.variant.product.slug in voucher.products else ZERO
        for off, item in zip(of_piece, items, strict=True)
    ]


def _lowered(
    channel: Channel, prices: list[Decimal], shipping: Decimal, manual: Decimal
) -> tuple[list[Decimal], Decimal]:
    """Take a discount of the staff off: the shipping bears its share, the lines the rest."""
    whole = sum(prices, shipping)
    if not manual or not whole:
        return prices, shipping
    off = min(manual, whole)
    share = quantize(off * shipping / whole, channel.currency_code)
    shares = spread(off - share, prices, channel.currency_code)
    return [price - less for price, less in zip(prices, shares, strict=True)], shipping - share


def _voucher_amounts(
    channel: Channel, voucher: Voucher | None, subtotal: Decimal
) -> tuple[Decimal, Decimal]:
    if voucher is None or voucher.once or voucher.kind is VoucherKind.SPECIFIC_PRODUCT:
        return ZERO, ZERO
    if voucher.kind is VoucherKind.SHIPPING:
        off = voucher.off(channel.shipping_price, channel)
        return ZERO, quantize(off, channel.currency_code)
    return quantize(voucher.off(subtotal, channel), channel.currency_code), ZERO


def _unit_price(channel: Channel, item: Item) -> Decimal:
    price, share = item.variant.prices[channel.slug], item.variant.product.promotion
    if item.is_gift:
        return ZERO
    if item.manual:
        return price - min(item.manual, price)
    return price if share is None else price - quantize(price * share, channel.currency_code)


def _line(channel: Channel, item: Item, total: Decimal, *, has_voucher: bool) -> PricedLine:
    rate = channel.rate(item.variant.product.tax_class)
    one, quantity = Decimal(1), Decimal(item.quantity)
    taxed = _taxed(channel, total, rate)
    unit = taxed.scaled(one, quantity)
    undiscounted = _taxed(channel, item.variant.prices[channel.slug] * quantity, rate)
    undiscounted_unit = undiscounted.scaled(one, quantity)
    before, after = (
        (undiscounted_unit.gross, unit.gross)
        if channel.with_tax
        else (undiscounted_unit.net, unit.net)
    )
    return PricedLine(
        item=item,
        rate=rate,
        total=taxed,
        unit=unit,
        undiscounted_total=undiscounted,
        undiscounted_unit=undiscounted_unit,
        unit_discount=Money(before.amount - after.amount, channel.currency_code),
        promoted=item.is_gift or item.variant.product.promotion is not None,
        has_voucher=has_voucher,
    )


def _taxed(channel: Channel, price: Decimal, rate: Decimal) -> TaxedMoney:
    return TaxedMoney.flat(price, rate, channel.currency_code, with_tax=channel.with_tax)
