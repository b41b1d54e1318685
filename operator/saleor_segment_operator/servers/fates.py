"""What becomes of a delivery that is handed to a server, by the server's answer. Pure."""

from enum import StrEnum
from typing import Any

import httpx

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.servers.errors import token_refused

_REFUSALS = frozenset(
    {
        httpx.codes.BAD_REQUEST,
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        httpx.codes.UNSUPPORTED_MEDIA_TYPE,
    }
)
_UNVERIFIED = frozenset(
    {"key_unknown", "signature_malformed", "signature_missing", "signature_wrong"}
)


class Fate(StrEnum):
    """What became of a delivery that was handed to a server."""

    ACCEPTED = "accepted"
    """It is durable now."""
    DUPLICATE = "duplicate"
    """It was already."""
    BURIED = "buried"
    """It is genuine and not wanted: a dead letter, with the reason."""
    UNVERIFIED = "unverified"
    """Its signature does not verify under the key that the shop has now."""
    REFUSED = "refused"
    """It is not what Saleor sends, or larger than a server takes."""


def refuses_token(response: httpx.Response) -> bool:
    """Tell whether it was our token that was refused, rather than the delivery."""
    is_refusal = response.status_code == httpx.codes.UNAUTHORIZED
    return is_refusal and _document(response).get("error") not in _UNVERIFIED


def fate(response: httpx.Response) -> Fate:
    """Tell what a server made of a delivery.

    Raises:
        Unavailable: It says nothing of the delivery itself.
    """
    document = _document(response)
    error = document.get("error")
    if response.is_success and document.get("outcome") in {*Fate}:
        return Fate(document["outcome"])
    if error in _UNVERIFIED:
        return Fate.UNVERIFIED
    if error in {"token_missing", "token_wrong"}:
        raise token_refused()
    if error and response.status_code in _REFUSALS:
        return Fate.REFUSED
    status = response.status_code
    message = f"A server takes no delivery now (HTTP {status}): tried again by itself."
    raise Unavailable(Reason.SERVERS_BUSY, message)


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
