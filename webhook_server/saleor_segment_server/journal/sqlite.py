"""The journal as the event loop sees it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from saleor_segment_server.delivery import Entry
from saleor_segment_server.journal.opening import opened
from saleor_segment_server.journal.records import (
    DeadLetter,
    Limits,
    Outcome,
    Pending,
    Tally,
)
from saleor_segment_server.journal.store import Store
from saleor_segment_server.journal.writer import Writer
from saleor_segment_server.ledger import LedgerRow

_T = TypeVar("_T")

_DAY = 86_400.0
_KEYS_LIVE = 16 * _DAY
"""Saleor retries for 15 days at most: older bodies are buried by their age (``max_event_age``)."""
_LEDGER_LIVES = 400 * _DAY
_CHUNK = 1000
"""Rows changed per transaction by work that can wait, so that accepting need not."""


class SqliteJournal:
    """Stores deliveries durably until they are settled, in one SQLite file.

    An async context manager, bound to the event loop it is entered on. Calls may be cancelled:
    what they asked for may still be committed. Leaving it does and answers all that is queued.

    Every call raises ``JournalUnavailable`` while the file cannot serve it.
    """

    def __init__(self, path: Path, *, limits: Limits, clock: Callable[[], float]) -> None:
        """Nothing is opened yet.

        Args:
            path: The database file; what belongs to it lies beside it.
            limits: Bounds on its size.
            clock: Seconds since the epoch; called on the event loop and at the opening.
        """
        self._clock = clock
        self._writer = Writer(partial(opened, path, limits=limits, clock=clock))
        self._store: Store | None = None

    async def __aenter__(self) -> Self:
        """Open the file.

        Raises:
            StartError: It is held by another process, damaged, of a newer release or not writable.
        """
        self._store = await self._writer.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._writer.stop()

    @property
    def alive(self) -> bool:
        """Whether its thread runs and nothing is damaged: else only the next start may help."""
        return self._writer.alive and not (self._store and self._store.health.corrupt)

    @property
    def healthy(self) -> bool:
        """Whether an event that is accepted now would be made durable."""
        return self._store is not None and self._writer.alive and self._store.health.good

    def tallies(self) -> Mapping[str, Tally]:
        """Return the counts of every pipeline that ever had an event, as last committed."""
        return self._store.tallies.committed() if self._store else {}

    async def accept(self, entry: Entry) -> bool:
        """Make an event durable; one with a reason (``why``) becomes a dead letter at once.

        Returns:
            Whether it is news: ``False`` for a duplicate of what is stored or was settled.

        Raises:
            QuotaReached: Its pipeline holds 80 % of its quota.
            JournalUnavailable: It is not durable.
        """
        return await self._writer.accept(entry)

    async def take(
        self, pipeline: str, *, after: int = 0, limit: int = 500, max_bytes: int = 4 * 2**20
    ) -> list[Pending]:
        """Return pending events in order of acceptance; they stay pending until settled.

        Args:
            pipeline: Whose events.
            after: Only events with a greater seq.
            limit: At most so many events.
            max_bytes: At most so many bytes of bodies, but one event if there is any.
        """
        return await self._read(
            lambda store: store.take(pipeline, after=after, limit=limit, max_bytes=max_bytes)
        )

    async def mark_tried(self, pipeline: str, seqs: Sequence[int]) -> None:
        """Note that events were sent without a clear answer; the first time counts."""
        now = self._clock()
        await self._write(lambda store: store.mark_tried(pipeline, seqs, now=now))

    async def settle(self, pipeline: str, outcomes: Sequence[Outcome]) -> None:
        """End events and commit with that what is now known of their orders and customers.

        Seqs that are not pending are left out, so it may be repeated.
        """
        now = self._clock()
        await self._write(lambda store: store.settle(pipeline, outcomes, now=now))

    async def bury_pending(self, pipeline: str, why: str) -> int:
        """Make dead letters of all that is pending at this moment; return how many."""
        now = self._clock()
        until = await self._read(Store.last_seq)
        return await self._by_chunks(
            lambda store: store.bury_pending(pipeline, why, until=until, limit=_CHUNK, now=now)
        )

    async def ledger(self, pipeline: str, keys: Collection[str]) -> dict[str, LedgerRow]:
        """Return what is remembered under those keys; unknown ones are absent."""
        return await self._read(lambda store: store.ledger(pipeline, keys))

    async def dead_letters(
        self, pipeline: str | None = None, *, limit: int = 100
    ) -> list[DeadLetter]:
        """Return dead letters of one pipeline or of all, newest first."""
        return await self._read(lambda store: store.dead_letters(pipeline, limit=limit))

    async def expire(self) -> None:
        """Forget what is old enough; pending events and dead letters never are.

        Accept keys go 16 days after their event was settled, ledger rows 400 days after their
        last change.
        """
        now = self._clock()
        await self._by_chunks(
            lambda store: store.expire_events(before=now - _KEYS_LIVE, limit=_CHUNK)
        )
        await self._by_chunks(
            lambda store: store.expire_ledger(before=now - _LEDGER_LIVES, limit=_CHUNK)
        )

    async def _by_chunks(self, run: Callable[[Store], int]) -> int:
        total = 0
        while changed := await self._write(run):
            total += changed
        return total

    async def _write(self, run: Callable[[Store], _T]) -> _T:
        return await self._writer.submit(run, writes=True)

    async def _read(self, run: Callable[[Store], _T]) -> _T:
        return await self._writer.submit(run, writes=False)
