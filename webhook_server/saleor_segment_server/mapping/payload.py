"""The message around the properties, encoded."""

from importlib import metadata
from typing import Any, Final

import orjson

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.event import OrderEvent
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.ids import message_id
from saleor_segment_server.mapping.order import Properties
from saleor_segment_server.mapping.shrink import LIMIT, shrunk
from saleor_segment_server.message import Message

_PACKAGE = "saleor-segment-operator"
_VERSION: Final = metadata.version(_PACKAGE)


def track(
    order_event: OrderEvent,
    person: Person,
    properties: Properties,
    *,
    pipeline: Pipeline,
    name: str,
    object_key: str,
    epoch: int,
) -> Message:
    """Return the track call of ``order_event``, called ``name``.

    Without ``issuedAt`` in the body there is no ``timestamp``: Segment then takes the time it
    received the message. Every subscription of ours asks for it.

    Raises:
        Unmappable: It exceeds Segment's limit even without a single line.
    """
    event = order_event.event
    identifier = message_id(pipeline, event, object_key, epoch=epoch)
    item: dict[str, Any] = {"type": "track", "event": name}
    if person.user_id is not None:
        item["userId"] = person.user_id
    if person.anonymous_id is not None:
        item["anonymousId"] = person.anonymous_id
    item["messageId"] = identifier
    if order_event.issued_at is not None:
        moment = order_event.issued_at.isoformat(timespec="milliseconds")
        item["timestamp"] = moment.replace("+00:00", "Z")
    item["properties"] = properties
    item["context"] = _context(person)
    payload = orjson.dumps(item)
    return Message(identifier, payload if len(payload) <= LIMIT else shrunk(item))


def _context(person: Person) -> dict[str, Any]:
    software = {"name": _PACKAGE, "version": _VERSION}
    context: dict[str, Any] = {"app": software, "library": software}
    if person.own_email is not None:
        context["traits"] = {"email": person.own_email}
    return context
