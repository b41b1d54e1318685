"""A load generator lean enough to sit on the other core: raw keep-alive connections."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

_PATIENCE = 300.0
"""Seconds until a run is given up."""


@dataclass
class Load:
    """What came back."""

    seconds: float = 0.0
    busy: float = 0.0
    """How much of its core the sending used."""
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency in seconds that this share of requests stayed below."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], load: Load, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.load = load
        self.done = done
        self.buffer = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self._next()

    def _next(self) -> None:
        if not self.requests:
            self.transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self.sent_at = time.perf_counter()
        self.transport.write(self.requests.pop())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, blank, body = self.buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        if len(body) < length:
            return
        self.load.latencies.append(time.perf_counter() - self.sent_at)
        self.load.statuses[int(head[9:12])] += 1
        self.buffer = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server closed a connection"))


async def drive(host: str, port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send every request once over this many connections, one in flight on each."""
    load = Load()
    loop = asyncio.get_running_loop()
    shared = list(reversed(requests))
    finished = []
    started, used = time.perf_counter(), time.process_time()
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        finished.append(done)
        await loop.create_connection(lambda d=done: _Connection(shared, load, d), host, port)  # type: ignore[misc]  # a bound default
    async with asyncio.timeout(_PATIENCE):
        await asyncio.gather(*finished)
    load.seconds = time.perf_counter() - started
    load.busy = (time.process_time() - used) / load.seconds
    return load
