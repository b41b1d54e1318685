"""The shop's time: an injected clock that never shows the same moment twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], float]
"""Seconds since the epoch, as ``time.time`` gives them."""

_TICK = timedelta(microseconds=1)


class Timekeeper:
    """Moments for records: at least a microsecond apart, so that no two events look alike."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the present moment, later than any returned before."""
        self._last = max(datetime.fromtimestamp(self.clock(), UTC), self._last + _TICK)
        return self._last
