"""Whether memory stays flat while very much drains, and how fast that goes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.draining import Drain, FullJournal, drain
from tests.bench.report import Measure, Points
from tests.bench.subjects import Subject, pipeline, server
from tests.signing import Signer

_FIRST_SECONDS = 3.0
"""In which a server starts and fills its buffers."""


class Backlog(Bench):
    """A server that finds a large backlog when it starts."""

    most_rounds = 2  # a copy of its journal, and a drain of it, take minutes

    def __init__(self, folder: Path, *, events: int) -> None:
        self._folder = folder
        self._journal = FullJournal(folder, events=events)
        self._signer = Signer.new()
        self._drains: list[Drain] = []

    def prepare(self) -> None:
        """Fill the journal."""
        self._journal.fill(pipeline(self._signer, endpoint="http://127.0.0.1:9"))

    def round(self, number: int) -> str:
        """Drain it once; return a line on it."""
        drained = drain(self._folder, self._server, expected=self._journal.events)
        self._drains.append(drained)
        return f"{drained.per_second:,.0f}/s, memory ± {_swing(drained.memory()):.1f} MB"

    def measures(self) -> list[Measure]:
        """Return what was found."""
        rates = [drained.per_second for drained in self._drains]
        most = [max(mb for _, mb in drained.memory()) for drained in self._drains]
        swings = [_swing(drained.memory()) for drained in self._drains]
        return [
            Measure(
                name=f"backlog of {self._journal.events:,}",
                unit="messages/s",
                target="≥ 10,000",
                ours=rates,
            ),
            Measure(name="backlog, most memory", unit="MB", target="≤ 150", ours=most),
            Measure(name="backlog, swing of memory", unit="± MB", target="≤ 20", ours=swings),
        ]

    def series(self) -> Mapping[str, Points]:
        """Return what is plotted over time: the last round's memory."""
        return {"backlog-resident-MB": self._drains[-1].memory()}

    @contextmanager
    def _server(self, url: str) -> Iterator[Subject]:
        held = pipeline(self._signer, endpoint=url)
        with self._journal.copy() as data, server(self._folder, held, data=data) as subject:
            yield subject


def _swing(memory: Points) -> float:
    """Return half of what lies between least and most after the first seconds."""
    settled = [mb for seconds, mb in memory if seconds > _FIRST_SECONDS]
    return (max(settled) - min(settled)) / 2 if settled else 0.0
