"""How many messages a second go from the journal to Segment, against Segment's own client."""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.draining import Drain, FullJournal, drain
from tests.bench.report import Measure, Profile
from tests.bench.sampled import read_profile, sampled
from tests.bench.subjects import Subject, official_client, pipeline, server
from tests.signing import Signer

_SATURATED = 0.95
"""Share of its core from which the twin may be what limits."""


class Forwarding(Bench):
    """Our forwarder on a full journal, and the official client on the very same messages."""

    def __init__(self, folder: Path, *, events: int) -> None:
        self._folder = folder
        self._journal = FullJournal(folder, events=events)
        self._signer = Signer.new()
        self._ours: list[Drain] = []
        self._peer: list[Drain] = []

    def prepare(self) -> None:
        """Fill the journal, and write down its messages for the client."""
        self._journal.fill(pipeline(self._signer, endpoint="http://127.0.0.1:9"))

    def round(self, number: int) -> str:
        """Drain once each; return a line on it."""
        subjects = [(self._ours, self._server), (self._peer, self._client)]
        for drains, start in subjects if number % 2 == 0 else reversed(subjects):
            drains.append(drain(self._folder, start, expected=self._journal.events))
        ours, peer = self._ours[-1].per_second, self._peer[-1].per_second
        return f"{ours:,.0f}/s, official client {peer:,.0f}/s, ratio {ours / peer:.2f}"

    def profile(self) -> Profile:
        """Drain once more, with a server that is sampled."""
        drain(self._folder, self._sampled, expected=self._journal.events)
        return read_profile(self._folder)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        return [
            Measure(
                name="forwarder",
                unit="messages/s",
                target="≥ 1.5",
                ours=[drained.per_second for drained in self._ours],
                other=[drained.per_second for drained in self._peer],
                other_name="segment-analytics-python",
                notes=f"{self._cost()}; {self._limit()}",
            )
        ]

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
        peer = _median(self._peer, lambda drained: drained.busy)
        twin = _median(self._ours, lambda drained: drained.twin_busy)
        verdict = "it may be what limits us" if twin > _SATURATED else "it is not what limits"
        return (
            f"we used {ours:.0%} of a core, the client {peer:.0%}, and the twin {twin:.0%} of its"
            f" own while it took ours: {verdict}"
        )


def _median(drains: Sequence[Drain], read: Callable[[Drain], float]) -> float:
    return statistics.median(read(drained) for drained in drains)
