"""Whom an event is about, whatever its subject."""

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.event import (
    CheckoutEvent,
    CustomerEvent,
    FulfillmentEvent,
    OrderEvent,
)
from saleor_segment_server.mapping.identity import (
    Person,
    identify,
    identify_checkout,
    identify_customer,
)

PersonalEvent = OrderEvent | FulfillmentEvent | CheckoutEvent | CustomerEvent
"""An event about something that is there, and so about somebody."""


def whom(parsed: PersonalEvent, pipeline: Pipeline) -> Person:
    """Tell whom an event is about.

    Raises:
        Unmappable: A field that tells it is of the wrong kind.
    """
    if isinstance(parsed, CheckoutEvent):
        return identify_checkout(parsed.checkout, pipeline)
    if isinstance(parsed, CustomerEvent):
        return identify_customer(parsed.user, pipeline)
    return identify(parsed.order, pipeline)
