"""The operator's private port: probes and metrics, apart from kopf, which hangs where it fails."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from saleor_segment_operator.errors import StartError
from saleor_segment_operator.operate.metrics import Metrics
from saleor_segment_server.addresses import host_and_port

Check = Callable[[], str | None]
"""Says what is the matter, or ``None``."""

_TICK = 1.0
_LAGGING = 20.0
"""Seconds of silence of the event loop that a liveness probe takes for an end."""


class Health:
    """What the probes are told; the parts put their checks in as they come up.

    Args:
        metrics: Where the event loop's lag is shown.
        clock: Seconds on a clock that is never set.
        tick: Seconds between two looks at the event loop.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.monotonic,
        tick: float = _TICK,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._tick = tick
        self._lag = 0.0
        self.unready: Check = lambda: "starting"
        """Why this process is not ready, if it is not."""

    @property
    def unhealthy(self) -> str | None:
        """Why this process had better be started anew."""
        return f"the event loop was {self._lag:.0f} s late" if self._lag > _LAGGING else None

    async def beat(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due = self._clock() + self._tick
            await asyncio.sleep(self._tick)
            self._lag = max(0.0, self._clock() - due)
            self._metrics.lag.set(self._lag)


@asynccontextmanager
async def listening(
    health: Health, metrics: Metrics, address: str
) -> AsyncIterator[tuple[str, int]]:
    """Answer on ``address``, given as HOST:PORT; yield what was bound.

    Raises:
        StartError: It is taken, or not this machine's.
    """
    runner = web.AppRunner(_application(health, metrics), access_log=None, keepalive_timeout=10)
    await runner.setup()
    try:
        await _bind(web.TCPSite(runner, *host_and_port(address)), address)
        bound = runner.addresses[0]
        yield bound[0], bound[1]
    finally:
        await runner.cleanup()


async def _bind(site: web.TCPSite, address: str) -> None:
    try:
        await site.start()
    except OSError as error:
        raise StartError(
            f"{address}: cannot listen there ({error.strerror}): stop what does, or name another "
            "--private-listen"
        ) from None


def _application(health: Health, metrics: Metrics) -> web.Application:
    async def alive(_: web.Request) -> web.Response:
        return _answer(health.unhealthy)

    async def ready(_: web.Request) -> web.Response:
        return _answer(health.unready())

    async def scrape(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        return web.Response(body=metrics.render(), headers=headers)

    application = web.Application()
    application.router.add_get("/healthz", alive)
    application.router.add_get("/readyz", ready)
    application.router.add_get("/metrics", scrape)
    return application


def _answer(problem: str | None) -> web.Response:
    if problem is None:
        return web.json_response({"status": "ok"})
    return web.json_response({"status": problem}, status=503)
