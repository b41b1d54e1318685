"""What the journal does to its tables. Runs on the writer's thread and knows nothing of threads.

Writing happens inside ``transaction``.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import orjson

from saleor_segment_server.contract import Event
from saleor_segment_server.delivery import Entry
from saleor_segment_server.errors import QuotaReached, Rejected
from saleor_segment_server.journal.health import Health, Trouble
from saleor_segment_server.journal.records import DeadLetter, LedgerChange, Outcome, Pending
from saleor_segment_server.journal.room import Room
from saleor_segment_server.journal.schema import VERSION
from saleor_segment_server.journal.tallies import Tallies
from saleor_segment_server.ledger import LedgerRow

_ACCEPTED_SHARE = 0.8
"""Part of a quota up to which events are accepted."""

# An event that only a newer release knows waits for it: after a downgrade nothing is lost.
_KINDS = orjson.dumps([event.value for event in Event]).decode()
_EVENTS = {event.value: event for event in Event}
_KNOWN = "SELECT 1 FROM event WHERE key = ?"
_ACCEPT = """
INSERT INTO event (seq, key, pipeline, kind, at, size, state, why, settled_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, iif(?7 IS NULL, 'pending', 'dead'), ?7, iif(?7 IS NULL, NULL, ?5))
ON CONFLICT (key) DO NOTHING
"""
_SINCE = "SELECT seq FROM event WHERE seq >= ?"
_KEEP_BODY = "INSERT INTO body (seq, body) VALUES (?, ?)"
_TAKE = """
SELECT seq, kind, body, at, first_try FROM event JOIN body USING (seq)
WHERE pipeline = ? AND state = 'pending' AND seq > ?
AND +kind IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?
"""
# A + keeps the planner from another index: here it would walk all that is pending.
_PENDING_SIZES = """
SELECT json_group_object(seq, size) FROM event
WHERE seq IN (SELECT value FROM json_each(?)) AND +pipeline = ? AND +state = 'pending'
"""
_DROP_BODIES = "DELETE FROM body WHERE seq IN (SELECT value FROM json_each(?))"
_DELIVER = """
UPDATE event SET state = 'delivered', settled_at = ?
WHERE seq IN (SELECT value FROM json_each(?))
"""
_BURY = """
UPDATE event SET state = 'dead', why = ?, settled_at = ?
WHERE seq IN (SELECT value FROM json_each(?))
"""
_BURY_PENDING = """
UPDATE event SET state = 'dead', why = ?, settled_at = ? WHERE seq IN (
    SELECT seq FROM event WHERE pipeline = ? AND state = 'pending' AND seq <= ?
    ORDER BY seq LIMIT ?
)
"""
_MARK_TRIED = """
UPDATE event SET first_try = ?
WHERE seq IN (SELECT value FROM json_each(?)) AND +pipeline = ? AND +state = 'pending'
AND first_try IS NULL
"""
_KEEP_SNAPSHOT = "UPDATE event SET ledger = ? WHERE seq = ?"
_REMEMBER = """
INSERT INTO ledger (pipeline, order_id, row, changed_at) VALUES (?, ?, ?, ?)
ON CONFLICT (pipeline, order_id) DO UPDATE SET
    row = excluded.row, changed_at = excluded.changed_at
