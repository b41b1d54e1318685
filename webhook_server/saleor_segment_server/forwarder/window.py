"""A window: some pending events of one pipeline, mapped and on their way. Pure but for ``open``."""

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.journal import LedgerChange, Outcome, Pending, SqliteJournal
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import OrderEvent, map_event, parse
from saleor_segment_server.message import Message

_CHUNK = 25
"""Events mapped before the loop may turn to something else: a millisecond or two."""


@dataclass(frozen=True, slots=True)
class Item:
    """A pending event and what is sent of it."""

    pending: Pending
    messages: range
    """The places of its messages in the window; empty: nothing is sent."""
    change: LedgerChange | None = None
    unmappable: str | None = None
    """Why it could not be mapped."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An event whose messages are all through."""

    pending: Pending
    outcome: Outcome
    first_try: float | None
    """When it was first sent without a clear answer, seconds since the epoch."""
    unmappable: bool
    """Whether it could not be mapped."""


@dataclass
class Window:
    """Events in order of acceptance, and how far they have come."""

    pipeline: Pipeline
    """The Pipeline they were mapped for; if it changes, they are mapped anew."""
    rows: dict[str, LedgerRow]
    """What is known of orders once all earlier events and these are through."""
    items: list[Item] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = 0
        self._refused: dict[int, str] = {}
        self._tried: dict[int, float] = {}

    @property
    def last_seq(self) -> int:
        """The seq of its last event."""
        return self.items[-1].pending.seq

    @property
    def left(self) -> int:
        """How many of its events have not ended."""
        return len(self.items) - self._ended

    def add(self, pending: Pending, parsed: OrderEvent | str) -> None:
        """Map one more event, or take over why it could not be parsed."""
        if isinstance(parsed, str):
            self.items.append(Item(pending, self._places(0), unmappable=parsed))
            return
        before = self.rows.get(parsed.order_id) if parsed.order_id else None
        try:
            mapped = map_event(parsed, self.pipeline, before)
        except Exception as error:  # noqa: BLE001 - a mistake in the mapping buries one event, not the shop
            self.items.append(Item(pending, self._places(0), unmappable=_reason(error)))
            return
        change = None
        if mapped.ledger is not None and parsed.order_id:
            change = LedgerChange(parsed.order_id, before, mapped.ledger)
            self.rows[parsed.order_id] = mapped.ledger
        self.items.append(Item(pending, self._places(len(mapped.messages)), change))
        self.messages += mapped.messages

    def finish(self, decided: int, refused: Mapping[int, str]) -> list[Ended]:
        """Return the events that have ended and were not returned yet.

        Args:
            decided: The fate of all messages before this place is known.
            refused: Those of them that Segment refuses, and why.
        """
        self._refused.update(refused)
        start = self._ended
        while self._ended < len(self.items) and self.items[self._ended].messages.stop <= decided:
            self._ended += 1
        return [self._end(item) for item in self.items[start : self._ended]]

    def untried(self, places: range) -> list[int]:
        """Return the seqs of events with messages there that were always answered clearly."""
        return [
            item.pending.seq
            for item in self.items[self._ended :]
            if item.messages.start < places.stop
            and item.messages.stop > places.start
            and self._first_try(item.pending) is None
        ]

    def tried(self, seqs: Sequence[int], now: float) -> None:
        """Note that these were sent without a clear answer for the first time."""
        self._tried.update(dict.fromkeys(seqs, now))

    def _places(self, count: int) -> range:
        return range(len(self.messages), len(self.messages) + count)

    def _first_try(self, pending: Pending) -> float | None:
        return self._tried.get(pending.seq, pending.first_try)

    def _end(self, item: Item) -> Ended:
        why = item.unmappable
        if self._refused and why is None:
            why = next((self._refused[at] for at in item.messages if at in self._refused), None)
        outcome = Outcome(item.pending.seq, why, item.change)
        first_try = self._first_try(item.pending)
        return Ended(item.pending, outcome, first_try, item.unmappable is not None)


async def open_window(
    journal: SqliteJournal, pipeline: Pipeline, previous: Window | None
) -> Window | None:
    """Take what follows the ``previous`` window and map it; ``None``: there is nothing.

    The loop gets its turn every few events. The rows that ``previous`` leaves behind need not be
    committed yet, only certain to be before the new window is sent.

    Raises:
        JournalUnavailable: It cannot be read.
    """
    after = previous.last_seq if previous else 0
    pending = await journal.take(pipeline.id, after=after)
    if not pending:
        return None
    parsed: list[OrderEvent | str] = []
    for place, event in enumerate(pending):
        await _breathe(place)
        parsed.append(_parse(event))
    ids = {event.order_id for event in parsed if isinstance(event, OrderEvent) and event.order_id}
    rows = await journal.ledger(pipeline.id, ids)
    if previous:
        rows |= {order_id: previous.rows[order_id] for order_id in ids & previous.rows.keys()}
    window = Window(pipeline, rows)
    for place, (event, read) in enumerate(zip(pending, parsed, strict=True)):
        await _breathe(place)
        window.add(event, read)
    return window


async def _breathe(place: int) -> None:
    if place % _CHUNK == _CHUNK - 1:
        await asyncio.sleep(0)


def _parse(pending: Pending) -> OrderEvent | str:
    try:
        return parse(pending.event, pending.body)
    except Exception as error:  # noqa: BLE001 - as for mapping
        return _reason(error)


def _reason(error: Exception) -> str:
    """Say what is wrong; of an error nobody foresaw only type and place, for it may quote data."""
    if isinstance(error, Unmappable):
        return f"unmappable: {error}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"mapping failed: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
