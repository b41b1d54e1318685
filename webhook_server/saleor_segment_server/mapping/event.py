"""A delivered body as a typed event: decoded once, then read by whoever needs it.

What an event is about has an id, or the body is unmappable. Where Saleor sent null instead, it was
deleted before the payload was built, and there is nothing to send.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.fields import Fields, child, text, timestamp

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_ORDER, _CHECKOUT, _CUSTOMER = Subject.ORDER, Subject.CHECKOUT, Subject.CUSTOMER
_TYPE_NAMES: Mapping[Event, str] = MappingProxyType({event: event.type_name for event in Event})


class NullEvent(NamedTuple):
    """A delivery about something that is gone."""

    event: Event
    body: bytes
    """The delivery as it was received."""
    issued_at: str | None
    """When Saleor built the payload, as Segment has it; ``None``: the body was not asked for it."""


class OrderEvent(NamedTuple):
    """What a delivery says of one order."""

    event: Event
    body: bytes
    issued_at: str | None
    order: Fields
    """Saleor's ``Order``; it has an id."""

    @property
    def subject_id(self) -> str:
        """The global id of what the event is about."""
        found: str = self.order["id"]
        return found


class FulfillmentEvent(NamedTuple):
    """What a delivery says of one parcel of an order."""

    event: Event
    body: bytes
    issued_at: str | None
    fulfillment: Fields
    """Saleor's ``Fulfillment``; it has an id."""
    order: Fields
    """The order it is part of; it has an id."""

    @property
    def subject_id(self) -> str:
        """The global id of what the event is about."""
        found: str = self.fulfillment["id"]
        return found


class CheckoutEvent(NamedTuple):
    """What a delivery says of one checkout."""

    event: Event
    body: bytes
    issued_at: str | None
    checkout: Fields
    """Saleor's ``Checkout``; it has an id."""

    @property
    def subject_id(self) -> str:
        """The global id of what the event is about."""
        found: str = self.checkout["id"]
        return found


class CustomerEvent(NamedTuple):
    """What a delivery says of one customer's account."""

    event: Event
    body: bytes
    issued_at: str | None
    user: Fields
    """Saleor's ``User``; it has an id."""

    @property
    def subject_id(self) -> str:
        """The global id of what the event is about."""
        found: str = self.user["id"]
        return found


Parsed = OrderEvent | FulfillmentEvent | CheckoutEvent | CustomerEvent | NullEvent
"""A delivery, by what it is about."""


def parse(event: Event, body: bytes) -> Parsed:
    """Decode the body of a delivery of ``event``.

    Raises:
        Unmappable: It is no such event; the message names the field, never its value.
    """
    fields = event_fields(event, _decoded(body))
    type_name = text(fields, "__typename")
    if type_name is not None and type_name != _TYPE_NAMES[event]:
        raise Unmappable(f"__typename is not {_TYPE_NAMES[event]}")
    subject = event.subject
    about = _subject(fields, subject)
    issued_at = timestamp(fields, "issuedAt")
    if about is None:
        return NullEvent(event, body, issued_at)
    if subject is _ORDER:
        return OrderEvent(event, body, issued_at, about)
    if subject is _CHECKOUT:
        return CheckoutEvent(event, body, issued_at, about)
    if subject is _CUSTOMER:
        return CustomerEvent(event, body, issued_at, about)
    order = _subject(fields, _ORDER)
    if order is None:
        return NullEvent(event, body, issued_at)
    return FulfillmentEvent(event, body, issued_at, about, order)


def _subject(fields: Fields, name: str) -> Fields | None:
    """Return the object that an event is about, which has an id; ``None``: Saleor sent null."""
    if name not in fields:
        raise Unmappable(f"{name} is missing: the webhook's subscription does not ask for it")
    if fields[name] is None:
        return None
    about = child(fields, name)
    if text(about, "id") is None:
        raise Unmappable(f"{name}.id is missing")
    return about


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unmappable("the body is not JSON") from None


def event_fields(event: Event, document: Any) -> Fields:
    """Return the event's own fields: bare, or below ``data`` where a root field was subscribed.

    Args:
        event: The event.
        document: The body, decoded.

    Raises:
        Unmappable: It is no event.
    """
    if type(document) is list:
        raise Unmappable("the body is Saleor's legacy payload: the webhook has no subscription")
    if type(document) is not dict:
        raise Unmappable("the body is not a JSON object")
    if "data" not in document:
        return document
    name = _TYPE_NAMES[event]
    return child(child(document, "data"), name[0].lower() + name[1:])
