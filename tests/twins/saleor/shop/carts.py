"""Checkouts on their way: a basket that somebody fills before it becomes an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import ClassVar

from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.addresses import Address
from tests.twins.saleor.shop.catalogue import Channel, User, Variant, Voucher, WithMetadata
from tests.twins.saleor.shop.money import ZERO, Money, TaxedMoney
from tests.twins.saleor.shop.pricing import Item, PricedLine, Quote, quote


@dataclass(eq=False)
class CartLine(WithMetadata):
    """One line of a checkout, as it is priced now."""

    graphql_type: ClassVar = "CheckoutLine"
    token: str
    priced: PricedLine
    channel: Channel

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("CheckoutLine", self.token)

    @property
    def variant(self) -> Variant:
        """What is bought."""
        return self.priced.item.variant

    @property
    def quantity(self) -> int:
        """How many pieces."""
        return self.priced.item.quantity

    @property
    def total_price(self) -> TaxedMoney:
        """What the line costs."""
        return self.priced.total

    @property
    def unit_price(self) -> TaxedMoney:
        """What a piece costs."""
        return self.priced.unit

    @property
    def undiscounted_total_price(self) -> Money:
        """The listed price, as the channel's staff entered it: with tax or without."""
        listed = self.variant.prices[self.channel.slug] * self.quantity
        return Money(listed, self.channel.currency_code)

    @property
    def is_gift(self) -> bool:
        """Whether it is a gift."""
        return self.priced.item.is_gift


@dataclass(eq=False)
class Cart(WithMetadata):
    """A checkout. It is priced anew whenever it is looked at."""

    graphql_type: ClassVar = "Checkout"
    token: str
    channel: Channel
    items: Sequence[Item]
    email: str | None
    user: User | None
    created: datetime
    updated_at: datetime
    voucher: Voucher | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    is_shipped: bool = False
    """Whether a shipping method was chosen: before that there is nothing to pay for it."""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Checkout", self.token)

    @property
    def quote(self) -> Quote:
        """What it costs now."""
        return quote(self.channel, self.items, self.voucher)

    @property
    def lines(self) -> list[CartLine]:
        """Its lines; their ids stay."""
        return [
            CartLine(f"{self.token[:-2]}{number:02}", priced, self.channel)
            for number, priced in enumerate(self.quote.lines)
        ]

    @property
    def shipping_price(self) -> TaxedMoney:
        """What the shipping costs."""
        nothing = TaxedMoney.of(ZERO, ZERO, self.channel.currency_code)
        return self.quote.shipping if self.is_shipped else nothing

    @property
    def subtotal_price(self) -> TaxedMoney:
        """The sum of the lines."""
        nothing = TaxedMoney.of(ZERO, ZERO, self.channel.currency_code)
        return sum((line.total for line in self.quote.lines), nothing)

    @property
    def total_price(self) -> TaxedMoney:
        """The sum of lines and shipping."""
        return self.subtotal_price + self.shipping_price

    @property
    def discount(self) -> Money:
        """What the voucher takes off."""
        return Money(self.quote.discount, self.channel.currency_code)

    @property
    def voucher_code(self) -> str | None:
        """The voucher's code."""
        return self.voucher.code if self.voucher else None
