"""From an event to the messages Segment gets."""

from dataclasses import replace
from typing import NamedTuple

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.tracking import Updates
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping.event import CustomerEvent, NullEvent, OrderEvent, Parsed
from saleor_segment_server.mapping.ids import object_key
from saleor_segment_server.mapping.names import completes
from saleor_segment_server.mapping.selection import is_wanted
from saleor_segment_server.mapping.settlement import settle
from saleor_segment_server.mapping.telling import Telling
from saleor_segment_server.mapping.traits import digest
from saleor_segment_server.mapping.updates import told_hash
from saleor_segment_server.mapping.whom import PersonalEvent, whom
from saleor_segment_server.message import Message

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_UPDATED, _REFUNDED, _CHANGED = Event.ORDER_UPDATED, Event.ORDER_REFUNDED, Updates.CHANGED


class Mapped(NamedTuple):
    """What became of an event."""

    messages: tuple[Message, ...] = ()
    """In the order they are to be sent; empty: nothing is sent, and the event is settled."""
    ledger: LedgerRow | None = None
    """The row of the order after it; ``None``: it is as it was."""
    user: LedgerRow | None = None
    """The row of the customer after it; ``None``: it is as it was."""


def map_event(
    parsed: Parsed,
    pipeline: Pipeline,
    ledger: LedgerRow | None,
    *,
    user: LedgerRow | None = None,
    epoch: int = 0,
) -> Mapped:
    """Map an event with what is remembered of its order and its customer.

    Args:
        parsed: The event.
        pipeline: The pipeline it came by.
        ledger: The order's row as the events before this one left it; ``None``: there is none, or
            it plays no part by ``ledger_keys``.
        user: The customer's row, likewise.
        epoch: Which replay of delivered events this is part of; 0: none.

    Raises:
        Unmappable: The body cannot become a message; the reason names the field.
    """
    if isinstance(parsed, NullEvent) or not is_wanted(parsed, pipeline.tracking):
        return Mapped()
    telling = Telling(parsed, whom(parsed, pipeline), pipeline, epoch)
    if parsed.event is _REFUNDED and isinstance(parsed, OrderEvent):
        return _map_refund(parsed, telling, ledger, user)
    if telling.person.withheld:
        return Mapped()
    if isinstance(parsed, CustomerEvent):
        return _map_customer(parsed, telling, user)
    if isinstance(parsed, OrderEvent):
        return _map_order(parsed, telling, ledger, user)
    key = _key(parsed, telling)
    return _introduced(Mapped((telling.track(key),)), telling, user, key)


def _map_order(
    parsed: OrderEvent, telling: Telling, ledger: LedgerRow | None, user: LedgerRow | None
) -> Mapped:
    tracking = telling.pipeline.tracking
    completing = completes(parsed.event, tracking)
    if completing and ledger is not None and ledger.completed:
        return Mapped()
    key = _key(parsed, telling)
    message = telling.track(key)
    after = ledger
    if completing:
        after = replace(after or LedgerRow(), completed=True)
    if tracking.updates is _CHANGED:
        after = replace(after or LedgerRow(), told=told_hash(message))
        if parsed.event is _UPDATED and after == ledger:
            return Mapped()
    mapped = Mapped((message,), None if after is ledger else after)
    return _introduced(mapped, telling, user, key) if tracking.identify else mapped


def _map_refund(
    parsed: OrderEvent, telling: Telling, ledger: LedgerRow | None, user: LedgerRow | None
) -> Mapped:
    """Map a refund; one that may not be told is settled all the same, or the next would tell it."""
    refunds, after = settle(parsed.order, telling.pipeline, ledger)
    if not refunds or telling.person.withheld:
        return Mapped(ledger=after)
    messages = tuple(telling.track_refund(parsed.order, refund) for refund in refunds)
    return _introduced(Mapped(messages, after), telling, user, refunds[0].key)


def _map_customer(parsed: CustomerEvent, telling: Telling, user: LedgerRow | None) -> Mapped:
    traits = telling.person.traits
    if not traits:
        return Mapped()
    message = telling.identify(_key(parsed, telling))
    known = LedgerRow(traits=digest(traits)) if telling.pipeline.tracking.identify else None
    return Mapped((message,), user=None if known == user else known)


def _introduced(mapped: Mapped, telling: Telling, user: LedgerRow | None, key: str) -> Mapped:
    """Put an identify before the messages, where that is wanted and the traits have changed."""
    traits = telling.person.traits
    if not (telling.pipeline.tracking.identify and traits):
        return mapped
    known = LedgerRow(traits=digest(traits))
    if known == user:
        return mapped
    return mapped._replace(messages=(telling.identify(key), *mapped.messages), user=known)


def _key(parsed: PersonalEvent, telling: Telling) -> str:
    return object_key(parsed.event, parsed.subject_id, parsed.body, telling.pipeline.tracking)
