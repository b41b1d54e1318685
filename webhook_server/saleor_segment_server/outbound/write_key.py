"""Asks Segment's CDN about a write key: its Tracking API answers 200 whatever the key.

The CDN serves the settings of every source by its write key, and says so where it knows none.
What it answers otherwise, or not at all, proves nothing and must not stop anybody's events.
Only the control plane asks, so ``outbound`` does not import this: a server needs no httpx.
"""

from enum import StrEnum
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx
import structlog

from saleor_segment_server.contract.pipeline import EU_ENDPOINT, US_ENDPOINT

CDN = "https://cdn.segment.com"
_HOSTS = frozenset(urlsplit(endpoint).hostname for endpoint in (US_ENDPOINT, EU_ENDPOINT))
_UNKNOWN_KEY = "invalid path or write key provided"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class WriteKeyVerdict(StrEnum):
    """What Segment's CDN says of a write key."""

    VALID = "Valid"
    """A source has it, in the region of the endpoint as far as the CDN tells."""
    INVALID = "Invalid"
    """No source has it; a source made minutes ago may not have reached the CDN yet."""
    OTHER_REGION = "OtherRegion"
    """A source of the other region has it: this endpoint would swallow its events."""
    UNKNOWN = "Unknown"
    """The CDN could not be asked, or has no say at this endpoint."""


class WriteKeyProbe:
    """Judges write keys; use it as an async context manager.

    The write key is part of the address that is asked, so addresses are never logged.

    Args:
        cdn: Base of the CDN; ``None`` asks nobody and knows nothing.
        timeout: Seconds for a whole question.
    """

    def __init__(self, *, cdn: str | None = CDN, timeout: float = 5.0) -> None:
        self._cdn = cdn
        self._client = httpx.AsyncClient(timeout=timeout, follow_redirects=False)

    async def __aenter__(self) -> Self:
        """Open the session; connections are made when they are needed."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.__aexit__(kind, error, trace)

    async def verdict(self, endpoint: str, write_key: str) -> WriteKeyVerdict:
        """Judge a key that is meant for this Tracking API; only Segment's own can be judged."""
        host = urlsplit(endpoint).hostname
        if host not in _HOSTS or self._cdn is None:
            return WriteKeyVerdict.UNKNOWN
        try:
            response = await self._client.get(
                f"{self._cdn}/v1/projects/{quote(write_key, safe='')}/settings"
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            _log.info("write_key_not_verified", cdn=self._cdn, error=type(error).__name__)
            return WriteKeyVerdict.UNKNOWN
        if response.status_code == httpx.codes.OK:
            return _by_settings(response, host)
        if response.is_client_error and _UNKNOWN_KEY in response.text.lower():
            return WriteKeyVerdict.INVALID
        _log.info("write_key_not_verified", cdn=self._cdn, status=response.status_code)
        return WriteKeyVerdict.UNKNOWN


def _by_settings(response: httpx.Response, host: str | None) -> WriteKeyVerdict:
    """Read a source's settings: ``integrations["Segment.io"].apiHost`` tells its region."""
    try:
        settings = response.json()
        integrations = settings["integrations"]
    except (KeyError, TypeError, ValueError):
        return WriteKeyVerdict.UNKNOWN
    home = _api_host(integrations)
    elsewhere = home in _HOSTS and home != host
    return WriteKeyVerdict.OTHER_REGION if elsewhere else WriteKeyVerdict.VALID


def _api_host(integrations: Any) -> str | None:
    try:
        api_host = integrations["Segment.io"]["apiHost"]
        return urlsplit(f"//{api_host.removeprefix('https://')}").hostname
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
