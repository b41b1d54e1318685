"""What is remembered between deliveries of an order, and of a customer, so that data adds up."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import orjson


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The memory of one order, or of one customer, in one pipeline.

    It is committed with the event that changed it. Of an order all but ``traits`` may be set, of a
    customer that alone.
    """

    refunded: Decimal = Decimal(0)
    """The total refunded as of the newest delivery mapped, in the order's currency.

    Segment was told of as much, or of more where a refund was taken back.
    """
    revision: int = 0
    """How often refunds changed the row; 0: none was looked at yet.

    It tells a refund after a reversal from an old one.
    """
    seen: frozenset[str] = frozenset()
    """Ids of the transaction events that are accounted for: refunds, failures and reversals."""
    completed: bool = False
    """Whether Segment was told of Order Completed."""
    told: str | None = None
    """Hash of what Segment was told of the order last; kept with ``updates: Changed`` only."""
    traits: str | None = None
    """Hash of the traits that Segment was told of the customer last."""

    def to_json(self) -> bytes:
        """Return the row as stored; what has its default is left out."""
        stored: dict[str, Any] = {}
        if self.revision or self.refunded or self.seen:
            seen = sorted(self.seen)
            stored |= {"refunded": str(self.refunded), "revision": self.revision, "seen": seen}
        if self.completed:
            stored["completed"] = True
        if self.told is not None:
            stored["told"] = self.told
        if self.traits is not None:
            stored["traits"] = self.traits
        return orjson.dumps(stored)

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a stored row; fields it lacks take their defaults, so old rows stay readable."""
        stored = orjson.loads(data)
        return cls(
            refunded=Decimal(stored.get("refunded", "0")),
            revision=stored.get("revision", 0),
            seen=frozenset(stored.get("seen", ())),
            completed=stored.get("completed", False),
            told=stored.get("told"),
            traits=stored.get("traits"),
        )
