"""A webhook delivery on its way in: ``Delivery`` → ``Verified`` → ``Entry``. Types only advance."""

import hashlib
import re
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from saleor_segment_server.contract import Event, Pipeline

_HEAD = re.compile(
    rb'\{"__typename": "(\w+)", "issuedAt": "([\w:.+-]+)", "recipient": \{"id": "([\w=+/-]+)"\}, "'
)
"""How a body begins that our own subscription asked for, as Saleor writes it."""


class Delivery(NamedTuple):
    """A request as it came, not believed yet."""

    pipeline: str
    """Id of the Pipeline in the path."""
    event: Event
    body: bytes
    signature: str
    """The ``Saleor-Signature`` header: a detached JWS (RFC 7515 appendix F, RFC 7797)."""
    api_url: str | None
    """The ``Saleor-Api-Url`` header, which no signature covers."""


class Verified(NamedTuple):
    """A delivery whose signature is the shop's."""

    delivery: Delivery
    key_id: str


class Entry(NamedTuple):
    """What the journal stores."""

    key: bytes
    """Accept key, 32 bytes: Saleor's byte-identical retries share it."""
    pipeline: str
    event: Event
    body: bytes
    received_at: float
    """Seconds since the epoch."""
    why: str | None = None
    """Set where it is genuine but not wanted: it is stored as a dead letter with this reason."""


def accept_key(pipeline: str, event: Event, body: bytes) -> bytes:
    """Return the SHA-256 of pipeline, event and raw body, joined by newlines."""
    digest = hashlib.sha256(f"{pipeline}\n{event.value}\n".encode())
    digest.update(body)
    return digest.digest()


def objection(verified: Verified, pipeline: Pipeline, *, now: float, max_age: float) -> str | None:
    """Say why a genuine delivery is not wanted, or ``None``.

    What is there and does not match is an objection; what is absent is none, since older and
    legacy subscriptions do not ask for it.

    Args:
        verified: The delivery.
        pipeline: The Pipeline it was sent to.
        now: Seconds since the epoch.
        max_age: Seconds since ``issuedAt`` that are let pass.
    """
    delivery = verified.delivery
    if delivery.event not in pipeline.events:
        return f"{delivery.event} is not among the integration's events"
    claimed = delivery.api_url
    if claimed is not None and claimed.lower() != pipeline.saleor.claimed_api_url.lower():
        return "its Saleor-Api-Url is not the shop's: see publicUrl of the integration"
    try:
        payload = _head(delivery.body) or _payload(orjson.loads(delivery.body))
    except orjson.JSONDecodeError:
        return "the body is no JSON"
    return (
        _wrong_type(payload, delivery.event)
        or _wrong_app(payload, pipeline.saleor.app_ids)
        or _too_old(payload, now - max_age)
    )


def _head(body: bytes) -> dict[str, Any] | None:
    """Return what is judged, where it stands first: decoding all takes eight times as long.

    Saleor has signed the body, and its encoder names no field twice. Whether the rest is an order
    is seen when it is mapped.
    """
    if (found := _HEAD.match(body)) is None:
        return None
    name, issued_at, app_id = found.groups()
    return {
        "__typename": name.decode(),
        "issuedAt": issued_at.decode(),
        "recipient": {"id": app_id.decode()},
    }


def _payload(body: object) -> dict[str, Any]:
    """Return the event object, out of its envelope if the subscription names a root field."""
    if isinstance(body, dict) and body.keys() == {"data"}:
        body = next(iter(body["data"].values()), None) if isinstance(body["data"], dict) else None
    return body if isinstance(body, dict) else {}


def _wrong_type(payload: dict[str, Any], event: Event) -> str | None:
    found = payload.get("__typename")
    if found is None or found == event.type_name:
        return None
    return f"its __typename is not {event.type_name}"


def _wrong_app(payload: dict[str, Any], app_ids: tuple[str, ...]) -> str | None:
    recipient = payload.get("recipient")
    found = recipient.get("id") if isinstance(recipient, dict) else None
    if found is None or not app_ids or found in app_ids:
        return None
    return "it was meant for another app"


def _too_old(payload: dict[str, Any], earliest: float) -> str | None:
    issued_at = payload.get("issuedAt")
    if issued_at is None:
        return None
    try:
        when = datetime.fromisoformat(issued_at)
    except (TypeError, ValueError):
        return "its issuedAt is no time"
    if when.tzinfo is None:
        return "its issuedAt has no time zone"
    return "it was issued too long ago" if when.timestamp() < earliest else None
