"""Startup, liveness and readiness probes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.cluster.kubelet.client import TROUBLE, Object

_QUICK_SECONDS = 0.1
"""How often a probe looks that has not succeeded yet, where its period is longer."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe of one container, with the defaults of Kubernetes."""

    spec: Object
    address: str
    ports: dict[str, int]
    """Ports by name."""

    @property
    def period(self) -> float:
        """Seconds between two looks."""
        return float(self.spec.get("periodSeconds", 10))

    async def verdicts(self) -> AsyncIterator[bool]:
        """Yield ``True`` when it succeeds often enough in a row, ``False`` when it fails so.

        Until the first success it looks more often than its period, so that tests are quick, and
        counts the failures by the period.
        """
        await asyncio.sleep(self.spec.get("initialDelaySeconds", 0))
        good, bad, seen = 0, 0.0, False
        while True:
            every = self.period if seen else min(self.period, _QUICK_SECONDS)
            if await self._looks_good():
                good, bad, seen = good + 1, 0.0, True
                if good >= self.spec.get("successThreshold", 1):
                    yield True
            else:
                good, bad = 0, bad + every / self.period
                # The sum of tenths misses a whole number by a hair.
                if bad >= self.spec.get("failureThreshold", 3) - 1e-9:
                    yield False
            await asyncio.sleep(every)

    async def _looks_good(self) -> bool:
        try:
            async with asyncio.timeout(self.spec.get("timeoutSeconds", 1)):
                return await self._look()
        except TROUBLE:
            return False

    async def _look(self) -> bool:
        if "httpGet" in self.spec:
            return await self._get(self.spec["httpGet"])
        if "tcpSocket" in self.spec:
            port = self._port(self.spec["tcpSocket"]["port"])
            _, writer = await asyncio.open_connection(self.address, port)
            writer.close()
            return True
        raise ValueError("a probe that is neither httpGet nor tcpSocket is not played")

    async def _get(self, what: Object) -> bool:
        host, scheme = what.get("host", self.address), what.get("scheme", "HTTP").lower()
        url = f"{scheme}://{host}:{self._port(what['port'])}/{what.get('path', '').lstrip('/')}"
        headers = {each["name"]: each["value"] for each in what.get("httpHeaders", ())}
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer,
        ):
            return 200 <= answer.status < 400

    def _port(self, port: int | str) -> int:
        return self.ports[port] if isinstance(port, str) else port


async def watch(
    container: Object,
    address: str,
    *,
    started: Callable[[], None],
    ready: Callable[[bool], None],
) -> str:
    """Run the container's probes; return why it has to be started again, once it has."""
    startup = _probe(container, "startupProbe", address)
    if startup is not None and not await anext(startup.verdicts()):
        return "startup probe failed"
    started()
    async with asyncio.TaskGroup() as group:
        readiness = group.create_task(_tell(_probe(container, "readinessProbe", address), ready))
        await _live(_probe(container, "livenessProbe", address))
        readiness.cancel()
    return "liveness probe failed"


async def _tell(probe: Probe | None, ready: Callable[[bool], None]) -> None:
    if probe is None:
        ready(True)
        return
    async for verdict in probe.verdicts():
        ready(verdict)


async def _live(probe: Probe | None) -> None:
    if probe is None:
        await asyncio.Event().wait()
        return
    async for verdict in probe.verdicts():
        if not verdict:
            return


def _probe(container: dict[str, Any], name: str, address: str) -> Probe | None:
    if name not in container:
        return None
    ports = {
        each["name"]: each["containerPort"] for each in container.get("ports", ()) if "name" in each
    }
    return Probe(container[name], address, ports)
