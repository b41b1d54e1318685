"""How fast a journal's backlog reaches Segment, and what memory that takes."""

import json
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from saleor_segment_server.contract import Pipeline
from tests.bench.bench import Bench
from tests.bench.processes import Cpu, cpu, resident, run
from tests.bench.report import Measure, Points, Profile
from tests.bench.sampled import read_profile, sampled
from tests.bench.subjects import (
    Subject,
    ask,
    official_client,
    pipeline,
    segment,
    server,
)
from tests.signing import Signer

Start = Callable[[str], AbstractContextManager[Subject]]
"""Runs something that sends to the Segment at this URL."""

_LOOK = 0.25
"""Seconds between two looks at what has arrived."""
_FIRST_SECONDS = 3.0
"""In which a server starts and fills its buffers."""
_SATURATED = 0.95
_PATIENCE = 30.0
"""Seconds without anything arriving until it is given up."""


@dataclass(frozen=True)
class Sample:
    """One look at a drain under way."""

    at: float
    arrived: int
    resident: int
    used: Cpu
    twin: Cpu


@dataclass(frozen=True)
class Drain:
    """One drain, as Segment's twin saw it."""

    per_second: float
    samples: list[Sample]

    def _between(self, read: Callable[[Sample], float]) -> float:
        """Return a share of the time in which messages came."""
        first, last = self._busy_samples[0], self._busy_samples[-1]
        return (read(last) - read(first)) / (last.at - first.at)

    @property
    def _busy_samples(self) -> list[Sample]:
        return [sample for sample in self.samples if sample.arrived]

    @property
    def busy(self) -> float:
        """How much of its core the sender used."""
        return self._between(lambda sample: sample.used.total)

    @property
    def twin_busy(self) -> float:
        """How much of its core the twin used."""
        return self._between(lambda sample: sample.twin.total)

    @property
    def cost(self) -> Cpu:
        """Processor time for one message, in seconds."""
        first, last = self._busy_samples[0], self._busy_samples[-1]
        used, messages = last.used - first.used, last.arrived - first.arrived
        return Cpu(used.main / messages, used.others / messages)

    def swing(self) -> float:
        """Return half of what lies between least and most memory after the first seconds, in MB."""
        settled = [mb for seconds, mb in self.memory() if seconds > _FIRST_SECONDS]
        return (max(settled) - min(settled)) / 2 if settled else 0.0

    def memory(self) -> Points:
        """Return resident MB over seconds, up to the last message."""
        start = self.samples[0].at
        return [(round(s.at - start, 2), round(s.resident / 1e6, 1)) for s in self.samples]


def drain(folder: Path, start: Start, *, expected: int) -> Drain:
    """Let it send all it has to a fresh Segment, and watch."""
    with segment(folder) as twin, start(twin.url) as sender:
        samples = [_look(twin, sender)]
        while samples[-1].arrived < expected:
            time.sleep(_LOOK)
            samples.append(_look(twin, sender))
            _check_progress(samples, expected)
        return Drain(_rate(twin, expected), samples)


def _look(twin: Subject, sender: Subject) -> Sample:
    totals = ask(f"{twin.url}/_twin/totals")
    if totals["doubled"] or totals["deduplicated"] or totals["dropped"]:
        raise RuntimeError(f"not every message arrived once: {totals}")
    now, pid = time.monotonic(), sender.pid
    return Sample(now, totals["arrived"], resident(pid), cpu(pid), cpu(twin.pid))


def _check_progress(samples: list[Sample], expected: int) -> None:
    last = samples[-1]
    since = next(sample for sample in samples if sample.arrived == last.arrived)
    if last.at - since.at > _PATIENCE:
        raise RuntimeError(f"only {last.arrived} of {expected} messages arrived")


def _rate(twin: Subject, messages: int) -> float:
    """Return messages per second between the first request and the last, without the first's."""
    requests = [r for r in ask(f"{twin.url}/_twin/requests") if r["path"] == "/v1/batch"]
    share = 1 - requests[0]["size"] / sum(request["size"] for request in requests)
    return float(messages * share / (requests[-1]["at"] - requests[0]["at"]))


