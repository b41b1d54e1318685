"""A delivered body as an order event: decoded once, then read by whoever needs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson

from saleor_segment_server.contract import Event
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.fields import Fields, child, moment, text

_TYPE_NAMES: Mapping[Event, str] = MappingProxyType({event: event.type_name for event in Event})


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What a delivery says of one order."""

    event: Event
    body: bytes
    """The delivery as it was received."""
    order: Fields | None
    """Saleor's ``Order``, which has an id; ``None`` where Saleor sent null."""
    issued_at: datetime | None
    """When Saleor built the payload, in UTC; ``None`` where the body was not asked for it."""

    @property
    def order_id(self) -> str | None:
        """The order's global id; ``None``: there is nothing to send."""
        return None if self.order is None else self.order["id"]


def parse(event: Event, body: bytes) -> OrderEvent:
    """Decode the body of a delivery of ``event``.

    Raises:
        Unmappable: It is not an order event; the message names the field, never its value.
    """
    fields = _event_fields(event, _decoded(body))
    if text(fields, "__typename") not in {None, _TYPE_NAMES[event]}:
        raise Unmappable(f"__typename is not {_TYPE_NAMES[event]}")
    if "order" not in fields:
        raise Unmappable("order is missing: the webhook's subscription does not ask for it")
    order = None if fields["order"] is None else child(fields, "order")
    if order is not None and text(order, "id") is None:
        raise Unmappable("order.id is missing")
    return OrderEvent(event, body, order, moment(fields, "issuedAt"))


def _decoded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unmappable("the body is not JSON") from None


def _event_fields(event: Event, document: Any) -> Fields:
    """Return the event's own fields: bare, or below ``data`` where a root field was subscribed."""
    if type(document) is list:
        raise Unmappable("the body is Saleor's legacy payload: the webhook has no subscription")
    if type(document) is not dict:
        raise Unmappable("the body is not a JSON object")
    if "data" not in document:
        return document
    name = _TYPE_NAMES[event]
    return child(child(document, "data"), name[0].lower() + name[1:])
