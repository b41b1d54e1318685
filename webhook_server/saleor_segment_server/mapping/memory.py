"""Which rows of the ledger an event is mapped with: few need any."""

import hashlib
from typing import Final, NamedTuple

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.contract.tracking import Tracking, Updates
from saleor_segment_server.mapping.event import NullEvent, Parsed
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.names import completes
from saleor_segment_server.mapping.whom import whom

# Bound once: in Python 3.11 a look at a member costs as much as a call.
_REFUNDED, _CHANGED, _ORDER = Event.ORDER_REFUNDED, Updates.CHANGED, Subject.ORDER


class LedgerKeys(NamedTuple):
    """The keys of the rows that play a part in an event; ``None``: there is no such part."""

    order: str | None = None
    """That of its order: the order's id."""
    user: str | None = None
    """That of its customer; see ``user_key``."""

    def present(self) -> set[str]:
        """Return those that are there."""
        return {key for key in self if key is not None}


NO_KEYS: Final = LedgerKeys()
"""What ``ledger_keys`` returns where nothing plays a part, as for most events."""


def ledger_keys(parsed: Parsed, pipeline: Pipeline) -> LedgerKeys:
    """Return what must be read of the ledger before ``parsed`` is mapped.

    Raises:
        Unmappable: A field that tells whom the event is about is of the wrong kind.
    """
    tracking = pipeline.tracking
    matters = order_matters(parsed.event, tracking)
    if isinstance(parsed, NullEvent) or not (matters or tracking.identify):
        return NO_KEYS
    order = parsed.subject_id if matters else None
    user = user_key(whom(parsed, pipeline), pipeline) if tracking.identify else None
    return LedgerKeys(order, user)


def order_matters(event: Event, tracking: Tracking) -> bool:
    """Tell whether what is remembered of its order decides what is sent of ``event``, or changes.

    With the default options that is so for refunds alone.
    """
    return (
        event is _REFUNDED
        or completes(event, tracking)
        or (tracking.updates is _CHANGED and event.subject is _ORDER)
    )


def user_key(person: Person, pipeline: Pipeline) -> str:
    """Return the key of a customer's row: no order has a colon in its id.

    The id may be an email address, which is of no use in the ledger, so it is hashed.
    """
    personal = f"{pipeline.salt}\n{person.user_id or person.anonymous_id}"
    return "user:" + hashlib.sha256(personal.encode()).hexdigest()[:32]
