"""What the workers share, and what each has learned."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from saleor_segment_server.forwarder.pace import Pace, Slots
from saleor_segment_server.forwarder.space import Space
from saleor_segment_server.journal import SqliteJournal
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.segment import MAX_BYTES, SegmentClient

_WATCHED = 100
"""Events over which the share of unmappable ones is watched."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What all workers share."""

    journal: SqliteJournal
    client: SegmentClient
    metrics: Metrics
    clock: Callable[[], float]
    """Seconds since the epoch."""
    random: Callable[[], float]
    """Numbers in [0, 1), for jitter."""
    slots: Slots
    prompt: Space
    """For what goes to where the last request was answered soon."""
    late: Space
    """For the rest, which else would keep the others waiting."""
    max_rate: float | None
    """Messages per second and pipeline; ``None``: no limit."""


@dataclass(slots=True)
class Learned:
    """What was found out by sending; forgotten when the pipeline changes."""

    pace: Pace
    max_bytes: int = MAX_BYTES
    """Largest body the endpoint is known to take."""
    refused_through: int = 0
    """The seq up to which all was refused when last everything was."""
    answers: bool = False
    """Whether Segment answered last time: until it does, it is sent no more than a few events."""
    attempts: int = 0
    """How often Segment was asked in vain since it last answered."""
    waiting: str | None = None
    """Why the last attempt is to be repeated, until one is answered."""
    late: bool = False
    """Whether the last request took so long that the next waits behind prompt ones."""
    told_of_skew: bool = False
    """Whether the log says already that the clocks differ."""
    suspect_through: int = 0
    """The seq up to which too many events could not be mapped, until newer ones can."""
    excused_through: int = 0
    """The seq up to which events may be unmappable: newer ones were found well."""
    unmappable: deque[bool] = field(default_factory=lambda: deque(maxlen=_WATCHED))
    """Of the last events that ended, which could not be mapped."""
