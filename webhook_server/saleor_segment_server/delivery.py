"""A webhook delivery on its way in: ``Delivery`` → ``Verified`` → ``Entry``. Types only advance."""

import hashlib
from dataclasses import dataclass

from saleor_segment_server.contract import Event


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request as it came, not believed yet."""

    pipeline: str
    """Id of the Pipeline in the path."""
    event: Event
    body: bytes
    signature: str
    """The ``Saleor-Signature`` header: a detached JWS (RFC 7515 appendix F, RFC 7797)."""
    api_url: str | None
    """The ``Saleor-Api-Url`` header, which no signature covers."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A delivery whose signature is the shop's."""

    delivery: Delivery
    key_id: str


@dataclass(frozen=True, slots=True)
class Entry:
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
