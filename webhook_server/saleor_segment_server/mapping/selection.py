"""Which events are sent at all, by the options; the rest is settled without a message."""

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.tracking import Naming, Tracking
from saleor_segment_server.mapping.event import (
    CheckoutEvent,
    FulfillmentEvent,
    NullEvent,
    OrderEvent,
    Parsed,
)
from saleor_segment_server.mapping.fields import child, text

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_UPDATED, _SPEC = Event.ORDER_UPDATED, Naming.SPEC


def is_wanted(parsed: Parsed, tracking: Tracking) -> bool:
    """Tell whether anything may be sent of this event.

    A draft is no order yet: its updates are told under Saleor's name for them, but not as the
    spec's Order Updated.
    """
    if isinstance(parsed, NullEvent):
        return False
    if tracking.channels and _channel(parsed) not in {None, *tracking.channels}:
        return False
    return not (
        tracking.naming is _SPEC
        and parsed.event is _UPDATED
        and isinstance(parsed, OrderEvent)
        and text(parsed.order, "status") == "DRAFT"
    )


def _channel(parsed: Parsed) -> str | None:
    """Return the slug of the event's channel.

    A customer has none, and so is told of in every pipeline; so is what does not say its channel,
    though every subscription of ours asks for it.
    """
    if isinstance(parsed, OrderEvent | FulfillmentEvent):
        return text(child(parsed.order, "channel"), "slug")
    if isinstance(parsed, CheckoutEvent):
        return text(child(parsed.checkout, "channel"), "slug")
    return None
