"""An order as Saleor shows it: its lines, its totals, and what follows from its payments."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import ClassVar

from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.addresses import Address
from tests.twins.saleor.shop.catalogue import Channel, User, Variant, WithMetadata
from tests.twins.saleor.shop.money import ZERO, Money, TaxedMoney
from tests.twins.saleor.shop.parcels import Fulfillment
from tests.twins.saleor.shop.payments import GrantedRefund, Payment, Transaction


@dataclass(frozen=True)
class GiftCard:
    """A gift card that paid a part of an order."""

    pk: int
    amount: Decimal

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("GiftCard", self.pk)


@dataclass(frozen=True)
class OrderDiscount:
    """The voucher of the order, as a discount."""

    token: str
    name: str
    amount: Money
    type: str = "VOUCHER"
    reason: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("OrderDiscount", self.token)

    @property
    def total(self) -> Money:
        """The same amount: what ``amount`` is called since 3.21."""
        return self.amount


@dataclass(eq=False)
class OrderLine(WithMetadata):
    """One line, with the prices and names of the day it was bought."""

    graphql_type: ClassVar = "OrderLine"
    token: str
    variant: Variant | None
    """None once the variant was deleted."""
    quantity: int
    product_name: str
    variant_name: str
    product_sku: str | None
    product_variant_id: str
    tax_rate: Decimal
    unit_price: TaxedMoney
    undiscounted_unit_price: TaxedMoney
    unit_discount: Money
    unit_discount_reason: str | None
    total_price: TaxedMoney
    undiscounted_total_price: TaxedMoney
    sale_id: str | None = None
    voucher_code: str | None = None
    """Only vouchers of single products stand here."""
    is_gift: bool = False
    quantity_fulfilled: int = 0
    unit_discount_type: str = "FIXED"

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("OrderLine", self.token)


@dataclass(eq=False)
class Order(WithMetadata):
    """One order."""

    graphql_type: ClassVar = "Order"
    token: str
    number: str
    created: datetime
    updated_at: datetime
    channel: Channel
    lines: list[OrderLine]
    shipping_price: TaxedMoney
    base_shipping: Decimal
    checkout_token: str
    user: User | None
    user_email: str
    billing_address: Address
    shipping_address: Address
    status: str = "UNCONFIRMED"
    voucher_code: str | None = None
    discounts: list[OrderDiscount] = field(default_factory=list)
    gift_cards: list[GiftCard] = field(default_factory=list)
    transactions: list[Transaction] = field(default_factory=list)
    payments: list[Payment] = field(default_factory=list)
    granted_refunds: list[GrantedRefund] = field(default_factory=list)
    fulfillments: list[Fulfillment] = field(default_factory=list)
    origin: str = "CHECKOUT"
    language_code_enum: str = "EN"
    tracking_client_id: str = ""
    collection_point_name: str | None = None
    customer_note: str = ""
    external_reference: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Order", self.token)

    @property
    def checkout_id(self) -> str:
        """The global id of the checkout it came from."""
        return global_id("Checkout", self.checkout_token)

    @property
    def currency(self) -> str:
        """The channel's currency."""
        return self.channel.currency_code

    @property
    def display_gross_prices(self) -> bool:
        """Whether the channel shows prices with tax."""
        return self.channel.with_tax

    @property
    def shipping_method_name(self) -> str:
        """How it is sent."""
        return self.channel.shipping_method

    @property
    def shipping_tax_rate(self) -> Decimal:
        """Tax rate of the shipping."""
        return self.channel.rate("standard")

    @property
    def undiscounted_shipping_price(self) -> Money:
        """The shipping price as entered, without a voucher."""
        return Money(self.base_shipping, self.currency)

    @cached_property
    def subtotal(self) -> TaxedMoney:
        """The sum of all lines."""
        return sum((line.total_price for line in self.lines), self._nothing)

    @cached_property
    def total(self) -> TaxedMoney:
        """Lines and shipping, less what gift cards paid: they shrink net and gross alike."""
        full = self.subtotal + self.shipping_price
        cards = sum((card.amount for card in self.gift_cards), ZERO)
        return full.scaled(full.gross.amount - cards, full.gross.amount) if cards else full

    @cached_property
    def undiscounted_total(self) -> TaxedMoney:
        """List prices and the shipping as entered: untaxed, or with tax even in the net."""
        shipping = TaxedMoney.of(self.base_shipping, self.base_shipping, self.currency)
        return sum((line.undiscounted_total_price for line in self.lines), shipping)

    def pay_with_gift_card(self, amount: Decimal) -> None:
        """Let a gift card pay this much: it shrinks the totals."""
        self.gift_cards.append(GiftCard(len(self.gift_cards) + 1, amount))
        self.__dict__.pop("total", None)

    @property
    def total_charged(self) -> Money:
        """What was paid and not refunded."""
        paid = [transaction.charged_amount for transaction in self.transactions]
        return self._sum(paid + [payment.captured_amount for payment in self.payments])

    @property
    def total_refunded(self) -> Money:
        """All refunds so far, those of manual payments included."""
        refunds = [transaction.refunded_amount for transaction in self.transactions]
        manual = [Money(payment.refunded, self.currency) for payment in self.payments]
        return self._sum(refunds + manual)

    @property
    def total_granted_refund(self) -> Money:
        """All refunds that were granted."""
        return self._sum([refund.amount for refund in self.granted_refunds])

    @property
    def total_authorized(self) -> Money:
        """Nothing is authorized here: charges are captured at once."""
        return Money(ZERO, self.currency)

    @property
    def total_balance(self) -> Money:
        """What was paid beyond what is owed; negative while something is owed."""
        return Money(self.total_charged.amount - self._owed, self.currency)

    @property
    def is_paid(self) -> bool:
        """Whether the total was charged and nothing of it refunded."""
        return self.total_charged.amount >= self.total.gross.amount

    @property
    def charge_status(self) -> str:
        """Saleor's ``OrderChargeStatusEnum``: granted refunds are not owed any more."""
        charged, owed = self.total_charged.amount, self._owed
        if charged > owed:
            return "OVERCHARGED"
        if charged == owed:
            return "FULL"
        return "PARTIAL" if charged else "NONE"

    @property
    def authorize_status(self) -> str:
        """Saleor's ``OrderAuthorizeStatusEnum``: what is charged counts as authorized."""
        return "FULL" if self.charge_status == "OVERCHARGED" else self.charge_status

    @property
    def payment_status(self) -> str:
        """Saleor's ``PaymentChargeStatusEnum``: the manual payment's, where there is one."""
        if self.payments:
            return self.payments[-1].charge_status
        return {"NONE": "NOT_CHARGED", "PARTIAL": "PARTIALLY_CHARGED"}.get(
            self.charge_status, "FULLY_CHARGED"
        )

    @property
    def _owed(self) -> Decimal:
        return self.total.gross.amount - self.total_granted_refund.amount

    @property
    def _nothing(self) -> TaxedMoney:
        return TaxedMoney.of(ZERO, ZERO, self.currency)

    def _sum(self, amounts: list[Money]) -> Money:
        return Money(sum((money.amount for money in amounts), ZERO), self.currency)
