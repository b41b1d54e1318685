"""From basket to order: prices become lines, and an email finds its account."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from random import Random

from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names, global_id
from tests.twins.saleor.shop import stock
from tests.twins.saleor.shop.catalogue import Catalogue, Channel, User, Voucher, VoucherKind
from tests.twins.saleor.shop.money import ZERO, Money
from tests.twins.saleor.shop.orders import GiftCard, Order, OrderDiscount, OrderLine
from tests.twins.saleor.shop.pricing import Item, PricedLine, Quote, quote

_PROMOTION = global_id("Promotion", "715bec9e-861e-4cd1-a426-a1501be8be58")


class Checkout:
    """Makes orders of baskets."""

    def __init__(
        self, *, rng: Random, time: Timekeeper, catalogue: Catalogue, customers: Mapping[str, User]
    ) -> None:
        self._rng = rng
        self._names = Names(rng)
        self._time = time
        self._catalogue = catalogue
        self._customers = customers
        self._numbers = count(1)

    def basket(self, channel: Channel, lines: int = 3) -> list[Item]:
        """Return a seeded basket of up to so many lines."""
        offers = self._catalogue.on_sale(channel)
        chosen = self._rng.sample(offers, min(self._rng.randint(1, lines), len(offers)))
        return [Item(variant, self._rng.choice((1, 1, 2, 3, 7))) for variant in chosen]

    def order(
        self,
        channel: Channel,
        items: Sequence[Item],
        *,
        email: str,
        voucher: Voucher | None,
        gift_card: Decimal,
        off: Decimal = ZERO,
        manual: Decimal = ZERO,
        token: str | None = None,
    ) -> Order:
        """Return the order of a basket; of whom the email is an account's, it is theirs."""
        prices = quote(channel, items, voucher, off=off, manual=manual)
        now = self._time.now()
        address = stock.ADDRESSES.get(channel.slug, stock.ADDRESSES[stock.USD])
        number = next(self._numbers)
        return Order(
            token=self._names.uuid(),
            number=str(number),
            created=now,
            updated_at=now,
            channel=channel,
            lines=[self._line(priced, voucher) for priced in prices.lines],
            shipping_price=prices.shipping,
            base_shipping=prices.base_shipping,
            checkout_token=token or self._names.uuid(),
            user=self._customers.get(email),
            user_email=email,
            billing_address=address,
            shipping_address=address,
            voucher_code=voucher.code if voucher else None,
            discounts=self._discounts(prices, voucher),
            gift_cards=[GiftCard(number, gift_card)] if gift_card > ZERO else [],
        )

    def _line(self, priced: PricedLine, voucher: Voucher | None) -> OrderLine:
        variant = priced.item.variant
        return OrderLine(
            token=self._names.uuid(),
            variant=variant,
            quantity=priced.item.quantity,
            product_name=variant.product.name,
            variant_name=variant.name,
            product_sku=variant.sku,
            product_variant_id=variant.id,
            tax_rate=priced.rate,
            unit_price=priced.unit,
            undiscounted_unit_price=priced.undiscounted_unit,
            unit_discount=priced.unit_discount,
            unit_discount_reason=_reason(priced, voucher),
            total_price=priced.total,
            undiscounted_total_price=priced.undiscounted_total,
            sale_id=_PROMOTION if priced.promoted and not priced.item.is_gift else None,
            voucher_code=voucher.code if voucher and priced.has_voucher else None,
            is_gift=priced.item.is_gift,
        )

    def _discounts(self, prices: Quote, voucher: Voucher | None) -> list[OrderDiscount]:
        if not prices.discount:
            return []
        amount = Money(prices.discount, prices.shipping.currency)
        kind = "VOUCHER" if voucher else "MANUAL"
        return [OrderDiscount(self._names.uuid(), voucher.code if voucher else "", amount, kind)]


def _reason(priced: PricedLine, voucher: Voucher | None) -> str | None:
    reasons = []
    if voucher and voucher.kind is VoucherKind.ENTIRE_ORDER and not voucher.once:
        reasons.append(f"Entire order voucher code: {voucher.code}")
    if voucher and priced.has_voucher:
        reasons.append(f"Voucher code: {voucher.code}")
    if priced.promoted:
        reasons.append(f"Promotion: {_PROMOTION}")
    return " & ".join(reasons) or None
