"""From an order event to the messages Segment gets."""

from dataclasses import dataclass

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping.event import OrderEvent
from saleor_segment_server.mapping.fields import Fields
from saleor_segment_server.mapping.identity import identify
from saleor_segment_server.mapping.ids import order_key
from saleor_segment_server.mapping.names import message_name
from saleor_segment_server.mapping.order import order_properties
from saleor_segment_server.mapping.payload import track
from saleor_segment_server.mapping.refund import refund_properties
from saleor_segment_server.mapping.settlement import settle
from saleor_segment_server.message import Message


@dataclass(frozen=True, slots=True)
class Mapped:
    """What became of an event."""

    messages: tuple[Message, ...] = ()
    """In the order they are to be sent; empty: nothing is sent, and the event is settled."""
    ledger: LedgerRow | None = None
    """The row of the order after it; ``None``: it is as it was."""


def map_event(
    parsed: OrderEvent, pipeline: Pipeline, ledger: LedgerRow | None, *, epoch: int = 0
) -> Mapped:
    """Map an event with what is remembered of its order.

    Args:
        parsed: The event.
        pipeline: The pipeline it came by.
        ledger: The order's row as the events before this one left it; ``None``: there is none.
        epoch: Which replay of delivered events this is part of; 0: none.

    Raises:
        Unmappable: The body cannot become a message; the reason names the field.
    """
    if parsed.order is None:
        return Mapped()
    if parsed.event is Event.ORDER_REFUNDED:
        return _map_refund(parsed, parsed.order, pipeline, ledger, epoch)
    person = identify(parsed.order, pipeline)
    properties = order_properties(parsed.order, person, pipeline)
    key = order_key(parsed)
    message = track(
        parsed,
        person,
        properties,
        pipeline=pipeline,
        name=message_name(parsed.event, pipeline.tracking),
        object_key=key,
        epoch=epoch,
    )
    return Mapped((message,))


def _map_refund(
    parsed: OrderEvent, order: Fields, pipeline: Pipeline, ledger: LedgerRow | None, epoch: int
) -> Mapped:
    refunds, after = settle(order, pipeline, ledger)
    person = identify(order, pipeline)
    messages = tuple(
        track(
            parsed,
            person,
            refund_properties(order, person, pipeline, refund),
            pipeline=pipeline,
            name=message_name(parsed.event, pipeline.tracking),
            object_key=refund.key,
            epoch=epoch,
        )
        for refund in refunds
    )
    return Mapped(messages, after)
