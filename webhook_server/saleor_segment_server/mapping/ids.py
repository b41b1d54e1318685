"""Message ids: the same for every attempt, different for everything else.

Segment drops a message whose id it has seen in a day, in whatever workspace. So an id holds the
installation's salt and the pipeline (order ids repeat between shops), and an object key that says
when two deliveries are one message.
"""

import hashlib
from typing import Literal

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.mapping.event import OrderEvent

Kind = Literal["track", "identify"]
"""Which call of Segment's a message is."""

_ONCE_PER_ORDER = frozenset({Event.ORDER_CREATED})


def order_key(order_event: OrderEvent) -> str:
    """Return the object key of an order message.

    An order is created once; it is updated, cancelled and paid as often as Saleor says so in a
    body it has not sent before.
    """
    if order_event.event in _ONCE_PER_ORDER and order_event.order_id is not None:
        return order_event.order_id
    return hashlib.sha256(order_event.body).hexdigest()


def message_id(
    pipeline: Pipeline, event: Event, object_key: str, *, epoch: int, kind: Kind = "track"
) -> str:
    """Return the ``messageId``: 64 hex digits; ``epoch`` counts the replays of what was sent."""
    fields = (pipeline.salt, str(epoch), pipeline.id, event.value, object_key, kind)
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()
