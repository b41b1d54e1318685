"""An event loop whose time runs very much faster while nothing is under way in it.

All timers run as often as they would, each after those before it, only sooner. While a call that
the loop was told of is under way, time runs as it does elsewhere.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any


class _Hurrying(selectors.SelectSelector):  # epoll would wait for a millisecond at least
    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed
        self.gained = 0.0
        """Seconds that time is ahead."""
        self.under_way = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0 or self.under_way:
            return super().select(timeout)
        found = super().select(timeout / self._speed)
        if not found:
            self.gained += timeout * (1 - 1 / self._speed)
        return found


class HurryingLoop(asyncio.SelectorEventLoop):
    """Such a loop, ``speed`` times as fast."""

    def __init__(self, speed: float) -> None:
        self._hurrying = _Hurrying(speed)
        super().__init__(self._hurrying)

    def time(self) -> float:
        return super().time() + self._hurrying.gained

    def clock(self) -> float:
        """Return seconds since the epoch, as this loop has them."""
        return time.time() + self._hurrying.gained

    @contextmanager
    def no_hurry(self) -> Iterator[None]:
        """Have time run as it does elsewhere, for a call to somebody."""
        self._hurrying.under_way += 1
        try:
            yield
        finally:
            self._hurrying.under_way -= 1

    def run_in_executor(  # type: ignore[override]  # typeshed has generics where asyncio has none
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        """Do it at once: to switch threads would cost more than all else of a look at a file."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - whoever waits for it is told
            future.set_exception(error)
        return future
