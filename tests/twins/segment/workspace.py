"""A Segment region and its sources, apart from HTTP: what becomes of a request's messages."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tests.twins.segment import rules
from tests.twins.segment.faults import Faults
from tests.twins.segment.inbox import Inbox

Region = Literal["us", "eu"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came, for tests of how a client sends."""

    at: float
    method: str
    path: str
    status: int | None
    """What was answered; ``None`` where the connection broke first."""
    headers: dict[str, str]
    size: int
    """Bytes of the body, decompressed."""


class Workspace:
    """Everything one region knows: sources, what arrived, what is to go wrong."""

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        region: Region = "us",
        clock: Callable[[], float] = time.time,
        limits: rules.Limits | None = None,
        keep: bool = True,
    ) -> None:
        self.region: Region = region
        self.limits = limits or rules.Limits()
        self.keys: dict[str, Region] = {}
        self.suppressed: set[str] = set()
        self.clock = clock
        self.inbox = Inbox(clock=clock, keep=keep)
        self.faults = Faults()
        self.seen: deque[Seen] = deque(maxlen=10_000)
        self.asked = 0
        """Tracking requests that came, whether they are answered yet or not."""
        for key in keys:
            self.add_key(key)

    def add_key(self, key: str, region: Region | None = None) -> None:
        """Make a source with this write key, in this region unless another is named."""
        if len(key) < rules.SHORTEST_KEY:
            raise ValueError(f"a write key has at least {rules.SHORTEST_KEY} characters")
        self.keys[key] = region or self.region

    def revoke_key(self, key: str) -> None:
        """Make a write key unknown."""
        self.keys.pop(key, None)

    def ingest(self, kind: str, raw: bytes, header_key: str) -> None:
        """File a request's messages, or raise ``rules.Refused``; the body's key goes first."""
        body, items = rules.parse(raw, kind, self.limits)
        key = body.get("writeKey", header_key)
        if not isinstance(key, str) or len(key) < rules.SHORTEST_KEY:
            raise rules.Refused("An invalid write key was provided")
        encoded = list(rules.encode(body, items, self.limits))
        too_many = len(items) > self.limits.events
        for item, data in zip(items, encoded, strict=True):
            reason = "too_many_events" if too_many else self._silent_drop(item, key)
            if reason is None:
                self.inbox.add(item, data, key, body.get("sentAt"))
            else:
                self.inbox.drop(reason, item, key)

    def _silent_drop(self, item: Any, key: str) -> str | None:
        if key not in self.keys:
            return "unknown_key"
        if self.keys[key] != self.region:
            return "wrong_region"
        if flaw := rules.flaw(item):
            return flaw
        return "suppressed" if item.get("userId") in self.suppressed else None
