"""Webhook deliveries that Saleor keeps: those it gave up, and those it is still sending.

Saleor forgets what succeeded at once and keeps what it gave up for 14 days: the body as it was
sent, byte for byte, and the headers of each attempt, with the signature.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from saleor_segment_operator.saleor.client import Data
from saleor_segment_operator.saleor.refusals import MutationRefused, payload

LARGEST_PAGE = 100
"""The most that Saleor lists at once."""

_KEPT_HEADERS = frozenset({"content-type", "saleor-api-url", "saleor-domain", "saleor-event"})
"""Of what a delivery was sent with, beside the signature: custom headers are not for us."""
SIGNATURE = "saleor-signature"
"""The header that holds the signature, as ``Contents.headers`` spells it."""


class DeliveryState(StrEnum):
    """Saleor's ``EventDeliveryStatusEnum``, of what it still keeps."""

    PENDING = "PENDING"
    """It is being sent, or will be."""
    FAILED = "FAILED"
    """It was given up."""


@dataclass(frozen=True, slots=True)
class KeptDelivery:
    """A delivery that Saleor keeps, without what it says."""

    id: str
    created_at: datetime
    event: str
    """As in ``ORDER_CREATED``."""
    cursor: str
    """Its place in the list: what comes after it is asked for by this."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Part of a webhook's deliveries, newest first."""

    deliveries: tuple[KeptDelivery, ...] = ()
    more: bool = False
    """Whether older ones follow."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a delivery says, and how it was last sent."""

    body: bytes | None = field(repr=False)
    """``None`` where Saleor has it no longer."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the last attempt, in lower case; empty where there was none."""


def variables(
    webhook_id: str, state: DeliveryState, *, first: int, after: str | None, whole: bool
) -> dict[str, Any]:
    """Return the variables of ``ReadDeliveries``."""
    return {
        "webhook": webhook_id,
        "status": state.value,
        "first": first,
        "after": after,
        "whole": whole,
    }


def read_page(data: Data) -> DeliveryPage:
    """Read ``ReadDeliveries``; a webhook that is gone has none."""
    if data["webhook"] is None:
        return DeliveryPage()
    found = data["webhook"]["eventDeliveries"]
    return DeliveryPage(
        tuple(_kept(edge) for edge in found["edges"]), bool(found["pageInfo"]["hasNextPage"])
    )


def read_contents(data: Data) -> dict[str, Contents]:
    """Read ``ReadDeliveries`` as a whole, by the ids of the deliveries."""
    if data["webhook"] is None:
        return {}
    edges = data["webhook"]["eventDeliveries"]["edges"]
    return {str(edge["node"]["id"]): _contents(edge["node"]) for edge in edges}


def read_retried(data: Data) -> None:
    """Read ``RetryDelivery``; one that is gone has arrived, or nobody has it.

    Raises:
        MutationRefused: It was refused for another reason.
    """
    try:
        payload(data, "eventDeliveryRetry")
    except MutationRefused as refused:
        if refused.codes != {"NOT_FOUND"}:
            raise


def _kept(edge: Mapping[str, Any]) -> KeptDelivery:
    node = edge["node"]
    created_at = datetime.fromisoformat(node["createdAt"])
    if created_at.tzinfo is None:
        raise ValueError("createdAt has no time zone")
    return KeptDelivery(str(node["id"]), created_at, str(node["eventType"]), str(edge["cursor"]))


def _contents(node: Mapping[str, Any]) -> Contents:
    body = node["payload"]
    attempts = (node["attempts"] or {}).get("edges") or ()
    recorded = attempts[0]["node"]["requestHeaders"] if attempts else None
    return Contents(None if not body else str(body).encode(), _headers(recorded))


def _headers(recorded: str | None) -> dict[str, str]:
    """Return those that matter of what Saleor recorded, if they can be sent at all."""
    try:
        document = orjson.loads(recorded or "{}")
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(document, dict):
        return {}
    lowered = {name.lower(): value for name, value in document.items() if isinstance(value, str)}
    return {
        name: value
        for name, value in lowered.items()
        if name in _KEPT_HEADERS | {SIGNATURE} and value.isascii() and value.isprintable()
    }
