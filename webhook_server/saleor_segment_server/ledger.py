"""What is remembered of an order between deliveries, so that refunds add up."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Self

import orjson


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The memory of one order in one pipeline; committed with the event that changed it."""

    refunded: Decimal = Decimal(0)
    """The total refunded as of the newest delivery mapped, in the order's currency.

    Segment was told of as much, or of more where a refund was taken back.
    """
    revision: int = 0
    """Grows with each change: tells a refund after a reversal from an old one."""
    seen: frozenset[str] = frozenset()
    """Ids of the transaction events that are accounted for: refunds, failures and reversals."""

    def to_json(self) -> bytes:
        """Return the row as stored."""
        return orjson.dumps(
            {"refunded": str(self.refunded), "revision": self.revision, "seen": sorted(self.seen)}
        )

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read a stored row; fields it lacks take their defaults, so old rows stay readable."""
        stored = orjson.loads(data)
        return cls(
            refunded=Decimal(stored.get("refunded", "0")),
            revision=stored.get("revision", 0),
            seen=frozenset(stored.get("seen", ())),
        )
