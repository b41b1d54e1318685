"""Of whatever sends nothing, the right reason is known."""

import json

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import ledger_keys, map_event, parse
from saleor_segment_server.mapping.silence import why_nothing
from tests.data_plane.mapping.deliveries import Json, with_options

ORDER: Json = {
    "id": "T3JkZXI6MQ==",
    "status": "DRAFT",
    "userEmail": "bob@example.net",
    "channel": {"slug": "de"},
    "totalRefunded": {"amount": 5, "currency": "EUR"},
    "lines": [],
}
USER: Json = {"id": "VXNlcjox", "email": "ann@example.net"}
JOINED: Json = {**USER, "dateJoined": "2026-11-23T16:22:29+00:00"}
_DROP = {"metadataKey": "consent", "categories": {"Advertising": "ads"}, "unknown": "Drop"}
_SPEC = {"naming": "Spec"}
_UNTOLD = {"privacy": {"email": "Omit"}}
_CASES = [
    (Event.ORDER_CREATED, {"order": None}, {}, 0, "the order is gone: Saleor sent null"),
    (Event.ORDER_CREATED, {"order": ORDER}, {"channels": ["pl"]}, 0, "its channel is not among"),
    (Event.ORDER_UPDATED, {"order": ORDER}, _SPEC, 0, "it is a draft"),
    (Event.ORDER_CREATED, {"order": ORDER}, {"consent": _DROP}, 0, "no consent is recorded"),
    (Event.ORDER_CREATED, {"order": ORDER}, _SPEC, 1, "Order Completed was sent of this order"),
    (Event.ORDER_REFUNDED, {"order": ORDER}, {}, 1, "nothing was refunded that Segment"),
    (Event.ORDER_UPDATED, {"order": ORDER}, {"updates": "Changed"}, 1, "nothing that is sent has"),
    (Event.CUSTOMER_UPDATED, {"user": {**USER, "isStaff": True}}, {}, 0, "it is about staff"),
    (Event.CUSTOMER_CREATED, {"user": JOINED}, _UNTOLD, 0, "nothing may be told of the customer"),
    (Event.CUSTOMER_UPDATED, {"user": USER}, _UNTOLD, 0, "nothing may be told of the customer"),
]


@pytest.mark.parametrize(
    ("event", "body", "tracking", "before", "expected"), _CASES, ids=[case[4] for case in _CASES]
)
def test_the_reason_is_said(
    event: Event, body: Json, tracking: Json, before: int, expected: str
) -> None:
    """``before``: how often the same was sent already."""
    pipeline = with_options(**tracking)
    parsed = parse(event, json.dumps(body).encode())
    row: LedgerRow | None = None
    for _ in range(before):
        sent = map_event(parsed, pipeline, row)
        assert sent.messages
        row = sent.ledger
    assert ledger_keys(parsed, pipeline).order is not None or row is None
    assert map_event(parsed, pipeline, row).messages == ()
    assert why_nothing(parsed, pipeline, row).startswith(expected)
