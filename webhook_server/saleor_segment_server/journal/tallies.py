"""The counts of each pipeline, kept up with every transaction instead of counted."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from saleor_segment_server.delivery import Entry
from saleor_segment_server.journal.records import Tally

_LOAD = "SELECT pipeline, pending, dead, delivered, stored_bytes, last_delivered_at FROM tally"
_SAVE = """
INSERT INTO tally (pipeline, pending, dead, delivered, stored_bytes, last_delivered_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (pipeline) DO UPDATE SET
    pending = excluded.pending, dead = excluded.dead, delivered = excluded.delivered,
    stored_bytes = excluded.stored_bytes, last_delivered_at = excluded.last_delivered_at
"""
_OLDEST = """
SELECT at FROM event WHERE pipeline = ? AND state = 'pending' ORDER BY seq LIMIT 1
"""


class Tallies:
    """Tallies as drafted by the transaction under way and as last committed."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._drafts: dict[str, Tally] = {}
        self._committed = {
            pipeline: Tally(
                pending, dead, delivered, stored_bytes, self._oldest(pipeline), last_delivered_at
            )
            for pipeline, pending, dead, delivered, stored_bytes, last_delivered_at in db.execute(
                _LOAD
            ).fetchall()
        }

    def committed(self) -> dict[str, Tally]:
        """Return a copy of what is committed; safe on any thread."""
        return self._committed.copy()

    def of(self, pipeline: str) -> Tally:
        """Return the tally as the transaction under way sees it."""
        return self._drafts.get(pipeline) or self._committed.get(pipeline) or Tally()

    def accepted(self, entries: Iterable[Entry]) -> None:
        """Count events that were stored, pending or dead."""
        groups: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            groups[entry.pipeline].append(entry)
        for pipeline, group in groups.items():
            self._drafts[pipeline] = _grown(self.of(pipeline), group)

    def buried(self, pipeline: str, count: int) -> None:
        """Count pending events that became dead letters."""
        tally = self.of(pipeline)
        self._drafts[pipeline] = replace(
            tally,
            pending=tally.pending - count,
            dead=tally.dead + count,
            oldest_pending_at=self._oldest(pipeline),
        )

    def delivered(self, pipeline: str, count: int, *, size: int, now: float) -> None:
        """Count pending events that were settled and gave up ``size`` bytes of bodies."""
        tally = self.of(pipeline)
        self._drafts[pipeline] = replace(
            tally,
            pending=tally.pending - count,
            delivered=tally.delivered + count,
            stored_bytes=tally.stored_bytes - size,
            oldest_pending_at=self._oldest(pipeline),
            last_delivered_at=now,
        )

    def save(self) -> None:
        """Write the drafts; the last thing of a transaction."""
        self._db.executemany(
            _SAVE,
            [
                (name, t.pending, t.dead, t.delivered, t.stored_bytes, t.last_delivered_at)
                for name, t in self._drafts.items()
            ],
        )

    def publish(self) -> None:
        """Make the drafts what is committed."""
        self._committed.update(self._drafts)
        self._drafts.clear()

    def discard(self) -> None:
        """Forget the drafts of a transaction that was rolled back."""
        self._drafts.clear()

    def _oldest(self, pipeline: str) -> float | None:
        row = self._db.execute(_OLDEST, (pipeline,)).fetchone()
        return row[0] if row else None


def _grown(tally: Tally, entries: Sequence[Entry]) -> Tally:
    """Return a tally with events of its pipeline that were accepted."""
    pending = [entry for entry in entries if entry.why is None]
    first = pending[0].received_at if pending and not tally.pending else tally.oldest_pending_at
    return replace(
        tally,
        pending=tally.pending + len(pending),
        dead=tally.dead + len(entries) - len(pending),
        stored_bytes=tally.stored_bytes + sum(len(entry.body) for entry in entries),
        oldest_pending_at=first,
    )
