"""Watching the integrations: kopf, in a thread and an event loop of its own.

kopf lists and watches, and what it sees is handed over to the main loop; it writes nothing, neither
annotations nor finalizers, and needs no other permission than to list and watch integrations. It
has a thread because it cancels every task of its loop when it ends. It keeps quiet about streams
that have ended unnoticed, so its requests are timed here: every stream is opened anew within
``Pace.server`` seconds, and one that is not is dead.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from types import SimpleNamespace
from typing import Any

import aiohttp
import kopf
import structlog

from saleor_segment_operator.errors import Lost
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_server.backoff import backoff
from saleor_segment_server.cluster import PAGE, Access

Told = Callable[[str | None, Mapping[str, Any]], object]
"""Called in the main loop with each event's type (``None`` for what is listed) and object."""

_CONNECT = 10.0
_INACTIVE = 70.0
_OK = 200
_JOIN = 5.0
_BETWEEN_LOGINS = 5.0
_LOOK = 1.0
_GOODBYE = 0.3  # for connections to be closed, which TLS does not do at once

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds that the watch is given."""

    server: float = 300.0
    """How long the API server keeps a stream open."""
    begin: float = 60.0
    """Until every stream is open, counted from the start."""
    silence: float = 450.0
    """Between two openings of a stream; well above ``server``."""


class Pulse:
    """When each stream was last opened; written by kopf's thread, read by any."""

    def __init__(self, streams: int, clock: Callable[[], float]) -> None:
        self._streams = streams
        self._clock = clock
        self._opened: dict[str, float] = {}

    def stop(self) -> None:
        """Note that no stream is open."""
        self._opened = {}

    def beat(self, path: str) -> None:
        """Note that the stream at this path was opened."""
        self._opened[path] = self._clock()

    @property
    def live(self) -> bool:
        """Whether every stream was opened."""
        return len(self._opened) >= self._streams

    @property
    def age(self) -> float:
        """Seconds since the stream that is silent the longest was opened; 0 without any."""
        opened = list(self._opened.values())
        return self._clock() - min(opened) if opened else 0.0


