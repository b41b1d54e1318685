"""How many events a second the journal makes durable, and ends, by itself."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.journaling import Took
from tests.bench.processes import CORE_OF_SUBJECT, run
from tests.bench.report import Measure

Found = dict[str, Took]
"""By part."""


class Journal(Bench):
    """Our journal against plain SQLite, each in a process of its own on one core."""

    def __init__(self, folder: Path, *, events: int) -> None:
        self._folder = folder
        self._events = events
        self._ours: list[Found] = []
        self._floor: list[Found] = []

    def prepare(self) -> None:
        """Each process makes its events before it is measured."""

    def round(self, number: int) -> str:
        """Measure both, in turns as to which goes first; return a line on it."""
        subjects = [("ours", self._ours), ("floor", self._floor)]
        for name, found in subjects if number % 2 == 0 else reversed(subjects):
            found.append(self._measured(name))
        parts = (f"{part} {1 / took.seconds:,.0f}/s" for part, took in self._ours[-1].items())
        return ", ".join(parts)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        rates = [
            self._both(f"journal, {part}", "/s", part, lambda took: 1 / took.seconds)
            for part in ("accepted", "settled")
        ]
        costs = [
            self._both(f"journal, CPU of one {part}", "µs", part, lambda took: took.cpu * 1e6)
            for part in ("accepted", "settled")
        ]
        for cost in costs:
            cost.more_is_better = False
        return [*rates, *costs]

    def _both(self, name: str, unit: str, part: str, read: Callable[[Took], float]) -> Measure:
        ours, least = ([read(found[part]) for found in all_] for all_ in (self._ours, self._floor))
        return Measure(name=name, unit=unit, ours=ours, other=least, other_name="plain SQLite")

    def _measured(self, name: str) -> Found:
        data, result = self._folder / "data", self._folder / "result.json"
        data.mkdir()
        try:
            arguments = [name, str(data), str(self._events), str(result)]
            log = self._folder / f"{name}.log"
            run(["-m", "tests.bench.journaling", *arguments], log=log, core=CORE_OF_SUBJECT)
        finally:
            shutil.rmtree(data)
        return {part: Took(**took) for part, took in json.loads(result.read_text()).items()}
