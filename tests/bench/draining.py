"""Draining a full journal into Segment's twin, watched from outside."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from saleor_segment_server.contract import Pipeline
from tests.bench.processes import Cpu, cpu, resident, run
from tests.bench.report import Points
from tests.bench.subjects import Subject, ask, segment

Start = Callable[[str], AbstractContextManager[Subject]]
"""Runs something that sends to the Segment at this URL."""

_LOOK = 0.25
"""Seconds between two looks at what has arrived."""
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
        first, last = self._ends
        used, messages = last.used - first.used, last.arrived - first.arrived
        return Cpu(used.main / messages, used.others / messages)

    def memory(self) -> Points:
        """Return resident MB over seconds, up to the last message."""
        start = self.samples[0].at
        return [(round(s.at - start, 2), round(s.resident / 1e6, 1)) for s in self.samples]

    def _between(self, read: Callable[[Sample], float]) -> float:
        """Return how much of what is read grew in a second, while messages came."""
        first, last = self._ends
        return (read(last) - read(first)) / (last.at - first.at)

    @property
    def _ends(self) -> tuple[Sample, Sample]:
        """The first and the last sample at which messages had come."""
        return next(sample for sample in self.samples if sample.arrived), self.samples[-1]


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


class FullJournal:
    """A journal that was filled once; every round drains a copy of it."""

    def __init__(self, folder: Path, *, events: int, told: bool = False) -> None:
        """Nothing is filled yet; ``told``: its messages are to be written down too."""
        self._folder = folder
        self._told = told
        self._full = folder / "full"
        self.events = events
        """How many it holds; each becomes one message."""
        self.messages = folder / "messages.jsonl"
        """The messages of its events, one a line, if they were to be told."""

    @property
    def database(self) -> Path:
        """The file that holds it."""
        return self._full / "journal.db"

    def fill(self, held: Pipeline) -> None:
        """Store events for a Pipeline, in a process of its own."""
        file = self._folder / "pipeline.json"
        file.write_text(json.dumps(held.document()))
        arguments = [str(file), str(self._full), str(self.events)]
        told = ["--messages", str(self.messages)] if self._told else []
        log = self._folder / "fill.log"
        run(["-m", "tests.bench.fill", *arguments, *told], log=log, seconds=3600)

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """Lend a data folder with a copy."""
        data = self._folder / "data"
        shutil.copytree(self._full, data)
        os.sync()  # the copy's own writes are not the server's
        try:
            yield data
        finally:
            shutil.rmtree(data)
