"""Mapping: a delivered order event, and what is remembered of its order, to Segment messages.

Pure: no I/O, no clock. ``parse`` decodes a body once, ``map_event`` does the rest.

What the specification leaves open is decided in the module it concerns: ages of refund bodies in
``settlement``, the email trait in ``identity``, a missing ``issuedAt`` in ``payload``, long lists
of a refund in ``shrink``.
"""

from saleor_segment_server.mapping.event import OrderEvent, parse
from saleor_segment_server.mapping.mapper import Mapped, map_event

__all__ = ["Mapped", "OrderEvent", "map_event", "parse"]
