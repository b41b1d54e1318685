"""What happens in the shop: orders are placed, paid, changed, cancelled and refunded.

Each operation emits the events Saleor emits for it, in Saleor's order (saleor/order/actions.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.shop import stock
from tests.twins.saleor.shop.catalogue import User
from tests.twins.saleor.shop.checkout import Checkout
from tests.twins.saleor.shop.money import ZERO
from tests.twins.saleor.shop.orders import Order, OrderLine
from tests.twins.saleor.shop.parcels import Fulfillment
from tests.twins.saleor.shop.payments import GrantedRefund
from tests.twins.saleor.shop.pricing import Item
from tests.twins.saleor.shop.storefront import Storefront
from tests.twins.saleor.shop.till import Till

Emit = Callable[[str, Any], None]
"""Called with the event's name, as in ``ORDER_CREATED``, and what it is about."""


class Shop:
    """The shop's orders and all that can happen to them."""

    def __init__(self, *, rng: Random, time: Timekeeper, emit: Emit) -> None:
        self.catalogue = stock.catalogue()
        self.customers = stock.customers()
        """Customers with an account, by email."""
        self.orders: dict[str, Order] = {}
        """Every order by its global id, oldest first."""
        self._till = Till(rng=rng, time=time)
        self._checkout = Checkout(
            rng=rng, time=time, catalogue=self.catalogue, customers=self.customers
        )
        self.emit = emit
        self.storefront = Storefront(self, time=time)
        """Checkouts before they are orders, and accounts."""

    def basket(self, channel: str = stock.PLN, lines: int = 3) -> list[Item]:
        """Return a seeded basket of up to so many lines."""
        return self._checkout.basket(self.catalogue.channels[channel], lines)

    def place_order(
        self,
        channel: str = stock.PLN,
        *,
        items: Sequence[Item] | None = None,
        email: str = "guest@example.net",
        voucher: str | None = None,
        gift_card: Decimal = ZERO,
        off: Decimal = ZERO,
        manual: Decimal = ZERO,
        metadata: Mapping[str, str] | None = None,
        paid: bool = False,
        checkout_token: str | None = None,
    ) -> Order:
        """Complete a checkout, paid or not; with an account's email it is that customer's.

        ``off`` is what an order promotion takes off the lines, ``manual`` what the staff take off
        lines and shipping.
        """
        order = self._checkout.order(
            self.catalogue.channels[channel],
            items or self.basket(channel),
            email=email,
            voucher=self.catalogue.vouchers[voucher] if voucher else None,
            gift_card=gift_card,
            off=off,
            manual=manual,
            token=checkout_token,
        )
        order.metadata.update(metadata or {})
        self.orders[order.id] = order
        self._complete(order, paid=paid)
        return order

    def pay(self, order: Order, amount: Decimal | None = None) -> None:
        """Charge a transaction: this much, or what is still owed."""
        owed = -order.total_balance.amount
        if amount is None and owed <= ZERO:
            raise ValueError(f"order {order.number} is paid")
        self._till.charge(order, owed if amount is None else amount)
        self._say_paid(order)

    def mark_as_paid(self, order: Order) -> None:
        """Pay by hand (``orderMarkAsPaid``): without a transaction, and without ORDER_PAID."""
        self._till.charge_manually(order)
        self._say(order, "ORDER_FULLY_PAID", "ORDER_UPDATED")

    def update(self, order: Order, *, email: str | None = None, street: str | None = None) -> None:
        """Edit an order; an email that is no account's takes the order's user away."""
        self._till.touch(order)
        if email is not None:
            order.user_email, order.user = email, self.customers.get(email)
        if street is not None:
            order.shipping_address = replace(order.shipping_address, street_address1=street)
        self._say(order, "ORDER_UPDATED")

    def cancel(self, order: Order) -> None:
        """Cancel an order."""
        self._till.touch(order)
        order.status = "CANCELED"
        self._say(order, "ORDER_CANCELLED", "ORDER_UPDATED")

    def confirm(self, order: Order) -> None:
        """Confirm an order by hand (``orderConfirm``)."""
        self._till.touch(order)
        order.status = "UNFULFILLED"
        self._say(order, "ORDER_CONFIRMED", "ORDER_UPDATED")

    def fulfil(
        self, order: Order, lines: Mapping[OrderLine, int] | None = None, *, tracking: str = ""
    ) -> Fulfillment:
        """Send a parcel of these pieces, or of all that is left (``orderFulfill``)."""
        left = {line: line.quantity - line.quantity_fulfilled for line in order.lines}
        parcel = self._till.pack(order, lines or left, tracking)
        self.emit("FULFILLMENT_CREATED", parcel)
        self._say(order, "ORDER_UPDATED")
        if order.status == "FULFILLED":
            self._say(order, "ORDER_FULFILLED")
        return parcel

    def cancel_fulfillment(self, parcel: Fulfillment) -> None:
        """Take a parcel back (``orderFulfillmentCancel``)."""
        self._till.unpack(parcel)
        self.emit("FULFILLMENT_CANCELED", parcel)
        self._say(parcel.order, "ORDER_UPDATED")

    def expire(self, order: Order) -> None:
        """Let an unpaid order expire."""
        order.status = "EXPIRED"
        self._say(order, "ORDER_EXPIRED", "ORDER_UPDATED")

    def grant_refund(self, order: Order, lines: Mapping[OrderLine, int]) -> GrantedRefund:
        """Grant a refund for pieces of lines; nothing is emitted until it is paid."""
        return self._till.grant(order, lines)

    def refund(
        self, order: Order, amount: Decimal | None = None, *, granted: GrantedRefund | None = None
    ) -> None:
        """Report REFUND_SUCCESS: this much, what was granted, or all that is left."""
        self._till.refund(order, amount, granted)
        self._say_refunded(order)

    def refund_manually(self, order: Order, amount: Decimal | None = None) -> None:
        """Refund a manual payment (``orderRefund``): this much, or all that is left."""
        self._till.refund_manually(order, amount)
        self._say_refunded(order)

    def reverse_refund(self, order: Order, amount: Decimal) -> None:
        """Report REFUND_REVERSE: the money is the shop's again, and Saleor says paid again."""
        self._till.reverse(order, amount)
        self._say_paid(order)

    def delete_variant(self, order: Order) -> None:
        """Delete the variant of an order's first line from the catalogue."""
        variant = order.lines[0].variant
        for line in (line for one in self.orders.values() for line in one.lines):
            if line.variant is variant:
                line.variant = None

    def delete_account(self, user: User) -> None:
        """Delete a customer's account; the orders stay, with their email."""
        self.customers.pop(user.email)
        for order in self.orders.values():
            if order.user is user:
                order.user = None

    def _complete(self, order: Order, *, paid: bool) -> None:
        if paid and not order.is_paid:
            self._till.charge(order, order.total.gross.amount)
        self._say(order, "ORDER_CREATED")
        if order.is_paid:
            order.status = "UNFULFILLED"
            self._say(order, "ORDER_PAID", "ORDER_FULLY_PAID", "ORDER_UPDATED")
        self._say(order, "ORDER_CONFIRMED")

    def _say_paid(self, order: Order) -> None:
        self._say(order, "ORDER_PAID")
        if order.is_paid:
            self._say(order, "ORDER_FULLY_PAID")
        self._say(order, "ORDER_UPDATED")

    def _say_refunded(self, order: Order) -> None:
        self._say(order, "ORDER_REFUNDED", "ORDER_UPDATED")
        if order.total_refunded.amount >= order.total.gross.amount:
            self._say(order, "ORDER_FULLY_REFUNDED")

    def _say(self, order: Order, *events: str) -> None:
        for event in events:
            self.emit(event, order)
