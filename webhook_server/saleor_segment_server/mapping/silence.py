"""Why an event is settled without a message: for people who try out what they configure.

The mapping itself does not need it. A test holds the two together: of whatever sends nothing, a
reason is known.
"""

from saleor_segment_server.contract import Event, Pipeline, Tracking
from saleor_segment_server.contract.tracking import ORDER_COMPLETED
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping.event import CustomerEvent, NullEvent, Parsed
from saleor_segment_server.mapping.names import completes
from saleor_segment_server.mapping.selection import is_wanted
from saleor_segment_server.mapping.whom import PersonalEvent, whom


def why_nothing(parsed: Parsed, pipeline: Pipeline, ledger: LedgerRow | None) -> str:
    """Say why ``map_event`` made no message of ``parsed``.

    Args:
        parsed: The event.
        pipeline: The pipeline it came by.
        ledger: The row of its order that it was mapped with.
    """
    if isinstance(parsed, NullEvent):
        return f"the {parsed.event.subject} is gone: Saleor sent null"
    tracking = pipeline.tracking
    if not is_wanted(parsed, tracking):
        elsewhere = is_wanted(parsed, tracking.model_copy(update={"channels": ()}))
        return _CHANNEL if elsewhere else _DRAFT
    if whom(parsed, pipeline).withheld:
        return _withheld(parsed)
    return _nothing_new(parsed, tracking, ledger)


def _nothing_new(parsed: PersonalEvent, tracking: Tracking, ledger: LedgerRow | None) -> str:
    if parsed.event is Event.ORDER_REFUNDED:
        return "nothing was refunded that Segment was not told of before"
    if isinstance(parsed, CustomerEvent):
        return "nothing may be told of the customer: see tracking.privacy"
    if completes(parsed.event, tracking) and ledger is not None and ledger.completed:
        return f"{ORDER_COMPLETED} was sent of this order before"
    return "nothing that is sent has changed, and tracking.updates is Changed"


_CHANNEL = "its channel is not among tracking.channels"
_DRAFT = "it is a draft, of which naming Spec sends no updates"


def _withheld(parsed: PersonalEvent) -> str:
    if isinstance(parsed, CustomerEvent) and parsed.user.get("isStaff") is True:
        return "it is about staff, who are no customers"
    return "no consent is recorded, and tracking.consent.unknown is Drop"
