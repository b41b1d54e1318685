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


@dataclass(frozen=True, slots=True)
class Quote:
    """A whole basket's prices."""

    lines: list[PricedLine]
    shipping: TaxedMoney
    base_shipping: Decimal
    """The shipping price as entered, without discount."""
    discount: Decimal
    """What the voucher takes off, as entered: from the lines or from the shipping."""


def quote(channel: Channel, items: Sequence[Item], voucher: Voucher | None = None) -> Quote:
    """Price a basket."""
    prices = [_unit_price(channel, item.variant) * item.quantity for item in items]
    off_lines, off_shipping = _voucher_amounts(channel, voucher, sum(prices, ZERO))
    shares = spread(off_lines, prices, channel.currency_code)
    return Quote(
        lines=[
            _line(channel, item, price - share)
            for item, price, share in zip(items, prices, shares, strict=True)
        ],
        shipping=_taxed(channel, channel.shipping_price - off_shipping, channel.rate("standard")),
        base_shipping=channel.shipping_price,
        discount=off_lines + off_shipping,
    )


def _voucher_amounts(
    channel: Channel, voucher: Voucher | None, subtotal: Decimal
) -> tuple[Decimal, Decimal]:
    if voucher is None:
        return ZERO, ZERO
    if voucher.kind is VoucherKind.SHIPPING:
        off = voucher.off(channel.shipping_price, channel)
        return ZERO, quantize(off, channel.currency_code)
    return quantize(voucher.off(subtotal, channel), channel.currency_code), ZERO


def _unit_price(channel: Channel, variant: Variant) -> Decimal:
    price = variant.prices[channel.slug]
    share = variant.product.promotion
    return price if share is None else price - quantize(price * share, channel.currency_code)


def _line(channel: Channel, item: Item, total: Decimal) -> PricedLine:
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
        promoted=item.variant.product.promotion is not None,
    )


def _taxed(channel: Channel, price: Decimal, rate: Decimal) -> TaxedMoney:
    return TaxedMoney.flat(price, rate, channel.currency_code, with_tax=channel.with_tax)
