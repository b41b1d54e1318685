"""The message around the properties or the traits, encoded."""

from importlib import metadata
from typing import Any, Final

import orjson

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.event import Parsed
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.ids import message_id
from saleor_segment_server.mapping.order import Properties
from saleor_segment_server.mapping.shrink import LIMIT, shrunk
from saleor_segment_server.message import Message

_PACKAGE = "saleor-segment-operator"
_SOFTWARE: Final = orjson.Fragment(
    orjson.dumps({"name": _PACKAGE, "version": metadata.version(_PACKAGE)})
)


def track(
    parsed: Parsed,
    person: Person,
    properties: Properties,
    *,
    pipeline: Pipeline,
    name: str,
    object_key: str,
    epoch: int,
) -> Message:
    """Return the track call of ``parsed``, called ``name``.

    Without ``issuedAt`` in the body there is no ``timestamp``: Segment then takes the time it
    received the message. Every subscription of ours asks for it.

    Raises:
        Unmappable: It exceeds Segment's limit even without a single line.
    """
    identifier = message_id(pipeline, parsed.event, object_key, epoch=epoch)
    item: dict[str, Any] = {"type": "track", "event": name}
    _sign(item, parsed, person, identifier)
    item["properties"] = properties
    item["context"] = context = _context(person)
    if person.traits:
        context["traits"] = person.traits
    payload = _encoded(item)
    return Message(identifier, payload if len(payload) <= LIMIT else shrunk(item))


def identify_call(
    parsed: Parsed, person: Person, *, pipeline: Pipeline, object_key: str, epoch: int
) -> Message:
    """Return the identify call that tells the traits of ``person`` as of ``parsed``.

    Its object key is that of the event's own message: the same traits, told again after others,
    must not pass for a repetition.

    Raises:
        Unmappable: It exceeds Segment's limit, which no traits that Saleor can hold do.
    """
    identifier = message_id(pipeline, parsed.event, object_key, epoch=epoch, kind="identify")
    item: dict[str, Any] = {"type": "identify"}
    _sign(item, parsed, person, identifier)
    item["traits"] = person.traits
    item["context"] = _context(person)
    payload = _encoded(item)
    if len(payload) > LIMIT:
        raise Unmappable("the identify call exceeds 32,000 bytes")
    return Message(identifier, payload)


def _encoded(item: dict[str, Any]) -> bytes:
    """Encode it into no more bytes than it has: what orjson returns holds on to some kilobytes."""
    return bytes(memoryview(orjson.dumps(item)))


def _sign(item: dict[str, Any], parsed: Parsed, person: Person, identifier: str) -> None:
    """Say whom the message is about, which it is, and when."""
    if person.user_id is not None:
        item["userId"] = person.user_id
    if person.anonymous_id is not None:
        item["anonymousId"] = person.anonymous_id
    item["messageId"] = identifier
    if parsed.issued_at is not None:
        item["timestamp"] = parsed.issued_at


def _context(person: Person) -> dict[str, Any]:
    context: dict[str, Any] = {"app": _SOFTWARE, "library": _SOFTWARE}
    if person.consent is not None:
        context["consent"] = {"categoryPreferences": person.consent}
    return context
