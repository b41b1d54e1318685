"""Mapping: a delivered event, and what is remembered of its order and its customer, to messages.

Pure: no I/O, no clock. ``parse`` decodes a body once, ``ledger_keys`` says what must be remembered
of it, ``map_event`` does the rest.

What the specification leaves open is decided in the module it concerns: what completes an order in
``names``, when an update says something new in ``updates``, ages of refund bodies in
``settlement``, the email trait in ``identity``, a missing ``issuedAt`` in ``payload``, long lists
of a refund in ``shrink``.
"""

from saleor_segment_server.mapping.event import (
    CheckoutEvent,
    CustomerEvent,
    FulfillmentEvent,
    NullEvent,
    OrderEvent,
    Parsed,
    parse,
)
from saleor_segment_server.mapping.mapper import Mapped, map_event
from saleor_segment_server.mapping.memory import NO_KEYS, LedgerKeys, ledger_keys, order_matters

__all__ = [
    "NO_KEYS",
    "CheckoutEvent",
    "CustomerEvent",
    "FulfillmentEvent",
    "LedgerKeys",
    "Mapped",
    "NullEvent",
    "OrderEvent",
    "Parsed",
    "ledger_keys",
    "map_event",
    "order_matters",
    "parse",
]
