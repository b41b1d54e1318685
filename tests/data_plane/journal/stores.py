"""The stores a journal can lie in, as the suite sees them: a second one is added here."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from itertools import count
from pathlib import Path

from saleor_segment_server.contract import Event
from saleor_segment_server.delivery import Entry
from saleor_segment_server.journal import Limits, SqliteJournal, Tally
from tests.data_plane.journal.crashing import Files

SHOP = "5bcfe642-0000-4000-8000-000000000001"
OTHER = "5bcfe642-0000-4000-8000-000000000002"
NOON = 1_795_608_000.0

_COUNTS = """
SELECT pipeline,
    sum(state = 'pending'), sum(state = 'dead'), sum(state = 'delivered'),
    (SELECT coalesce(sum(length(body)), 0) FROM body JOIN event AS e USING (seq)
     WHERE e.pipeline = event.pipeline),
    (SELECT at FROM event AS e WHERE e.pipeline = event.pipeline AND state = 'pending'
     ORDER BY seq LIMIT 1),
    max(CASE WHEN state = 'delivered' THEN settled_at END)
FROM event GROUP BY pipeline
"""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class SqliteFiles:
    """A journal in a folder, opened as often as asked."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "journal.db"

    def open(
        self, *, limits: Limits | None = None, clock: Callable[[], float] | None = None
    ) -> SqliteJournal:
        return SqliteJournal(
            self.path, limits=limits or Limits(ballast=2**20), clock=clock or Clock()
        )

    def files(self) -> Files:
        """What lies on the disk now."""
        return Files.at(self.path)

    def counted(self) -> dict[str, Tally]:
        """What the tallies must be, counted from the events themselves."""
        with closing(sqlite3.connect(self.path)) as db:
            return {pipeline: Tally(*counts) for pipeline, *counts in db.execute(_COUNTS)}


STORES = {"sqlite": SqliteFiles}

_numbers = count()


def entry(
    body: bytes | None = None,
    *,
    pipeline: str = SHOP,
    event: Event = Event.ORDER_CREATED,
    at: float = NOON,
    why: str | None = None,
) -> Entry:
    """An entry of its own, unless a body is given."""
    body = f'{{"number": {next(_numbers)}}}'.encode() if body is None else body
    key = sha256(f"{pipeline}\n{event}\n".encode() + body).digest()
    return Entry(key, pipeline, event, body, at, why)
