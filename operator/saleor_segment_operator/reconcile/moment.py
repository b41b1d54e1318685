"""Time, as the composition root gives it and as records and conditions hold it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Seconds since the epoch."""


def moment(clock: Clock) -> datetime:
    """Return the time now, in UTC."""
    return datetime.fromtimestamp(clock(), UTC)


async def is_set_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait for ``stop``, ``seconds`` at most; tell whether it is set."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return False
