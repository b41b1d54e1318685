"""Taking a window from the journal: events, what is known of whom they are about, messages."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, closing

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.forwarder.space import RESERVED, Space
from saleor_segment_server.forwarder.window import START, Decoded, Place, Window, decode
from saleor_segment_server.journal import Pending, SqliteJournal
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import NO_KEYS, order_matters

_ORDER_ID = re.compile(rb'"order": ?\{"id": ?"([!#-\[\]-~]+)"')
"""Where our subscriptions have an order's id: a guess that spares reads, never relied on."""
TOLERATED_SHARE = 0.2
"""More unmappable events than this share are no matter of single events."""
FEWEST_TO_JUDGE = 5
"""Fewer are single bad events, whatever their share: a quiet shop has windows of one."""
FULL = 500
"""Events of a window; fewer where they are large, or none more are pending."""
PROBE = 25
"""Events of a window that is to show whether Segment answers."""
_CHUNK = 2
"""Events mapped before the loop may turn to something else, and threads get the interpreter: the
journal's and those that compress, for which the next batch waits. With 25 it sends a seventh less.
"""


async def take_window(
    journal: SqliteJournal,
    pipeline: Pipeline,
    *,
    space: Space,
    previous: Place = START,
    limit: int = FULL,
) -> Window | None:
    """Take what follows the ``previous`` window and map it; ``None``: there is nothing.

    The loop gets its turn every few events. What the previous window changes in the ledger need
    not be committed yet, only certain to be before the new window is sent.

    Args:
        journal: Where the events are.
        pipeline: Whose events.
        space: Where memory is to be had; the window gives it back when it is closed.
        previous: The end of the window before.
        limit: At most so many events.

    Raises:
        JournalUnavailable: It cannot be read.
    """
    with ExitStack() as held:
        share = held.enter_context(closing(await space.share()))
        pending = await journal.take(
            pipeline.id, after=previous.seq, limit=limit, max_bytes=RESERVED
        )
        if not pending:
            return None
        share.becomes(sum(len(event.body) for event in pending))
        window = await _mapped(journal, pipeline, pending, previous.rows)
        window.share = share
        held.pop_all()
        return window


async def _mapped(
    journal: SqliteJournal,
    pipeline: Pipeline,
    pending: Sequence[Pending],
    later: Mapping[str, LedgerRow],
) -> Window:
    ledger = _Ledger(journal, pipeline.id, later=later)
    await ledger.read(await _expected(pending, pipeline))
    window = Window(pipeline, ledger.rows)
    for place, event in enumerate(pending):
        if place % _CHUNK == _CHUNK - 1:
            await asyncio.sleep(0)
        # One at a time: with many decoded bodies alive the garbage collector doubles the cost.
        decoded = decode(event, pipeline)
        if isinstance(decoded, Decoded) and decoded.keys is not NO_KEYS:
            await ledger.read(decoded.keys.present())
        window.add(event, decoded)
    return window


async def _expected(pending: Sequence[Pending], pipeline: Pipeline) -> set[str]:
    """Return keys that will be asked for, most likely all: one read is cheaper than many.

    Whose event it is takes decoding: twice for each, then, but never many bodies alive at once.
    """
    tracking = pipeline.tracking
    if not tracking.identify:
        bodies = (e.body for e in pending if order_matters(e.event, tracking))
        return {match[1].decode() for body in bodies if (match := _ORDER_ID.search(body))}
    keys: set[str] = set()
    for place, event in enumerate(pending):
        if place % _CHUNK == _CHUNK - 1:
            await asyncio.sleep(0)
        decoded = decode(event, pipeline)
        keys |= decoded.keys.present() if isinstance(decoded, Decoded) else set()
    return keys


async def newer_are_mappable(journal: SqliteJournal, pipeline: Pipeline, *, after: int) -> bool:
    """Tell whether events accepted later can be mapped, with rare exceptions.

    Raises:
        JournalUnavailable: They cannot be read.
    """
    pending = await journal.take(pipeline.id, after=after)
    window = Window(pipeline, {})
    for place, event in enumerate(pending):
        if place % _CHUNK == _CHUNK - 1:
            await asyncio.sleep(0)
        window.add(event, decode(event, pipeline))
    bad = sum(item.unmappable is not None for item in window.items)
    return len(pending) >= FEWEST_TO_JUDGE and bad <= len(pending) * TOLERATED_SHARE


class _Ledger:
    """The ledger as the events before a window leave it."""

    def __init__(
        self, journal: SqliteJournal, pipeline: str, *, later: Mapping[str, LedgerRow]
    ) -> None:
        self._journal = journal
        self._pipeline = pipeline
        self._later = later
        """Rows that are newer than the stored ones."""
        self._known: set[str] = set()
        self.rows: dict[str, LedgerRow] = {}

    async def read(self, keys: AbstractSet[str]) -> None:
        """Have the rows under these keys in ``rows``, where there are any."""
        new = keys - self._known
        if not new:
            return
        self.rows |= await self._journal.ledger(self._pipeline, new)
        self.rows |= {key: self._later[key] for key in new & self._later.keys()}
        self._known |= new
