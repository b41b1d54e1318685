"""How many messages a second go from the journal to Segment, against its client and our floor."""

import os
import shutil
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.draining import Drain, FullJournal, drain
from tests.bench.forwarding_floor import bodies_in, lay_out, message
from tests.bench.report import Measure, Profile
from tests.bench.sampled import read_profile, sampled
from tests.bench.subjects import Subject, forwarding_floor, official_client, pipeline, server
from tests.signing import Signer

_SATURATED = 0.95
"""Share of its core from which the twin may be what limits."""


_COMPARED = 500
"""Messages of which it is made sure that the floor sends the same."""


class Forwarding(Bench):
    """Our forwarder on a full journal; the floor and the official client on the same messages."""

    def __init__(self, folder: Path, *, events: int) -> None:
        self._folder = folder
        self._journal = FullJournal(folder, events=events, told=True)
        self._signer = Signer.new()
        self._ours: list[Drain] = []
        self._floor: list[Drain] = []
        self._peer: list[Drain] = []

    def prepare(self) -> None:
        """Fill the journal, write down its messages for the client, lay out the floor's rows."""
        self._journal.fill(pipeline(self._signer, endpoint="http://127.0.0.1:9"))
        self._rows = self._folder / "rows.db"
        lay_out(self._rows, self._journal.database)
        with self._journal.messages.open("rb") as ours:
            for line, body in zip(islice(ours, _COMPARED), bodies_in(self._rows), strict=False):
                if line.rstrip() != message(body):
                    raise RuntimeError("the floor sends other messages than we do")

    def round(self, number: int) -> str:
        """Drain once each; return a line on it."""
        subjects = [
            (self._ours, self._server),
            (self._floor, self._straight),
            (self._peer, self._client),
        ]
        for drains, start in subjects if number % 2 == 0 else reversed(subjects):
            drains.append(drain(self._folder, start, expected=self._journal.events))
        ours, floor, peer = self._ours[-1], self._floor[-1], self._peer[-1]
        return (
            f"{_told(ours)}; floor {_told(floor)}, ratio {ours.per_second / floor.per_second:.2f};"
            f" official client {_told(peer)}, ratio {ours.per_second / peer.per_second:.2f}"
        )

    def profile(self) -> Profile:
        """Drain once more, with a server that is sampled."""
        drain(self._folder, self._sampled, expected=self._journal.events)
        return read_profile(self._folder)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        limit = f"{self._cost()}; {self._limit()}"
        return [
            self._rate("forwarder", self._peer, "segment-analytics-python", "≥ 2", limit),
            self._rate("forwarder, and its floor", self._floor, "floor", "≥ 0.7"),
            self._cpu("forwarder, CPU", self._peer, "segment-analytics-python"),
            self._cpu("forwarder, CPU, and its floor", self._floor, "floor"),
        ]

    def _rate(
        self, name: str, others: list[Drain], other_name: str, target: str, notes: str = ""
    ) -> Measure:
        return Measure(
            name=name,
            unit="messages/s",
            target=target,
            ours=[drained.per_second for drained in self._ours],
            other=[drained.per_second for drained in others],
            other_name=other_name,
            notes=notes,
        )

    def _cpu(self, name: str, others: list[Drain], other_name: str) -> Measure:
        return Measure(
            name=name,
            unit="µs",
            ours=[drained.cost.total * 1e6 for drained in self._ours],
            other=[drained.cost.total * 1e6 for drained in others],
            other_name=other_name,
            more_is_better=False,
        )

    @contextmanager
    def _server(self, url: str) -> Iterator[Subject]:
        held = pipeline(self._signer, endpoint=url)
        with self._journal.copy() as data, server(self._folder, held, data=data) as subject:
            yield subject

    @contextmanager
    def _sampled(self, url: str) -> Iterator[Subject]:
        held = pipeline(self._signer, endpoint=url)
        with self._journal.copy() as data, sampled(self._folder, held, data=data) as subject:
            yield subject

    @contextmanager
    def _straight(self, url: str) -> Iterator[Subject]:
        rows = self._folder / "rows-of-a-round.db"
        shutil.copy(self._rows, rows)
        os.sync()  # the copy's own writes are not the floor's
        with forwarding_floor(self._folder, url, rows) as subject:
            yield subject
        for file in self._folder.glob(f"{rows.name}*"):
            file.unlink()

    def _client(self, url: str) -> AbstractContextManager[Subject]:
        return official_client(self._folder, url, self._journal.messages)

    def _cost(self) -> str:
        loop = _median(self._ours, lambda drained: drained.cost.main * 1e6)
        others = _median(self._ours, lambda drained: drained.cost.others * 1e6)
        return (
            f"a message costs us {loop:.0f} µs of the event loop, and {others:.0f} µs of the"
            " journal's thread and of those that compress"
        )

    def _limit(self) -> str:
        ours = _median(self._ours, lambda drained: drained.busy)
        floor = _median(self._floor, lambda drained: drained.busy)
        peer = _median(self._peer, lambda drained: drained.busy)
        twin = _median(self._ours, lambda drained: drained.twin_busy)
        verdict = "it may be what limits us" if twin > _SATURATED else "it is not what limits"
        return (
            f"we used {ours:.0%} of a core, the floor {floor:.0%}, the client {peer:.0%}, and the"
            f" twin {twin:.0%} of its own while it took ours: {verdict}"
        )


def _told(drained: Drain) -> str:
    return f"{drained.per_second:,.0f}/s at {drained.cost.total * 1e6:.0f} µs"


def _median(drains: Sequence[Drain], read: Callable[[Drain], float]) -> float:
    return statistics.median(read(drained) for drained in drains)
