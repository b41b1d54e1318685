"""Money that came and went: transactions with their events, manual payments, granted refunds."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.catalogue import WithMetadata
from tests.twins.saleor.shop.money import ZERO, Money

if TYPE_CHECKING:
    from tests.twins.saleor.shop.orders import OrderLine

_CHARGED = {"CHARGE_SUCCESS": 1, "REFUND_SUCCESS": -1, "REFUND_REVERSE": 1}
_REFUNDED = {"REFUND_SUCCESS": 1, "REFUND_REVERSE": -1}


@dataclass(frozen=True)
class TransactionEvent:
    """One thing that was reported about a transaction."""

    graphql_type: ClassVar = "TransactionEvent"
    pk: int
    type: str
    amount: Money
    created_at: datetime
    psp_reference: str
    message: str = ""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("TransactionEvent", self.pk)


@dataclass(eq=False)
class Transaction(WithMetadata):
    """A payment through the Transactions API."""

    graphql_type: ClassVar = "TransactionItem"
    token: str
    psp_reference: str
    currency: str
    created_at: datetime
    name: str = "Credit card"
    history: list[TransactionEvent] = field(default_factory=list)

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("TransactionItem", self.token)

    @property
    def events(self) -> list[TransactionEvent]:
        """What was reported, newest first."""
        return self.history[::-1]

    @property
    def charged_amount(self) -> Money:
        """What was charged and not refunded."""
        return self._sum(_CHARGED)

    @property
    def refunded_amount(self) -> Money:
        """What was refunded and not reversed."""
        return self._sum(_REFUNDED)

    def _sum(self, signs: dict[str, int]) -> Money:
        amounts = (event.amount.amount * signs.get(event.type, 0) for event in self.history)
        return Money(sum(amounts, ZERO), self.currency)


@dataclass(frozen=True)
class PaymentTransaction:
    """One step of a manual payment."""

    graphql_type: ClassVar = "Transaction"
    pk: int
    kind: str
    amount: Money
    created: datetime
    is_success: bool = True

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Transaction", self.pk)


@dataclass(eq=False)
class Payment(WithMetadata):
    """A manual payment (``orderMarkAsPaid``): it refunds without transactions."""

    graphql_type: ClassVar = "Payment"
    pk: int
    total: Money
    created: datetime
    refunded: Decimal = ZERO
    transactions: list[PaymentTransaction] = field(default_factory=list)
    gateway: str = "manual"
    is_active: bool = True

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Payment", self.pk)

    @property
    def captured_amount(self) -> Money:
        """What was paid and not refunded."""
        return Money(self.total.amount - self.refunded, self.total.currency)

    @property
    def charge_status(self) -> str:
        """Saleor's ``PaymentChargeStatusEnum``."""
        if not self.refunded:
            return "FULLY_CHARGED"
        return "PARTIALLY_REFUNDED" if self.captured_amount.amount else "FULLY_REFUNDED"


@dataclass(frozen=True)
class GrantedRefundLine:
    """Pieces of an order's line that a refund was granted for."""

    pk: int
    quantity: int
    order_line: "OrderLine"
    reason: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("OrderGrantedRefundLine", self.pk)


@dataclass(eq=False)
class GrantedRefund:
    """A refund somebody granted, and the transaction events that paid it."""

    pk: int
    amount: Money
    created_at: datetime
    lines: list[GrantedRefundLine]
    transaction_events: list[TransactionEvent]
    shipping_costs_included: bool = False
    reason: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("OrderGrantedRefund", self.pk)

    @property
    def updated_at(self) -> datetime:
        """Nobody edits a granted refund here."""
        return self.created_at

    @property
    def status(self) -> str:
        """Saleor's ``OrderGrantedRefundStatusEnum``."""
        return "SUCCESS" if self.transaction_events else "NONE"
