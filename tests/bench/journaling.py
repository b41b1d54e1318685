"""A journal by itself: ``python -m tests.bench.journaling SUBJECT FOLDER COUNT RESULT``.

SUBJECT is ``ours`` or ``floor``. So many events are accepted, 64 at once, then taken and settled,
500 at once; RESULT gets what that took as JSON.

The floor is SQLite without our code: a table of unique keys and one of bodies in a WAL with
``synchronous=FULL``, a transaction for each group, on the thread that asks. It has no pipelines,
states, counts, quotas or bounds, tells no news from what is known, and has no loop to keep free.
"""

import argparse
import asyncio
import json
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import uvloop

from saleor_segment_server.delivery import Entry
from saleor_segment_server.journal import Limits, Outcome, SqliteJournal
from tests.bench.fill import entries
from tests.bench.subjects import PIPELINE_ID, pipeline
from tests.signing import Signer

ACCEPTED_AT_ONCE = 64
SETTLED_AT_ONCE = 500


@dataclass(frozen=True)
class Took:
    """What one part took, for one event."""

    seconds: float
    """By the clock on the wall."""
    cpu: float
    """Of processor time, all threads together."""


class Subject(ABC):
    """A journal."""

    @abstractmethod
    async def accept(self, group: Sequence[Entry]) -> None:
        """Make events durable."""

    @abstractmethod
    async def settle(self) -> int:
        """Take some events and end them; return how many."""


class Ours(Subject):
    """The journal of the server, as the receiver and the forwarder use it."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal

    async def accept(self, group: Sequence[Entry]) -> None:
        await asyncio.gather(*map(self._journal.accept, group))

    async def settle(self) -> int:
        taken = await self._journal.take(PIPELINE_ID, limit=SETTLED_AT_ONCE)
        await self._journal.settle(PIPELINE_ID, [Outcome(pending.seq) for pending in taken])
        return len(taken)


class Floor(Subject):
    """Plain SQLite."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._accepted = self._settled = 0
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, key BLOB UNIQUE)")
        db.execute("CREATE TABLE body (seq INTEGER PRIMARY KEY, body BLOB)")

    async def accept(self, group: Sequence[Entry]) -> None:
        numbered = list(enumerate(group, self._accepted + 1))
        with self._db:
            self._db.executemany(
                "INSERT OR IGNORE INTO event VALUES (?, ?)",
                [(seq, entry.key) for seq, entry in numbered],
            )
            self._db.executemany(
                "INSERT INTO body VALUES (?, ?)", [(seq, entry.body) for seq, entry in numbered]
            )
        self._accepted += len(numbered)

    async def settle(self) -> int:
        taken = self._db.execute(
            "SELECT seq, body FROM body WHERE seq > ? ORDER BY seq LIMIT ?",
            (self._settled, SETTLED_AT_ONCE),
        ).fetchall()
        self._settled += len(taken)
        with self._db:
            self._db.execute("DELETE FROM body WHERE seq <= ?", (self._settled,))
        return len(taken)


async def measure(subject: Subject, events: Sequence[Entry]) -> dict[str, Took]:
    """Accept all events, then settle them."""
    started = _now()
    for group in _groups(events):
        await subject.accept(group)
    accepted = _now()
    while await subject.settle():
        pass
    return {
        "accepted": _took(started, accepted, len(events)),
        "settled": _took(accepted, _now(), len(events)),
    }


def _groups(events: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    left = iter(events)
    while group := list(islice(left, ACCEPTED_AT_ONCE)):
        yield group


def _now() -> Took:
    return Took(time.perf_counter(), time.process_time())


def _took(start: Took, end: Took, events: int) -> Took:
    return Took((end.seconds - start.seconds) / events, (end.cpu - start.cpu) / events)


async def main(name: str, folder: Path, count: int) -> dict[str, Took]:
    """Measure one subject with a fresh file."""
    events = list(entries(pipeline(Signer.new(), endpoint="http://127.0.0.1:9"), count))
    if name == "floor":
        with closing(sqlite3.connect(folder / "floor.db")) as db:
            return await measure(Floor(db), events)
    limits = Limits(quota=16 * 2**30)
    async with SqliteJournal(folder / "journal.db", limits=limits, clock=time.time) as journal:
        return await measure(Ours(journal), events)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.journaling")
    parser.add_argument("subject", choices=("ours", "floor"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("result", type=Path)
    given = parser.parse_args()
    found = uvloop.run(main(given.subject, given.folder, given.count))
    given.result.write_text(json.dumps({part: asdict(took) for part, took in found.items()}))
