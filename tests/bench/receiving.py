"""How many deliveries one server process on one core verifies and makes durable."""

import shutil
import statistics
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.bench.bench import Bench
from tests.bench.deliveries import request, sign
from tests.bench.load import Load, drive
from tests.bench.processes import CORE_OF_LOAD, Cpu, cpu, pinned
from tests.bench.report import Measure, Profile
from tests.bench.sampled import read_profile, sampled
from tests.bench.subjects import APP_ID, PIPELINE_ID, Subject, floor, pipeline, server
from tests.signing import Signer

WARM_UP = 500
MANY = 64
"""Connections; Saleor sends from as many workers as a shop has."""


@dataclass(frozen=True)
class Run:
    """One round of one subject."""

    many: Load
    """Over many connections."""
    one: Load
    """Over a single one."""
    used: Cpu
    """Processor time while there were many."""


class Receiving(Bench):
    """Our receiver against the floor, in one round after the other."""

    def __init__(self, folder: Path, *, deliveries: int) -> None:
        self._folder = folder
        self._deliveries = deliveries
        self._signer = Signer.new()
        # Paused: what is measured is receiving alone.
        self._pipeline = pipeline(self._signer, endpoint="http://127.0.0.1:9", state="Paused")
        self.ours: list[Run] = []
        self.floor: list[Run] = []

    def prepare(self) -> None:
        """Sign what a round takes; every round sends the same to fresh journals."""
        self._few = self._deliveries // 10
        count = WARM_UP + self._deliveries + self._few
        now = datetime.now(UTC).isoformat()
        self._signed = sign(self._signer, count, issued_at=now, app_id=APP_ID)

    def round(self, number: int) -> str:
        """Measure both, in turns as to which goes first; return a line on it."""
        subjects = [(self.ours, self._ours), (self.floor, self._floor)]
        for runs, subject in subjects if number % 2 == 0 else reversed(subjects):
            with self._fresh() as data, subject(data) as running:
                runs.append(self._drive(running))
        ours, least = self.ours[-1].many.per_second, self.floor[-1].many.per_second
        return f"{ours:,.0f}/s, floor {least:,.0f}/s, ratio {ours / least:.2f}"

    def profile(self) -> Profile:
        """Send once more, to a server that is sampled."""
        with self._fresh() as data, sampled(self._folder, self._pipeline, data=data) as subject:
            self._drive(subject)
        return read_profile(self._folder)

    def _ours(self, data: Path) -> AbstractContextManager[Subject]:
        return server(self._folder, self._pipeline, data=data)

    def _floor(self, data: Path) -> AbstractContextManager[Subject]:
        return floor(self._folder, self._signer, data=data)

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        data = self._folder / "data"
        try:
            yield data
        finally:
            shutil.rmtree(data, ignore_errors=True)  # absent if nothing started

    def _drive(self, subject: Subject) -> Run:
        host, port = subject.address
        path = f"/webhooks/{PIPELINE_ID}/order_created"
        requests = [request(one, path=path, host=f"{host}:{port}") for one in self._signed]
        some, rest = requests[:WARM_UP], requests[WARM_UP:]
        with pinned(CORE_OF_LOAD):
            _send(host, port, some, MANY)
            before = cpu(subject.pid)
            many = _send(host, port, rest[: self._deliveries], MANY)
            used = cpu(subject.pid) - before
            one = _send(host, port, rest[self._deliveries :], 1)
        return Run(many, one, used)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        rate = self._both("receiver, 64 connections", "/s", lambda run: run.many.per_second)
        rate.target, rate.notes = "≥ 0.8", self._busy()
        one = self._both("receiver, 1 connection", "/s", lambda run: run.one.per_second)
        costs = [
            self._both("receiver, 64 connections, p50", "ms", lambda run: _ms(run.many, 0.5)),
            self._both("receiver, 64 connections, p99", "ms", lambda run: _ms(run.many, 0.99)),
            self._both("receiver, 1 connection, p50", "ms", lambda run: _ms(run.one, 0.5)),
            self._both("receiver, 1 connection, p99", "ms", lambda run: _ms(run.one, 0.99)),
            self._both("receiver, CPU", "µs", lambda run: self._us(run.used.total)),
            self._both("receiver, CPU of the loop", "µs", lambda run: self._us(run.used.main)),
            self._both("receiver, CPU of the journal", "µs", lambda r: self._us(r.used.others)),
        ]
        for cost in costs:
            cost.more_is_better = False
        return [rate, one, *costs]

    def _both(self, name: str, unit: str, read: Callable[[Run], float]) -> Measure:
        ours, least = [read(run) for run in self.ours], [read(run) for run in self.floor]
        return Measure(name=name, unit=unit, ours=ours, other=least, other_name="floor")

    def _busy(self) -> str:
        ours, least = (
            statistics.median(run.many.busy for run in runs) for runs in (self.ours, self.floor)
        )
        return (
            "CPU is for one delivery, at 64 connections. What drives them used"
            f" {ours:.0%} of its core for ours and {least:.0%} for the floor"
        )

    def _us(self, seconds: float) -> float:
        return seconds / self._deliveries * 1e6


def _send(host: str, port: int, requests: list[bytes], connections: int) -> Load:
    load = uvloop.run(drive(host, port, requests, connections=connections))
    if set(load.statuses) != {200}:
        raise RuntimeError(f"not every answer was 200: {load.statuses}")
    return load


def _ms(load: Load, share: float) -> float:
    return load.percentile(share) * 1000
