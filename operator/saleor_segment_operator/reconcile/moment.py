"""Time, as the composition root gives it and as records and conditions hold it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since the epoch."""


def moment(clock: Clock) -> datetime:
    """Return the time now, in UTC."""
    return datetime.fromtimestamp(clock(), UTC)
