"""What goes into the journal and comes out of it."""

from dataclasses import dataclass
from typing import NamedTuple

from saleor_segment_server.contract import Event
from saleor_segment_server.ledger import LedgerRow


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds that keep the journal from eating its volume."""

    quota: int = 2 * 2**30
    """Bytes of bodies one pipeline may hold, dead letters included; accept stops at 80 % of it."""
    size: int = 8 * 2**30
    """Bytes the database file may grow to by accepting; what settling needs beyond comes out of
    the ballast, so keep both together, and 32 MiB for the log, below the volume's size."""
    ballast: int = 64 * 2**20
    """Bytes of a file given up when the disk is full, so that settling can free space."""


class Pending(NamedTuple):
    """An accepted event that is still to be sent."""

    seq: int
    """Its place in the order of acceptance."""
    event: Event
    body: bytes
    received_at: float
    """Seconds since the epoch."""
    first_try: float | None
    """When it was first sent without a clear answer, or ``None``."""


@dataclass(frozen=True, slots=True)
class LedgerChange:
    """A row of the ledger that played a part in mapping an event, and how that changed it."""

    key: str
    """The order's id, or that of a customer's row."""
    before: LedgerRow | None
    """The row it was mapped with, kept beside the event so that a replay maps alike."""
    after: LedgerRow | None = None
    """``None``: it is as it was."""


class Outcome(NamedTuple):
    """The end of one pending event."""

    seq: int
    why: str | None = None
    """The reason it became a dead letter; ``None``: it is settled."""
    changes: tuple[LedgerChange, ...] = ()
    """The rows it was mapped with."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that will not be sent unless somebody replays it."""

    seq: int
    pipeline: str
    event: Event
    received_at: float
    why: str


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of one pipeline, kept up with every transaction."""

    pending: int = 0
    dead: int = 0
    delivered: int = 0
    """Events settled since the journal was made."""
    stored_bytes: int = 0
    """Bytes of bodies held, pending and dead."""
    oldest_pending_at: float | None = None
    """When the oldest pending event was received."""
    last_delivered_at: float | None = None
