"""A window: some pending events of one pipeline, mapped and on their way. Pure."""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.forwarder.space import Share
from saleor_segment_server.journal import LedgerChange, Outcome, Pending
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import NO_KEYS, LedgerKeys, Parsed, ledger_keys, map_event, parse
from saleor_segment_server.mapping.where import located
from saleor_segment_server.message import Message


class Decoded(NamedTuple):
    """An event, and which rows of the ledger it is mapped with."""

    parsed: Parsed
    keys: LedgerKeys


def decode(pending: Pending, pipeline: Pipeline) -> Decoded | str:
    """Decode an event of this pipeline, or say why it cannot be."""
    try:
        parsed = parse(pending.event, pending.body)
        return Decoded(parsed, ledger_keys(parsed, pipeline))
    except Exception as error:  # noqa: BLE001 - a mistake in it buries one event, not the shop
        return reason(error, pending.body)


class Item(NamedTuple):
    """A pending event and what is sent of it."""

    pending: Pending
    """Without its body: of each shop that waits for Segment, two windows are in memory."""
    messages: range
    """The places of its messages in the window; empty: nothing is sent."""
    changes: tuple[LedgerChange, ...] = ()
    unmappable: str | None = None
    """Why it could not be mapped."""


class Ended(NamedTuple):
    """An event whose messages are all through."""

    item: Item
    why: str | None
    """Why it becomes a dead letter; ``None``: Segment has it, or nothing was to be sent."""

    @property
    def outcome(self) -> Outcome:
        """What the journal is told."""
        return Outcome(self.item.pending.seq, self.why, self.item.changes)


class Place(NamedTuple):
    """Where a window ends."""

    seq: int
    """Of its last event."""
    rows: Mapping[str, LedgerRow]
    """What is known then of orders and customers, by key, as far as it was asked for."""


START: Final = Place(0, MappingProxyType({}))
"""Before any event."""


@dataclass
class Window:
    """Events in order of acceptance, and how far they have come."""

    pipeline: Pipeline
    """The Pipeline they were mapped for; if it changes, they are mapped anew."""
    rows: dict[str, LedgerRow]
    """What is known of their orders and customers, by key: at first once all earlier events are
    through, and as each is added, once it is too."""
    items: list[Item] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    share: Share | None = None
    """What it takes of the memory, until it is closed."""

    def __post_init__(self) -> None:
        self._ended = 0
        self._refused: dict[int, str] = {}

    @property
    def last_seq(self) -> int:
        """The seq of its last event."""
        return self.items[-1].pending.seq

    @property
    def end(self) -> Place:
        """Where the next one begins."""
        return Place(self.last_seq, self.rows)

    @property
    def left(self) -> int:
        """How many of its events have not ended."""
        return len(self.items) - self._ended

    def close(self) -> None:
        """Give back what it takes of the memory; nothing more is done with it."""
        self.items, self.messages = [], []
        if self.share is not None:
            self.share.close()

    def add(self, pending: Pending, decoded: Decoded | str) -> None:
        """Map one more event, or take over why it could not be decoded."""
        kept = _without_body(pending)
        if isinstance(decoded, str):
            self.items.append(Item(kept, self._places(0), unmappable=decoded))
            return
        parsed, keys = decoded
        order = user = None
        if keys is not NO_KEYS:
            order, user = self._row(keys.order), self._row(keys.user)
        try:
            mapped = map_event(parsed, self.pipeline, order, user=user)
        except Exception as error:  # noqa: BLE001 - a mistake in the mapping buries one event, not the shop
            why = reason(error, pending.body)
            self.items.append(Item(kept, self._places(0), unmappable=why))
            return
        changes: tuple[LedgerChange, ...] = ()
        if keys is not NO_KEYS:
            changes = (
                *self._change(keys.order, order, mapped.ledger),
                *self._change(keys.user, user, mapped.user),
            )
        messages = mapped.messages
        self.items.append(Item(kept, self._places(len(messages)), changes))
        self.messages += messages

    def _row(self, key: str | None) -> LedgerRow | None:
        return None if key is None else self.rows.get(key)

    def _change(
        self, key: str | None, before: LedgerRow | None, after: LedgerRow | None
    ) -> tuple[LedgerChange, ...]:
        """Note what a row becomes; no key, no part in it."""
        if key is None:
            return ()
        if after is not None:
            self.rows[key] = after
        return (LedgerChange(key, before, after),)

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
            and item.pending.first_try is None
        ]

    def _places(self, count: int) -> range:
        return range(len(self.messages), len(self.messages) + count)

    def _end(self, item: Item) -> Ended:
        why = item.unmappable
        if self._refused and why is None:
            why = next((self._refused[at] for at in item.messages if at in self._refused), None)
        return Ended(item, why)


def _without_body(pending: Pending) -> Pending:
    return Pending(pending.seq, pending.event, b"", pending.received_at, pending.first_try)


def reason(error: Exception, body: bytes) -> str:
    """Say what is wrong; of an error nobody foresaw only type and place, for it may quote data."""
    if isinstance(error, Unmappable):
        return f"unmappable: {located(error, body)}"
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"mapping failed: {type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
