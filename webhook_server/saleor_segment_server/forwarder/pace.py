"""How much is sent at once, and how fast."""

import asyncio
from collections import defaultdict
from collections.abc import Callable


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until ``event`` is set; tell whether it is."""
    if seconds > 0:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
    return event.is_set()


class Slots:
    """So many requests at a time to one endpoint.

    Counted per endpoint, because eight that hang would otherwise keep all others from sending.
    """

    def __init__(self, count: int) -> None:
        self._endpoints: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(count)
        )

    def at(self, endpoint: str) -> asyncio.Semaphore:
        """Return what is held while a request to ``endpoint`` is under way."""
        return self._endpoints[endpoint]


class Pace:
    """Keeps one pipeline below a number of messages per second; ``None``: no limit."""

    def __init__(self, rate: float | None, *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._free_at = 0.0

    def delay(self, messages: int) -> float:
        """Return the seconds to wait before sending so many, and count them as sent then."""
        if self._rate is None:
            return 0.0
        now = self._clock()
        start = max(now, self._free_at)
        self._free_at = start + messages / self._rate
        return start - now