class Draining(Bench):
    """Our forwarder on a full journal; and Segment's official client on the same messages."""

    def __init__(self, folder: Path, *, events: int, against_peer: bool) -> None:
        self._folder = folder
        self._events = events
        self._against_peer = against_peer
        self._signer = Signer.new()
        self._full = folder / "full"
        self._messages = folder / "messages.jsonl"
        self.ours: list[Drain] = []
        self.peer: list[Drain] = []

    def prepare(self) -> None:
        """Fill a journal once; every round drains a copy."""
        file = self._folder / "pipeline.json"
        file.write_text(json.dumps(self._pipeline("http://127.0.0.1:9").document()))
        arguments = ["-m", "tests.bench.fill", str(file), str(self._full), str(self._events)]
        if self._against_peer:
            arguments += ["--messages", str(self._messages)]
        run(arguments, log=self._folder / "fill.log")

    def round(self, number: int) -> str:
        """Drain once each; return a line on it."""
        subjects = [(self.ours, self._ours)] + [(self.peer, self._peer)] * self._against_peer
        for drains, start in subjects if number % 2 == 0 else reversed(subjects):
            drains.append(drain(self._folder, start, expected=self._events))
        text = f"{self.ours[-1].per_second:,.0f}/s"
        if self.peer:
            ratio = self.ours[-1].per_second / self.peer[-1].per_second
            text += f", official client {self.peer[-1].per_second:,.0f}/s, ratio {ratio:.2f}"
        return text

    def _pipeline(self, endpoint: str) -> Pipeline:
        return pipeline(self._signer, endpoint=endpoint)

    @contextmanager
    def _ours(self, url: str) -> Iterator[Subject]:
        with self._copy() as data, server(self._folder, self._pipeline(url), data=data) as subject:
            yield subject

    def _peer(self, url: str) -> AbstractContextManager[Subject]:
        return official_client(self._folder, url, self._messages)

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        data = self._folder / "data"
        shutil.copytree(self._full, data)
        os.sync()  # the copy's own writes are not the server's
        try:
            yield data
        finally:
            shutil.rmtree(data)


class Forwarding(Draining):
    """How many messages a second go from the journal to Segment."""

    def __init__(self, folder: Path, *, events: int) -> None:
        super().__init__(folder, events=events, against_peer=True)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        return [
            Measure(
                name="forwarder",
                unit="messages/s",
                target="≥ 1.5",
                ours=[drained.per_second for drained in self.ours],
                other=[drained.per_second for drained in self.peer],
                other_name="segment-analytics-python",
                notes=self._busy(),
            )
        ]

    def profile(self) -> Profile:
        """Drain once more, with a server that is sampled."""
        with self._copy() as data:

            def start(url: str) -> AbstractContextManager[Subject]:
                return sampled(self._folder, self._pipeline(url), data=data)

            drain(self._folder, start, expected=self._events)
        return read_profile(self._folder)

    def _busy(self) -> str:
        ours, twin = (
            statistics.median(getattr(drained, name) for drained in self.ours)
            for name in ("busy", "twin_busy")
        )
        theirs = statistics.median(drained.busy for drained in self.peer)
        limit = "the twin is what limits" if twin > _SATURATED else "the twin is not what limits"
        loop, others = (
            statistics.median(getattr(drained.cost, name) * 1e6 for drained in self.ours)
            for name in ("main", "others")
        )
        return (
            f"of a core we used {ours:.0%}, the official client {theirs:.0%}, and the twin"
            f" {twin:.0%} while it took ours: {limit}. A message costs {loop:.0f} µs of the event"
            f" loop and {others:.0f} µs of the journal's thread and those that compress"
        )


class Backlog(Draining):
    """Whether memory stays flat while very much drains."""

    def __init__(self, folder: Path, *, events: int) -> None:
        super().__init__(folder, events=events, against_peer=False)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        rates = [drained.per_second for drained in self.ours]
        swings = [drained.swing() for drained in self.ours]
        return [
            Measure(name="backlog", unit="messages/s", ours=rates),
            Measure(name="backlog, resident memory", unit="± MB", target="≤ 20", ours=swings),
        ]

    def series(self) -> dict[str, Points]:
        """Return what is plotted over time: the last round's."""
        return {"backlog-resident-MB": self.ours[-1].memory()}
