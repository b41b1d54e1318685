"""A queue of keys: each is worked once however often it was added, and by one worker at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import structlog

from saleor_segment_operator.resource import Key

Work = Callable[[Key], Awaitable[float | None]]
"""Works a key; returns the seconds after which it wants to be worked again, if at all."""

_AFTER_A_BUG = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Timer(Protocol):
    """What will call back unless it is cancelled; ``asyncio.TimerHandle`` is one."""

    def when(self) -> float:
        """Return the time it is due."""

    def cancel(self) -> None:
        """Make it not call."""


class Queue:
    """Keys that are due, keys that will be, and the workers that take them.

    A key added while it is worked is worked again afterwards. Of two due times the earlier counts.
    It belongs to the event loop that runs when it is made.
    """

    def __init__(
        self,
        work: Work,
        *,
        workers: int = 4,
        grace: float = 10.0,
        clock: Callable[[], float] | None = None,
        call_at: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        """Make an empty queue.

        Args:
            work: What is done with a key.
            workers: How many keys are worked at a time.
            grace: Seconds that work under way may still take when the queue stops.
            clock: The time, in seconds; the loop's if not given.
            call_at: How to be called at a time of ``clock``; the loop's if not given.
        """
        self._loop = asyncio.get_running_loop()
        self._work = work
        self._workers = workers
        self._grace = grace
        self._clock = clock or self._loop.time
        self._call_at = call_at or self._loop.call_at
        self._due: asyncio.Queue[Key | None] = asyncio.Queue()
        self._listed: set[Key] = set()
        self._later: dict[Key, Timer] = {}
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._stopped = False

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Have ``key`` worked in ``delay`` seconds at the latest; callable from any thread."""
        self._loop.call_soon_threadsafe(self._add, key, delay)

    @property
    def depth(self) -> int:
        """How many keys are due and wait for a worker."""
        return len(self._listed)

    async def run(self, stop: asyncio.Event) -> None:
        """Work keys until ``stop`` is set; what is under way then may finish."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._serve()) for _ in range(self._workers)]
            await stop.wait()
            self._stop()
            _, unfinished = await asyncio.wait(tasks, timeout=self._grace)
            for task in unfinished:
                task.cancel()

    def _stop(self) -> None:
        self._stopped = True
        for timer in self._later.values():
            timer.cancel()
        for _ in range(self._workers):
            self._due.put_nowait(None)

    def _add(self, key: Key, delay: float) -> None:
        if self._stopped or key in self._listed:
            return
        if delay <= 0:
            self._now(key)
        else:
            self._in(key, delay)

    def _now(self, key: Key) -> None:
        self._forget_timer(key)
        if key in self._working:
            self._again.add(key)
        else:
            self._listed.add(key)
            self._due.put_nowait(key)

    def _in(self, key: Key, delay: float) -> None:
        when = self._clock() + delay
        timer = self._later.get(key)
        if timer is not None and timer.when() <= when:
            return
        self._forget_timer(key)
        self._later[key] = self._call_at(when, partial(self._add, key, 0.0))

    def _forget_timer(self, key: Key) -> None:
        timer = self._later.pop(key, None)
        if timer is not None:
            timer.cancel()

    async def _serve(self) -> None:
        while (key := await self._due.get()) is not None and not self._stopped:
            self._listed.discard(key)
            self._working.add(key)
            delay = await self._attempt(key)
            self._working.discard(key)
            if key in self._again:
                self._again.discard(key)
                self._add(key, 0.0)
            elif delay is not None:
                self._add(key, delay)

    async def _attempt(self, key: Key) -> float | None:
        try:
            return await self._work(key)
        except Exception:  # noqa: BLE001 - one key's bug stops neither others nor its next turn
            _log.exception("reconcile_raised", key=str(key))
            return _AFTER_A_BUG
