"""How many deliveries one server on one core takes and brings to Segment at the same time."""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.bench.bench import Bench
from tests.bench.deliveries import request, sign
from tests.bench.draining import drain
from tests.bench.load import drive
from tests.bench.processes import CORE_OF_LOAD, cpu, pinned
from tests.bench.report import Measure
from tests.bench.subjects import (
    APP_ID,
    PIPELINE_ID,
    Subject,
    ask,
    floor,
    forwarding_floor,
    pipeline,
    segment,
    server,
)
from tests.signing import Signer

CONNECTIONS = 64
_LOOK = 0.05
"""Seconds between two looks at what has arrived."""
_PATIENCE = 120.0
"""Seconds after the last answer until it is given up."""


@dataclass(frozen=True)
class Through:
    """One run: what it took for each delivery."""

    per_second: float
    used: float
    """Seconds of processor time."""


class EndToEnd(Bench):
    """Our server, which does both at once, against one floor after the other."""

    def __init__(self, folder: Path, *, deliveries: int) -> None:
        self._folder = folder
        self._deliveries = deliveries
        self._signer = Signer.new()
        self._ours: list[Through] = []
        self._floors: list[Through] = []

    def prepare(self) -> None:
        """Sign what a round sends."""
        now = datetime.now(UTC).isoformat()
        self._signed = sign(self._signer, self._deliveries, issued_at=now, app_id=APP_ID)

    def round(self, number: int) -> str:
        """Measure both, in turns as to which goes first; return a line on it."""
        subjects: list[tuple[list[Through], Callable[[Path], Through]]] = [
            (self._ours, self._through_ours),
            (self._floors, self._through_floors),
        ]
        for runs, measure in subjects if number % 2 == 0 else reversed(subjects):
            with self._fresh() as data:
                runs.append(measure(data))
        ours, floors = self._ours[-1], self._floors[-1]
        return (
            f"{ours.per_second:,.0f}/s at {ours.used * 1e6:.0f} µs, floors"
            f" {floors.per_second:,.0f}/s at {floors.used * 1e6:.0f} µs"
        )

    def measures(self) -> list[Measure]:
        """Return what was found."""
        return [
            self._measure("end to end", "/s", lambda run: run.per_second),
            self._measure("end to end, CPU", "µs", lambda run: run.used * 1e6, more=False),
        ]

    def _measure(
        self, name: str, unit: str, read: Callable[[Through], float], *, more: bool = True
    ) -> Measure:
        return Measure(
            name=name,
            unit=unit,
            ours=[read(run) for run in self._ours],
            other=[read(run) for run in self._floors],
            other_name="both floors in turn",
            more_is_better=more,
        )

    def _through_ours(self, data: Path) -> Through:
        with segment(self._folder) as twin:
            held = pipeline(self._signer, endpoint=twin.url)
            with server(self._folder, held, data=data) as subject:
                before, start = cpu(subject.pid).total, time.monotonic()
                self._drive(subject)
                self._until_arrived(twin)
                seconds = time.monotonic() - start
                return self._each(seconds, cpu(subject.pid).total - before)

    def _through_floors(self, data: Path) -> Through:
        with floor(self._folder, self._signer, data=data) as subject:
            before = cpu(subject.pid).total
            seconds = self._drive(subject)
            used = cpu(subject.pid).total - before
        rows = data / "rows.db"
        _lay_out(rows, data / "floor.db")
        drained = drain(
            self._folder,
            lambda url: forwarding_floor(self._folder, url, rows),
            expected=self._deliveries,
        )
        seconds += self._deliveries / drained.per_second
        return self._each(seconds, used + drained.cost.total * self._deliveries)

    def _each(self, seconds: float, used: float) -> Through:
        return Through(self._deliveries / seconds, used / self._deliveries)

    def _drive(self, subject: Subject) -> float:
        host, port = subject.address
        path = f"/webhooks/{PIPELINE_ID}/order_created"
        requests = [request(one, path=path, host=f"{host}:{port}") for one in self._signed]
        with pinned(CORE_OF_LOAD):
            load = uvloop.run(drive(host, port, requests, connections=CONNECTIONS))
        if set(load.statuses) != {200}:
            raise RuntimeError(f"not every answer was 200: {load.statuses}")
        return load.seconds

    def _until_arrived(self, twin: Subject) -> None:
        end = time.monotonic() + _PATIENCE
        while (arrived := ask(f"{twin.url}/_twin/totals")["arrived"]) < self._deliveries:
            if time.monotonic() > end:
                raise RuntimeError(f"only {arrived} of {self._deliveries} messages arrived")
            time.sleep(_LOOK)

    @contextmanager
    def _fresh(self) -> Iterator[Path]:
        data = self._folder / "data"
        try:
            yield data
        finally:
            shutil.rmtree(data, ignore_errors=True)  # absent if nothing started


def _lay_out(rows: Path, received: Path) -> None:
    """Make the forwarder's rows of what the receiver's floor has stored."""
    with closing(sqlite3.connect(rows)) as db:
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB)")
        db.execute("ATTACH ? AS received", (str(received),))
        db.execute("INSERT INTO event SELECT rowid, body FROM received.event")
        db.commit()
