"""Money in and out of the shop: charges, refunds, and what was granted. It tells nobody."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from random import Random

from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names
from tests.twins.saleor.shop.money import ZERO, Money
from tests.twins.saleor.shop.orders import Order, OrderLine
from tests.twins.saleor.shop.parcels import Fulfillment, FulfillmentLine
from tests.twins.saleor.shop.payments import (
    GrantedRefund,
    GrantedRefundLine,
    Payment,
    PaymentTransaction,
    Transaction,
    TransactionEvent,
)


class Till:
    """Books payments and refunds on orders."""

    def __init__(self, *, rng: Random, time: Timekeeper) -> None:
        self._names = Names(rng)
        self._time = time
        self._pks = count(1)

    def touch(self, order: Order) -> datetime:
        """Note that an order has changed now."""
        order.updated_at = self._time.now()
        return order.updated_at

    def charge(self, order: Order, amount: Decimal) -> None:
        """Charge a new transaction; an order paid in full is confirmed by it."""
        transaction = Transaction(
            self._names.uuid(), self._reference(), order.currency, self.touch(order)
        )
        order.transactions.append(transaction)
        self._report(order, "CHARGE_SUCCESS", amount, reference="")
        self._report(order, "INFO", ZERO, reference=transaction.psp_reference)
        if order.is_paid and order.status == "UNCONFIRMED":
            order.status = "UNFULFILLED"

    def charge_manually(self, order: Order) -> None:
        """Mark an order as paid: a payment without a transaction."""
        now, total = self.touch(order), order.total.gross
        step = PaymentTransaction(next(self._pks), "EXTERNAL", total, now)
        order.payments.append(Payment(next(self._pks), total, now, transactions=[step]))

    def grant(self, order: Order, lines: Mapping[OrderLine, int]) -> GrantedRefund:
        """Grant a refund for pieces of lines."""
        prices = [line.unit_price.gross.amount * pieces for line, pieces in lines.items()]
        granted = GrantedRefund(
            pk=next(self._pks),
            amount=Money(sum(prices, ZERO), order.currency),
            created_at=self.touch(order),
            lines=[
                GrantedRefundLine(next(self._pks), pieces, line) for line, pieces in lines.items()
            ],
            transaction_events=[],
        )
        order.granted_refunds.append(granted)
        return granted

    def refund(self, order: Order, amount: Decimal | None, granted: GrantedRefund | None) -> None:
        """Refund from the last transaction: what was granted, this much, or all that is left."""
        left = order.transactions[-1].charged_amount.amount
        wanted = _within(order, left, granted.amount.amount if granted else amount)
        event = self._report(order, "REFUND_SUCCESS", wanted)
        if granted:
            granted.transaction_events.append(event)

    def reverse(self, order: Order, amount: Decimal) -> None:
        """Take a refund back."""
        self._report(order, "REFUND_REVERSE", amount)

    def refund_manually(self, order: Order, amount: Decimal | None) -> None:
        """Refund from the manual payment: this much, or all that is left."""
        payment = order.payments[-1]
        wanted = _within(order, payment.captured_amount.amount, amount)
        payment.refunded += wanted
        money, now = Money(wanted, order.currency), self.touch(order)
        payment.transactions.append(PaymentTransaction(next(self._pks), "REFUND", money, now))

    def pack(self, order: Order, lines: Mapping[OrderLine, int], tracking: str) -> Fulfillment:
        """Put pieces into a parcel."""
        parcel = Fulfillment(
            pk=next(self._pks),
            order=order,
            fulfillment_order=len(order.fulfillments) + 1,
            created=self.touch(order),
            lines=[
                FulfillmentLine(next(self._pks), pieces, line) for line, pieces in lines.items()
            ],
            tracking_number=tracking,
        )
        order.fulfillments.append(parcel)
        for line, pieces in lines.items():
            line.quantity_fulfilled += pieces
        _show_fulfilled(order)
        return parcel

    def unpack(self, parcel: Fulfillment) -> None:
        """Take the pieces out of a parcel again."""
        self.touch(parcel.order)
        parcel.status = "CANCELED"
        for line in parcel.lines:
            line.order_line.quantity_fulfilled -= line.quantity
        _show_fulfilled(parcel.order)

    def _report(
        self, order: Order, kind: str, amount: Decimal, reference: str | None = None
    ) -> TransactionEvent:
        event = TransactionEvent(
            pk=next(self._pks),
            type=kind,
            amount=Money(amount, order.currency),
            created_at=self.touch(order),
            psp_reference=self._reference() if reference is None else reference,
        )
        order.transactions[-1].history.append(event)
        return event

    def _reference(self) -> str:
        return f"psp-{self._names.hexadecimal(8)}"


def _show_fulfilled(order: Order) -> None:
    sent = sum(line.quantity_fulfilled for line in order.lines)
    whole = sum(line.quantity for line in order.lines)
    partly = "PARTIALLY_FULFILLED" if sent else "UNFULFILLED"
    order.status = "FULFILLED" if sent == whole else partly


def _within(order: Order, left: Decimal, amount: Decimal | None) -> Decimal:
    wanted = left if amount is None else amount
    if not ZERO < wanted <= left:
        raise ValueError(f"order {order.number} has {left} left to refund, not {wanted}")
    return wanted
