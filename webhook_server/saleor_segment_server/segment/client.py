"""The HTTP client: one attempt to hand a batch to Segment's Tracking API."""

import asyncio
import zlib
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from types import SimpleNamespace, TracebackType
from typing import Self

import aiohttp

from saleor_segment_server.contract import SegmentTarget
from saleor_segment_server.message import Message
from saleor_segment_server.outbound import AddressRefused
from saleor_segment_server.segment.batch import encode
from saleor_segment_server.segment.retry import Answer, NoAnswer

_TIMEOUT = 30.0
"""Seconds for a whole attempt."""
_CONNECT_TIMEOUT = 10.0
_LONGEST_ANSWER = 4096
"""Bytes of an answer that are read; the reason of a refusal lies within."""
_THREAD_FROM = 64 * 1024
"""Bytes from which compressing would hold the loop up longer than a thread costs."""
_LEVEL = 1
_GZIP = 31
"""zlib's ``wbits`` for a gzip header."""

_FAILURES: Sequence[tuple[type[Exception], NoAnswer]] = (
    (aiohttp.ClientConnectorDNSError, NoAnswer("name not resolved", reached=False)),
    (aiohttp.ClientConnectorCertificateError, NoAnswer("certificate refused", reached=False)),
    (aiohttp.ClientSSLError, NoAnswer("TLS failed", reached=False)),
    (aiohttp.ClientConnectorError, NoAnswer("not reachable", reached=False)),
    (aiohttp.ConnectionTimeoutError, NoAnswer("not reachable", reached=False)),
    (TimeoutError, NoAnswer("timeout")),
    (aiohttp.ClientPayloadError, NoAnswer("answer cut short")),
    (aiohttp.ClientConnectionError, NoAnswer("connection broken")),
    (OSError, NoAnswer("connection broken")),
    (aiohttp.ClientError, NoAnswer("no HTTP answer")),
)
"""The first that fits names the failure; the errors themselves may hold what is not ours to log."""


@dataclass
class _Trace:
    """What aiohttp tells of one request."""

    reused: bool = False


class SegmentClient:
    """Sends batches over kept-alive connections; an async context manager.

    Redirects are never followed: a login page that answers 200 would count as delivered.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        connector: Callable[[], aiohttp.TCPConnector] = aiohttp.TCPConnector,
        timeout: float = _TIMEOUT,
    ) -> None:
        """Nothing is opened yet.

        Args:
            clock: Seconds since the epoch, for ``sentAt``.
            connector: Makes the connector: ``Guard.connector``. It must resolve names anew
                after a while, for Segment's addresses are not static.
            timeout: Seconds for a whole attempt.
        """
        self._clock = clock
        self._connector = connector
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=_CONNECT_TIMEOUT)
        self._agent = f"saleor-segment-operator/{version('saleor-segment-operator')}"

    async def __aenter__(self) -> Self:
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=self._connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            trace_configs=[tracing],
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def send(
        self, target: SegmentTarget, messages: Sequence[Message], *, attempt: int = 0
    ) -> Answer | NoAnswer:
        """Send a batch, and at once again if the kept-alive connection it took was dead.

        Args:
            target: Where to, and with which key.
            messages: One batch, as ``pack`` cut it.
            attempt: How often the same batch was sent before.
        """
        key = target.write_key.get_secret_value() if target.write_key else ""
        data = await _compressed(encode(messages, sent_at=_moment(self._clock()), write_key=key))
        url, headers = f"{target.endpoint}/v1/batch", self._headers(key, attempt)
        trace = _Trace()
        answer = await self._post(url, data, headers, trace)
        if trace.reused and answer == NoAnswer("connection broken"):
            answer = await self._post(url, data, headers, trace)
        return answer

    async def _post(
        self, url: str, data: bytes, headers: Mapping[str, str], trace: _Trace
    ) -> Answer | NoAnswer:
        try:
            async with self._session.post(
                url, data=data, headers=headers, allow_redirects=False, trace_request_ctx=trace
            ) as response:
                beginning = await _beginning(response.content)
                return Answer(response.status, response.headers, beginning)
        except (aiohttp.ClientError, OSError) as error:
            return _failure(error)

    def _headers(self, key: str, attempt: int) -> dict[str, str]:
        headers = {
            "Authorization": "Basic " + b64encode(f"{key}:".encode()).decode(),
            "Content-Encoding": "gzip",
            "Content-Type": "application/json",
            "User-Agent": self._agent,
        }
        return headers | {"X-Retry-Count": str(attempt)} if attempt else headers


async def _note_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.reused = True


def _failure(error: Exception) -> NoAnswer:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, AddressRefused
    ):
        return NoAnswer("address refused", reached=False)
    return next(failure for kind, failure in _FAILURES if isinstance(error, kind))


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Read an answer to its end, or as much of it as matters."""
    chunks = bytearray()
    while len(chunks) < _LONGEST_ANSWER and (chunk := await content.read(_LONGEST_ANSWER)):
        chunks += chunk
    return bytes(chunks[:_LONGEST_ANSWER])


async def _compressed(body: bytes) -> bytes:
    if len(body) < _THREAD_FROM:
        return _gzip(body)
    return await asyncio.to_thread(_gzip, body)


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    return compressor.compress(body) + compressor.flush()


def _moment(now: float) -> str:
    text = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
