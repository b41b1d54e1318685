"""What arrived, what was dropped and why. Messages stay encoded until somebody reads them."""

import asyncio
import uuid
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

DEDUP_WINDOW = 24 * 3600.0
"""Seconds for which a messageId is remembered, across all sources."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message that Segment would pass on."""

    id: str
    write_key: str
    data: bytes
    sent_at: str | None
    received_at: float

    def message(self) -> dict[str, Any]:
        """Return it as a source's debugger shows it: clock-corrected."""
        item: dict[str, Any] = orjson.loads(self.data)
        received = datetime.fromtimestamp(self.received_at, UTC)
        sent_at = item.get("sentAt", self.sent_at)
        original = item.get("timestamp")
        item |= {
            "messageId": self.id,
            "originalTimestamp": original,
            "sentAt": sent_at,
            "receivedAt": _text(received),
            "timestamp": _text(corrected(original, sent_at, received)),
            "writeKey": self.write_key,
        }
        return item


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message behind a 200 that Segment would not pass on."""

    reason: str
    id: str | None
    event: str | None
    write_key: str


def corrected(original: str | None, sent_at: str | None, received: datetime) -> datetime:
    """Return ``receivedAt - (sentAt - timestamp)``: the sender's clock taken out."""
    if original is None:
        return received
    happened = _time(original)
    return happened if sent_at is None else received - (_time(sent_at) - happened)


class Inbox:
    """All sources' messages, in order of arrival, free of duplicates of the last 24 hours.

    Args:
        clock: Seconds since the epoch.
        keep: Whether messages can be looked at later; a million of them take gigabytes.
    """

    def __init__(self, *, clock: Callable[[], float], keep: bool = True) -> None:
        self._clock = clock
        self._keep = keep
        self._count = self._doubled = 0
        self._arrived: list[Arrived] = []
        self._events: Counter[str] = Counter()
        self._ids: Counter[str] = Counter()
        self._recent: OrderedDict[str, float] = OrderedDict()
        self._reasons: Counter[str] = Counter()
        self.dropped: deque[Dropped] = deque(maxlen=10_000)
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        return self._count

    def add(self, item: dict[str, Any], data: bytes, write_key: str, sent_at: str | None) -> None:
        """Take a message in unless its id came within the last 24 hours."""
        now = self._clock()
        self._forget(now)
        message_id = str(item.get("messageId") or uuid.uuid4())
        if message_id in self._recent:
            self.drop("duplicate", item, write_key)
            return
        self._recent[message_id] = now
        self._ids[message_id] += 1
        self._doubled += self._ids[message_id] == 2
        self._count += 1
        self._events[item.get("event") or item["type"]] += 1
        if self._keep:
            self._arrived.append(Arrived(message_id, write_key, data, sent_at, now))

    def drop(self, reason: str, item: Any, write_key: str) -> None:
        """Remember that a message was dropped, and why."""
        fields = item if isinstance(item, dict) else {}
        self._reasons[reason] += 1
        self.dropped.append(
            Dropped(reason, fields.get("messageId"), fields.get("event"), write_key)
        )

    async def notify(self) -> None:
        """Wake who waits in ``until``."""
        async with self._changed:
            self._changed.notify_all()

    async def until(self, count: int, *, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait until so many messages have arrived and return all that have."""
        await self.holds(count, seconds=seconds)
        return list(self.messages())

    async def holds(self, count: int, *, seconds: float = 10) -> None:
        """Wait until so many messages have arrived."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: self._count >= count)

    def messages(self, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield messages from the ``after``-th on, clock-corrected."""
        end = None if limit is None else after + limit
        return (arrived.message() for arrived in self._arrived[after:end])

    def totals(self) -> dict[str, Any]:
        """Return the counts: ``doubled`` are ids passed on more than once, in spite of dedup."""
        return {
            "arrived": self._count,
            "doubled": self._doubled,
            "deduplicated": self._reasons["duplicate"],
            "dropped": dict(self._reasons),
            "events": dict(self._events),
        }

    def clear(self) -> None:
        """Forget messages and drops; ids already seen stay known, as Segment would keep them."""
        self._arrived.clear()
        self._count = self._doubled = 0
        self.dropped.clear()
        for counter in (self._events, self._ids, self._reasons):
            counter.clear()

    def _forget(self, now: float) -> None:
        while self._recent and next(iter(self._recent.values())) <= now - DEDUP_WINDOW:
            self._recent.popitem(last=False)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _text(time: datetime) -> str:
    rounded = time + timedelta(microseconds=500)
    return rounded.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
