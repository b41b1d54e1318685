"""What the API server's answers, and the lack of one, come to: the errors of this package."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp.http_exceptions import HttpProcessingError
from kubernetes.aio.config import ConfigException

from saleor_segment_server.cluster.errors import (
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Missing,
    Refused,
    Terminating,
    Unanswered,
    Unserved,
)

RAISED: Mapping[int, type[ApiError]] = {
    403: Forbidden,
    404: Missing,
    409: Conflict,
    410: Expired,
}
"""What is raised for an HTTP status; for another 4xx ``Refused``."""
_NOT_FOUND = 404
_PASSING = frozenset({401, 429})
_SERVER_ERROR = 500


@contextmanager
def answered() -> Iterator[None]:
    """Make ``Unanswered`` of whatever keeps an answer from coming, our own token included."""
    try:
        yield
    except (TimeoutError, aiohttp.ClientError, ConfigException, OSError, ValueError) as error:
        raise Unanswered(f"no answer from the API server ({type(error).__name__})") from error
    except HttpProcessingError as error:  # not chained: it quotes what it could not read
        raise Unanswered(f"no answer from the API server ({type(error).__name__})") from None


@contextmanager
def readable() -> Iterator[None]:
    """Make ``Unanswered`` of what the API server never says, but something before it may."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unanswered("what answers for the API server cannot be read") from error


def refusal_of(response: aiohttp.ClientResponse, body: bytes, call: str) -> ApiError:
    """Return what is to be raised for an answer that says no to ``call``."""
    status = _status(body)
    message = f"{call}: {(status or {}).get('message') or f'HTTP {response.status}'}"
    if response.status in _PASSING or response.status >= _SERVER_ERROR:
        return Unanswered(message, retry_after=_seconds(response.headers.get("Retry-After")))
    if response.status == _NOT_FOUND and status is None:
        # Not an object but its whole type is unknown: a CRD is missing, or the server is starting.
        return Unserved(f"{message}: not served here")
    if _is_terminating(status):
        return Terminating(message)
    return RAISED.get(response.status, Refused)(message)


def _status(body: bytes) -> Mapping[str, Any] | None:
    """Return the API server's own word on what failed, a ``metav1.Status``."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) and document.get("kind") == "Status" else None


def _is_terminating(status: Mapping[str, Any] | None) -> bool:
    causes = ((status or {}).get("details") or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isdigit() else None
