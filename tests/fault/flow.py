"""Very many events through a server process, watched from outside: what it holds must stay flat.

A shop has several Pipelines, as a shop with several sources in Segment would: each delivery is
signed once and goes to each of them, where it is another event. So a million events take a few ten
thousand signatures.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Self

import uvloop

from saleor_segment_server.contract import Pipeline
from tests.bench.deliveries import Signed, request, sign
from tests.bench.load import drive
from tests.bench.processes import CORE_OF_LOAD, pinned, resident
from tests.bench.subjects import APP_ID, Subject, ask, pipeline, segment, server
from tests.fault.parts import Verdict
from tests.signing import Signer

GROWTH = 5.0
"""MB by which memory may exceed what it was: leaks show with the number of events, not by this."""
LOG = 32.0
"""MB that the log may take."""
_CONNECTIONS = 32
_PATIENCE = 120.0
"""Seconds without progress until it is given up."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a server holds at a moment."""

    resident: float
    """MB of memory."""
    journal: float
    """MB of the database file."""
    log: float
    """MB of its write-ahead log."""

    @classmethod
    def most(cls, looks: Sequence["Look"]) -> "Look":
        """Return the most of each."""
        return cls(
            max(look.resident for look in looks),
            max(look.journal for look in looks),
            max(look.log for look in looks),
        )


@dataclass
class Watch:
    """Looks at a server again and again, for the time of a ``with``."""

    pid: int
    data: Path
    every: float
    looks: list[Look] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(self.every):
            with contextlib.suppress(FileNotFoundError):  # it has just ended
                self.looks.append(look(self.pid, self.data))


def look(pid: int | None, data: Path) -> Look:
    """Look once; without a process, at the files alone."""
    memory = 0.0 if pid is None else resident(pid) / 1e6
    return Look(memory, _megabytes(data / "journal.db"), _megabytes(data / "journal.db-wal"))


def _megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6 if file.exists() else 0.0


def growth(values: Sequence[float]) -> float:
    """Return by how much the last quarter exceeds the second: the first is for warming up."""
    quarter = len(values) // 4
    return median(values[-quarter:]) - median(values[quarter : 2 * quarter])


@dataclass(frozen=True)
class Flow:
    """What was seen while events went through."""

    events: int
    seconds: float
    arrived: int
    wrong: tuple[str, ...]
    """What is not as it must be: doubled, dropped, dead."""
    looks: list[Look]

    @property
    def growth(self) -> float:
        """MB by which memory grew once it was warm."""
        return growth([look.resident for look in self.looks])

    @property
    def most(self) -> Look:
        """The most of each."""
        return Look.most(self.looks)

    @property
    def held(self) -> bool:
        """Whether all arrived once, and memory and log stayed flat."""
        whole = not self.wrong and self.arrived == self.events
        return whole and self.growth <= GROWTH and self.most.log <= LOG


def flow(
    folder: Path, *, deliveries: int, pipelines: int, warm_up: int = 0, every: float = 0.05
) -> Flow:
    """Bring deliveries to as many Pipelines, one after the other, and watch from the first on.

    Args:
        folder: Where files may lie.
        deliveries: Distinct ones.
        pipelines: Each gets them all.
        warm_up: So many Pipelines more get them before, unwatched.
        every: Seconds between two looks.
    """
    signer = Signer.new()
    signed = sign(signer, deliveries, issued_at=datetime.now(UTC).isoformat(), app_id=APP_ID)
    data = folder / "data"
    with segment(folder) as twin:
        held = sources(signer, twin.url, warm_up + pipelines)
        with server(folder, *held, data=data) as subject:
            _deliver(subject, signed, held[:warm_up])
            began = time.monotonic()
            with Watch(subject.pid, data, every=every) as watch:
                _deliver(subject, signed, held[warm_up:])
            seconds = time.monotonic() - began
            arrived, wrong = account(twin, subject)
    events = deliveries * pipelines
    return Flow(events, seconds, arrived - deliveries * warm_up, wrong, watch.looks)


def sources(signer: Signer, url: str, count: int) -> list[Pipeline]:
    """Return as many Pipelines of one shop."""
    first = pipeline(signer, endpoint=url)
    return [
        first.model_copy(update={"id": f"{first.id[:-12]}{number:012x}"})
        for number in range(1, count + 1)
    ]


def _deliver(subject: Subject, signed: Sequence[Signed], held: Sequence[Pipeline]) -> None:
    """Deliver all to one Pipeline after the other, each once the one before has settled."""
    host, port = subject.address
    for each in held:
        path = f"/webhooks/{each.id}/order_created"
        requests = [request(one, path=path, host=f"{host}:{port}") for one in signed]
        with pinned(CORE_OF_LOAD):
            load = uvloop.run(drive(host, port, requests, connections=_CONNECTIONS))
        if set(load.statuses) != {200}:
            raise RuntimeError(f"not every answer was 200: {load.statuses}")
        settle(subject)


def settle(subject: Subject) -> None:
    """Wait until nothing is pending."""
    last, since = -1, time.monotonic()
    while pending := sum(report["pending"] for report in reports(subject)):
        if pending != last:
            last, since = pending, time.monotonic()
        if time.monotonic() - since > _PATIENCE:
            raise RuntimeError(f"{pending} events stay pending")
        time.sleep(0.05)


def reports(subject: Subject) -> Iterator[dict[str, int]]:
    """Yield what a server tells of each of its Pipelines."""
    yield from ask(f"{subject.private}/internal/v1/pipelines")["pipelines"]


def account(twin: Subject, subject: Subject) -> tuple[int, tuple[str, ...]]:
    """Return how many messages arrived, and what is not as it must be."""
    totals = ask(f"{twin.url}/_twin/totals")
    found = {name: totals[name] for name in ("doubled", "deduplicated", "dropped")}
    found["dead"] = sum(report["dead"] for report in reports(subject))
    return totals["arrived"], tuple(f"{name}: {what}" for name, what in found.items() if what)


def memory(looks: Sequence[Look]) -> str:
    """Return the figure of a soak."""
    grown = growth([each.resident for each in looks])
    most = Look.most(looks).resident
    return f"memory: {most:.0f} MB at most, {grown:+.1f} MB from the second quarter to the last"


async def soak(folder: Path) -> Verdict:
    """Bring a million through."""
    seen = await asyncio.to_thread(flow, folder, deliveries=25_000, pipelines=40, every=0.25)
    kept = seen.looks[-1].journal * 1e6 / seen.events
    figures = (
        f"{seen.events:,} were accepted, {seen.arrived:,} arrived",
        *seen.wrong,
        f"{seen.events / seen.seconds:,.0f}/s from delivery to Segment",
        memory(seen.looks),
        f"journal: {seen.most.log:.0f} MB of log at most, {kept:.0f} bytes kept of each event",
    )
    return Verdict(seen.held, figures)
