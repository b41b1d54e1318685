"""How much is sent at once, and how fast."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until ``event`` is set; tell whether it is."""
    if seconds > 0:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
    return event.is_set()


@dataclass
class Turn:
    """One request in its slot."""

    late: bool = False
    """Whether it has been under way for so long that it gave the slot back."""


class Slots:
    """So many requests at a time to one endpoint, without a pipeline that is slow delaying others.

    Counted per endpoint, because eight that hang would otherwise keep all others from sending. For
    those who share the endpoint, a request that is late gives its slot back, and whoever was late
    last time waits in a line of its own.

    Args:
        count: How many at a time, in each of the two lines.
        patience: Seconds after which a request is late.
    """

    def __init__(self, count: int, *, patience: float = 0.25) -> None:
        self._patience = patience
        self._lines: defaultdict[tuple[str, bool], asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(count)
        )

    @asynccontextmanager
    async def at(self, endpoint: str, *, late: bool = False) -> AsyncIterator[Turn]:
        """Have a slot for a request to ``endpoint``; ``late``: if the one before it was."""
        line, turn = self._lines[endpoint, late], Turn()
        await line.acquire()
        with ExitStack() as held:
            held.callback(line.release)
            timer = asyncio.get_running_loop().call_later(self._patience, _give_up, turn, held)
            held.callback(timer.cancel)
            yield turn


def _give_up(turn: Turn, held: ExitStack) -> None:
    turn.late = True
    held.close()  # what is released here is not released again at the end


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