"""
_LEDGER = """
SELECT order_id, row FROM ledger
WHERE pipeline = ? AND order_id IN (SELECT value FROM json_each(?))
"""
_DEAD = """
SELECT seq, pipeline, kind, at, why FROM event INDEXED BY event_dead
WHERE state = 'dead' AND pipeline = coalesce(?, pipeline)
AND +kind IN (SELECT value FROM json_each(?)) ORDER BY seq DESC LIMIT ?
"""
# The newest row stays: SQLite gives the highest number plus one to the next, and none comes twice.
_EXPIRE_EVENTS = """
DELETE FROM event WHERE seq IN (
    SELECT seq FROM event WHERE state = 'delivered' AND settled_at < ?
    AND seq < (SELECT max(seq) FROM event) ORDER BY settled_at LIMIT ?
)
"""
_EXPIRE_LEDGER = """
DELETE FROM ledger WHERE (pipeline, order_id) IN (
    SELECT pipeline, order_id FROM ledger WHERE changed_at < ? ORDER BY changed_at LIMIT ?
)
"""


class Store:
    """The journal's tables behind one connection."""

    def __init__(
        self,
        db: sqlite3.Connection,
        *,
        tallies: Tallies,
        room: Room,
        health: Health,
        quota: int,
    ) -> None:
        self._db = db
        self.tallies = tallies
        """The counts of each pipeline."""
        self.room = room
        """Says whether anything more may be accepted."""
        self.health = health
        """Says whether the file can be relied on."""
        self._quota = int(quota * _ACCEPTED_SHARE)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all that is written inside durable together, or nothing of it."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self.tallies.save()
            self._db.execute("COMMIT")
        except BaseException:
            self.tallies.discard()
            if self._db.in_transaction:  # SQLite rolls back by itself when the disk is full
                self._db.execute("ROLLBACK")
            raise
        self.tallies.publish()

    def probe(self) -> None:
        """Write something harmless, to see whether the disk takes it."""
        with self.transaction():
            self._db.execute(f"PRAGMA user_version = {VERSION}")

    def accept(self, entries: Sequence[Entry]) -> list[bool | Rejected]:
        """Store events; say of each whether it is news, or why it is refused.

        They are stored together, at half the cost of one by one. Near a bound each is judged by
        itself, so that what still fits is taken.
        """
        if self._have_room(entries):
            return [*self._store(entries)]
        if len(entries) == 1:
            return [self._refuse(entries[0])]
        return [self.accept([entry])[0] for entry in entries]

    def _have_room(self, entries: Sequence[Entry]) -> bool:
        """Tell whether all of them may be stored, by the file's bound and each quota."""
        sizes: Counter[str] = Counter()
        for entry in entries:
            sizes[entry.pipeline] += len(entry.body)
        return not self.room.full and all(
            self.tallies.of(pipeline).stored_bytes + size <= self._quota
            for pipeline, size in sizes.items()
        )

    def _store(self, entries: Sequence[Entry]) -> list[bool]:
        first = self.last_seq() + 1
        news = list(enumerate(entries, first))
        rows = [_row(seq, entry) for seq, entry in news]
        if self._db.executemany(_ACCEPT, rows).rowcount < len(rows):
            stored = {seq for (seq,) in self._db.execute(_SINCE, (first,)).fetchall()}
            news = [(seq, entry) for seq, entry in news if seq in stored]
        self._db.executemany(_KEEP_BODY, [(seq, entry.body) for seq, entry in news])
        self.tallies.accepted([entry for _, entry in news])
        numbers = {seq for seq, _ in news}
        return [seq in numbers for seq in range(first, first + len(entries))]

    def _refuse(self, entry: Entry) -> bool | Rejected:
        """Refuse what there is no room for; what is known already needs none."""
        if self._db.execute(_KNOWN, (entry.key,)).fetchone():
            return False
        if self.room.full:
            return Trouble.FULL.answer()
        return QuotaReached(
            "quota_reached", "The journal holds as much of this shop as it may; try later."
        )

    def take(self, pipeline: str, *, after: int, limit: int, max_bytes: int) -> list[Pending]:
        """Return pending events in order of acceptance, at least one if there is any."""
        taken: list[Pending] = []
        cursor = self._db.execute(_TAKE, (pipeline, after, _KINDS, limit))
        for seq, kind, body, at, first_try in cursor:
            max_bytes -= len(body)
            if taken and max_bytes < 0:
                break
            taken.append(Pending(seq, _EVENTS[kind], body, at, first_try))
        cursor.close()  # ends the read: an open one would keep the log from being reset
        return taken

    def mark_tried(self, pipeline: str, seqs: Sequence[int], *, now: float) -> None:
        """Note the first attempt on those that have none yet."""
        self._db.execute(_MARK_TRIED, (now, _json(seqs), pipeline))

    def settle(self, pipeline: str, outcomes: Sequence[Outcome], *, now: float) -> None:
        """End pending events; those that have ended already are left as they are."""
        sizes = self._pending_sizes(pipeline, [outcome.seq for outcome in outcomes])
        live = {outcome.seq: outcome for outcome in outcomes if outcome.seq in sizes}
        gone = [outcome.seq for outcome in live.values() if outcome.why is None]
        self._deliver(pipeline, gone, size=sum(sizes[seq] for seq in gone), now=now)
        self._bury(pipeline, [o for o in live.values() if o.why is not None], now=now)
        self._remember(pipeline, list(live.values()), now=now)

    def _pending_sizes(self, pipeline: str, seqs: Sequence[int]) -> dict[int, int]:
        (found,) = self._db.execute(_PENDING_SIZES, (_json(seqs), pipeline)).fetchone()
        return {int(seq): size for seq, size in orjson.loads(found).items()}

    def _deliver(self, pipeline: str, seqs: Sequence[int], *, size: int, now: float) -> None:
        if not seqs:
            return
        listed = _json(seqs)
        self._db.execute(_DROP_BODIES, (listed,))  # first: it frees what the rest may need
        self._db.execute(_DELIVER, (now, listed))
        self.tallies.delivered(pipeline, len(seqs), size=size, now=now)

    def _bury(self, pipeline: str, outcomes: Sequence[Outcome], *, now: float) -> None:
        for why in {outcome.why for outcome in outcomes}:
            seqs = [outcome.seq for outcome in outcomes if outcome.why == why]
            self._db.execute(_BURY, (why, now, _json(seqs)))
            self.tallies.buried(pipeline, len(seqs))

    def _remember(self, pipeline: str, outcomes: Sequence[Outcome], *, now: float) -> None:
        mapped_with = [(_snapshot(o.changes), o.seq) for o in outcomes if o.changes]
        self._db.executemany(_KEEP_SNAPSHOT, mapped_with)
        rows = [(c.key, c.after) for outcome in outcomes for c in outcome.changes if c.after]
        self._db.executemany(
            _REMEMBER, [(pipeline, key, row.to_json().decode(), now) for key, row in rows]
        )

    def bury_pending(self, pipeline: str, why: str, *, until: int, limit: int, now: float) -> int:
        """Make dead letters of the oldest pending events up to seq ``until``; return how many."""
        cursor = self._db.execute(_BURY_PENDING, (why, now, pipeline, until, limit))
        if cursor.rowcount:
            self.tallies.buried(pipeline, cursor.rowcount)
        return cursor.rowcount

    def last_seq(self) -> int:
        """Return the place of the newest event, 0 if there is none."""
        last: int = self._db.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()[0]
        return last

    def ledger(self, pipeline: str, keys: Collection[str]) -> dict[str, LedgerRow]:
        """Return what is remembered under those keys; unknown ones are absent."""
        found = self._db.execute(_LEDGER, (pipeline, _json(list(keys)))).fetchall()
        return {key: LedgerRow.from_json(row) for key, row in found}

    def dead_letters(self, pipeline: str | None, *, limit: int) -> list[DeadLetter]:
        """Return dead letters, newest first."""
        found = self._db.execute(_DEAD, (pipeline, _KINDS, limit)).fetchall()
        return [DeadLetter(seq, name, Event(kind), at, why) for seq, name, kind, at, why in found]

    def expire_events(self, *, before: float, limit: int) -> int:
        """Forget events settled before then, with their accept keys; return how many."""
        return self._db.execute(_EXPIRE_EVENTS, (before, limit)).rowcount

    def expire_ledger(self, *, before: float, limit: int) -> int:
        """Forget rows of the ledger that have not changed since then; return how many."""
        return self._db.execute(_EXPIRE_LEDGER, (before, limit)).rowcount


def _row(seq: int, entry: Entry) -> tuple[object, ...]:
    key, pipeline, event, body, at, why = entry
    return seq, key, pipeline, event.value, at, len(body), why


def _json(values: Sequence[int] | Sequence[str]) -> str:
    return orjson.dumps(values).decode()


def _snapshot(changes: Sequence[LedgerChange]) -> str:
    rows = {c.key: orjson.Fragment(c.before.to_json()) if c.before else None for c in changes}
    return orjson.dumps(rows).decode()
