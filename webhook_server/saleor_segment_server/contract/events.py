"""The catalogue of Saleor events we forward: what each is about, and what reading it takes."""

from enum import StrEnum
from functools import cached_property


class Permission(StrEnum):
    """What an app must hold to be sent an event; without it Saleor keeps silent."""

    MANAGE_ORDERS = "MANAGE_ORDERS"
    MANAGE_CHECKOUTS = "MANAGE_CHECKOUTS"
    MANAGE_USERS = "MANAGE_USERS"


class Subject(StrEnum):
    """What an event is about: the field of its payload that holds it."""

    ORDER = "order"
    FULFILLMENT = "fulfillment"
    CHECKOUT = "checkout"
    CUSTOMER = "user"


class Event(StrEnum):
    """An asynchronous webhook event, spelled as Saleor's ``WebhookEventTypeAsyncEnum``."""

    ORDER_CREATED = "ORDER_CREATED"
    ORDER_UPDATED = "ORDER_UPDATED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_FULLY_PAID = "ORDER_FULLY_PAID"
    ORDER_REFUNDED = "ORDER_REFUNDED"
    ORDER_CONFIRMED = "ORDER_CONFIRMED"
    ORDER_PAID = "ORDER_PAID"
    ORDER_FULFILLED = "ORDER_FULFILLED"
    ORDER_EXPIRED = "ORDER_EXPIRED"
    FULFILLMENT_CREATED = "FULFILLMENT_CREATED"
    FULFILLMENT_CANCELED = "FULFILLMENT_CANCELED"
    CHECKOUT_CREATED = "CHECKOUT_CREATED"
    CHECKOUT_UPDATED = "CHECKOUT_UPDATED"
    CHECKOUT_FULLY_PAID = "CHECKOUT_FULLY_PAID"
    CUSTOMER_CREATED = "CUSTOMER_CREATED"
    CUSTOMER_UPDATED = "CUSTOMER_UPDATED"

    @cached_property
    def type_name(self) -> str:
        """The GraphQL type of its payload, which a delivery carries as ``__typename``."""
        return "".join(word.capitalize() for word in self.split("_"))

    @cached_property
    def subject(self) -> Subject:
        """What it is about."""
        return _SUBJECTS[self.partition("_")[0]]

    @property
    def permission(self) -> Permission:
        """What the app must hold to be sent it."""
        return _PERMISSIONS[self.subject]

    @classmethod
    def parse(cls, text: str) -> "Event | None":
        """Read an event name in any case (Saleor's headers use lower case), or ``None``."""
        return cls.__members__.get(text.upper())


_SUBJECTS = {
    "ORDER": Subject.ORDER,
    "FULFILLMENT": Subject.FULFILLMENT,
    "CHECKOUT": Subject.CHECKOUT,
    "CUSTOMER": Subject.CUSTOMER,
}
_PERMISSIONS = {
    Subject.ORDER: Permission.MANAGE_ORDERS,
    Subject.FULFILLMENT: Permission.MANAGE_ORDERS,
    Subject.CHECKOUT: Permission.MANAGE_CHECKOUTS,
    Subject.CUSTOMER: Permission.MANAGE_USERS,
}
