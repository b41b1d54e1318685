"""How long an idle server needs from a webhook to Segment."""

import asyncio
import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.bench.bench import Bench
from tests.bench.deliveries import request, sign
from tests.bench.load import drive
from tests.bench.processes import CORE_OF_LOAD, pinned
from tests.bench.report import Measure
from tests.bench.subjects import APP_ID, PIPELINE_ID, WRITE_KEY, Subject, pipeline, server
from tests.signing import Signer
from tests.twins.segment import SegmentTwin

WARM_UP = 50
_PAUSE = 0.02
"""Seconds between two deliveries, in which the server settles the one before."""


class Latency(Bench):
    """One delivery at a time, from the first byte sent until Segment's twin has its message."""

    def __init__(self, folder: Path, *, deliveries: int) -> None:
        self._folder = folder
        self._deliveries = deliveries
        self._signer = Signer.new()
        self.rounds: list[list[float]] = []

    def prepare(self) -> None:
        """Sign what a round sends."""
        now = datetime.now(UTC).isoformat()
        count = WARM_UP + self._deliveries
        self._signed = sign(self._signer, count, issued_at=now, app_id=APP_ID)

    def round(self, number: int) -> str:
        """Measure once; return a line on it."""
        data = self._folder / "data"
        try:
            with pinned(CORE_OF_LOAD):
                self.rounds.append(uvloop.run(self._round(data)))
        finally:
            shutil.rmtree(data, ignore_errors=True)  # absent if nothing started
        return f"p50 {self._ms(0.5)[-1]:.1f} ms, p99 {self._ms(0.99)[-1]:.1f} ms"

    def measures(self) -> list[Measure]:
        """Return what was found."""
        p50, p99 = self._ms(0.5), self._ms(0.99)
        return [
            Measure(name="idle latency, p50", unit="ms", target="≤ 60 ms", ours=p50),
            Measure(name="idle latency, p99", unit="ms", ours=p99),
        ]

    async def _round(self, data: Path) -> list[float]:
        async with SegmentTwin(keys=[WRITE_KEY]) as twin:
            held = pipeline(self._signer, endpoint=twin.url)
            with server(self._folder, held, data=data) as subject:
                return [await self._one(twin, subject, one) for one in self._requests(subject)][
                    WARM_UP:
                ]

    def _requests(self, subject: Subject) -> list[bytes]:
        host, port = subject.address
        path = f"/webhooks/{PIPELINE_ID}/order_created"
        return [request(one, path=path, host=f"{host}:{port}") for one in self._signed]

    async def _one(self, twin: SegmentTwin, subject: Subject, one: bytes) -> float:
        start = time.perf_counter()
        sent = asyncio.create_task(drive(*subject.address, [one], connections=1))
        await twin.inbox.until(1)
        seconds = time.perf_counter() - start
        await sent
        twin.inbox.clear()
        await asyncio.sleep(_PAUSE)
        return seconds

    def _ms(self, share: float) -> list[float]:
        return [sorted(found)[int(len(found) * share)] * 1000 for found in self.rounds]
