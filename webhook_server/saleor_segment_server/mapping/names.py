"""What the messages are called in Segment.

``NAMES`` is the one table of names; the documentation is generated from it. Segment's spec has
names for what happens to a checkout and an order until it is refunded, and none for payments and
parcels: there the second column keeps to its grammar, an object and what was done to it, with
Saleor's own words. Messages about customers are ``identify`` calls, which have no name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.tracking import COMPLETING, ORDER_COMPLETED, Naming, Tracking


class Names(NamedTuple):
    """What the messages of one event are called."""

    saleor: str
    """With ``naming: Saleor``; the first five are those of Saleor's own Segment app."""
    spec: str
    """With ``naming: Spec``, where the event is not the one that completes an order."""
    in_spec: bool
    """Whether ``spec`` is a name of Segment's e-commerce spec, which presets match."""


NAMES: Mapping[Event, Names] = MappingProxyType(
    {
        Event.ORDER_CREATED: Names("Saleor Order Created", "Order Created", in_spec=False),
        Event.ORDER_UPDATED: Names("Saleor Order Updated", "Order Updated", in_spec=True),
        Event.ORDER_CANCELLED: Names("Saleor Order Cancelled", "Order Cancelled", in_spec=True),
        Event.ORDER_FULLY_PAID: Names("Saleor Order Fully Paid", "Order Fully Paid", in_spec=False),
        Event.ORDER_REFUNDED: Names("Saleor Order Refunded", "Order Refunded", in_spec=True),
        Event.ORDER_CONFIRMED: Names("Saleor Order Confirmed", "Order Confirmed", in_spec=False),
        Event.ORDER_PAID: Names("Saleor Order Paid", "Order Paid", in_spec=False),
        Event.ORDER_FULFILLED: Names("Saleor Order Fulfilled", "Order Fulfilled", in_spec=False),
        Event.ORDER_EXPIRED: Names("Saleor Order Expired", "Order Expired", in_spec=False),
        Event.FULFILLMENT_CREATED: Names(
            "Saleor Fulfillment Created", "Fulfillment Created", in_spec=False
        ),
        Event.FULFILLMENT_CANCELED: Names(
            "Saleor Fulfillment Canceled", "Fulfillment Canceled", in_spec=False
        ),
        Event.CHECKOUT_CREATED: Names("Saleor Checkout Created", "Checkout Started", in_spec=True),
        Event.CHECKOUT_UPDATED: Names("Saleor Checkout Updated", "Checkout Updated", in_spec=False),
        Event.CHECKOUT_FULLY_PAID: Names(
            "Saleor Checkout Fully Paid", "Checkout Fully Paid", in_spec=False
        ),
    }
)
"""The names of every event that becomes a ``track`` call."""

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_SALEOR, _SPEC = Naming.SALEOR, Naming.SPEC


def message_name(event: Event, tracking: Tracking) -> str:
    """Return what a ``track`` call of ``event`` is called under these options."""
    if tracking.names and (own := tracking.names.get(event)) is not None:
        return own
    if tracking.naming is _SALEOR:
        return NAMES[event].saleor
    return ORDER_COMPLETED if completes(event, tracking) else NAMES[event].spec


def completes(event: Event, tracking: Tracking) -> bool:
    """Tell whether ``event`` is the one that is sent as Order Completed, once for each order.

    A name of the user's own does not change that. Saleor's own app has no such message.
    """
    return tracking.naming is _SPEC and event is COMPLETING[tracking.completed_on]