class Watch:
    """Tells of every integration, and of all that happens to one.

    Args:
        access: How the API server is reached.
        namespaces: Which are watched; none for all.
        told: What is told.
        pace: What the streams are given.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        access: Access,
        namespaces: Sequence[str],
        told: Told,
        *,
        pace: Pace = Pace(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._access = access
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._told = told
        self._pace = pace
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        # No threading.Event: kopf waits for one in a thread that outlives its failure.
        self._stop = asyncio.Event()
        self._kopfs_loop: asyncio.AbstractEventLoop | None = None
        self._error: BaseException | None = None
        self._may_log_in_at = 0.0
        self.pulse = Pulse(len(self._namespaces) or 1, clock)
        """How its streams are."""
        self.events = 0
        """How many events were seen."""

    async def run(self) -> None:
        """Watch until cancelled; kopf ends at errors that pass, and is then started again.

        Raises:
            Lost: It ended before every stream was open, or a stream is dead.
        """
        while True:
            await self._live()
            _log.warning("watch_started_again", why=_reason(self._error))

    async def _live(self) -> None:
        """Have kopf watch until it ends by itself."""
        self.pulse.stop()
        self._stop, self._kopfs_loop, self._error = asyncio.Event(), None, None
        thread = threading.Thread(target=self._in_thread, name="kopf", daemon=True)
        began = self._clock()
        thread.start()
        try:
            while thread.is_alive():
                await asyncio.sleep(_LOOK)
                self._examine(self._clock() - began)
        finally:
            self._end()
            await asyncio.to_thread(thread.join, _JOIN)
        if not self.pulse.live:
            raise Lost(f"the watch of integrations ended: {_reason(self._error)}")

    def _examine(self, running: float) -> None:
        if not self.pulse.live and running > self._pace.begin:
            raise Lost(
                f"the watch of integrations did not begin within {self._pace.begin:.0f} s: see the "
                "log for what the API server answered, and whether the ServiceAccount may list and "
                "watch them"
            )
        if self.pulse.age > self._pace.silence:
            raise Lost(f"the watch of integrations is dead: silent for {self.pulse.age:.0f} s")

    def _end(self) -> None:
        """Have kopf end; nothing happens where it has."""
        if self._kopfs_loop is None:
            self._stop.set()
            return
        with suppress(RuntimeError):  # its loop is closed
            self._kopfs_loop.call_soon_threadsafe(self._stop.set)

    def _in_thread(self) -> None:
        try:
            asyncio.run(self._watch())
        except Exception as error:  # noqa: BLE001 - told by the main loop, which ends the process
            self._error = error

    async def _watch(self) -> None:
        self._kopfs_loop = asyncio.get_running_loop()
        await kopf.operator(
            registry=self._registry(),
            settings=_settings(self._pace),
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
        )
        await asyncio.sleep(_GOODBYE)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()

        @kopf.on.login(registry=registry, backoff=_CONNECT)
        async def log_in(**_: Any) -> kopf.AiohttpSession:
            return await self._session()

        @kopf.on.event(
            INTEGRATIONS.group, INTEGRATIONS.version, INTEGRATIONS.plural, registry=registry
        )
        async def see(event: Mapping[str, Any], **_: Any) -> None:
            self._hand_over(event["type"], event["object"])

        return registry

    def _hand_over(self, kind: str | None, document: Mapping[str, Any]) -> None:
        self.events += 1
        self._loop.call_soon_threadsafe(self._told, kind, document)

    async def _session(self) -> kopf.AiohttpSession:
        """Open a session with the credentials as they are now; kopf asks again after a 401."""
        await asyncio.sleep(max(0.0, self._may_log_in_at - self._clock()))
        self._may_log_in_at = self._clock() + _BETWEEN_LOGINS
        found = await self._access.credentials()
        info = kopf.ConnectionInfo(
            server=found.url,
            ca_path=found.ca_file,
            insecure=not found.verify,
            token=found.token,
            certificate_path=found.certificate_file,
            private_key_path=found.key_file,
        )
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            proxy=found.proxy,
            trust_env=True,  # as every other call does
            trace_configs=[self._trace()],
        )
        return kopf.AiohttpSession(server=found.url, aiohttp_session=session)

    def _trace(self) -> aiohttp.TraceConfig:
        async def answered(
            _session: aiohttp.ClientSession,
            _context: SimpleNamespace,
            answer: aiohttp.TraceRequestEndParams,
        ) -> None:
            if "watch" in answer.url.query and answer.response.status == _OK:
                self.pulse.beat(answer.url.path)

        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(answered)
        return trace


class _Backoffs:
    """Seconds between tries, for ever: kopf would otherwise give up after a while."""

    def __iter__(self) -> Iterator[float]:
        for troubles in count(1):
            yield backoff(troubles, first=1.0, cap=30.0, spread=random.random)


def _settings(pace: Pace) -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.watching.server_timeout = int(pace.server)
    settings.watching.client_timeout = pace.server + _CONNECT
    settings.watching.connect_timeout = _CONNECT
    settings.watching.inactivity_timeout = _INACTIVE
    settings.watching.reconnect_backoff = 1.0 + random.random()
    settings.watching.chunk_size = PAGE
    settings.networking.request_timeout = 30.0
    settings.networking.connect_timeout = _CONNECT
    settings.networking.error_backoffs = _Backoffs()
    settings.networking.enforce_retry_after = True
    settings.posting.enabled = False
    settings.scanning.disabled = True  # else it lists and watches namespaces and all definitions
    settings.process.ultimate_exiting_timeout = None
    for name, level in (("kopf", logging.WARNING), ("kopf._core.reactor.running", logging.ERROR)):
        logging.getLogger(name).setLevel(level)  # it logs each event, and that it is in a thread
    return settings


def _reason(error: BaseException | None) -> str:
    return "no error is known" if error is None else f"{type(error).__name__}: {error}"
