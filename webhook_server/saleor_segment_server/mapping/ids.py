"""Message ids: the same for every attempt, different for everything else.

Segment drops a message whose id it has seen in a day, in whatever workspace. So an id holds the
installation's salt and the pipeline (order ids repeat between shops), and an object key that says
when two deliveries are one message.
"""

import hashlib
from typing import Final, Literal

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.tracking import Tracking
from saleor_segment_server.mapping.names import completes

Kind = Literal["track", "identify"]
"""Which call of Segment's a message is."""

ONCE: Final = frozenset(
    {
        Event.ORDER_CREATED,
        Event.ORDER_CONFIRMED,
        Event.ORDER_EXPIRED,
        Event.FULFILLMENT_CREATED,
        Event.FULFILLMENT_CANCELED,
        Event.CHECKOUT_CREATED,
        Event.CUSTOMER_CREATED,
    }
)
"""Events that happen to a thing once: its id is the object key, whatever a body says."""


def object_key(event: Event, subject_id: str, body: bytes, tracking: Tracking) -> str:
    """Return the object key of the message of any event but a refund.

    An order is created once, and completed once; it is updated, cancelled and paid as often as
    Saleor says so in a body it has not sent before.
    """
    if event in ONCE or completes(event, tracking):
        return subject_id
    return hashlib.sha256(body).hexdigest()


def message_id(
    pipeline: Pipeline, event: Event, object_key: str, *, epoch: int, kind: Kind = "track"
) -> str:
    """Return the ``messageId``: 64 hex digits; ``epoch`` counts the replays of what was sent."""
    fields = (pipeline.salt, str(epoch), pipeline.id, event, object_key, kind)
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()
