import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from saleor_segment_operator.reconcile.queue import Queue, Timer
from saleor_segment_operator.resource import Key

A, B = Key("shop", "a"), Key("shop", "b")


@dataclass
class Alarm:
    due: float
    ring: Callable[[], None]
    cancelled: bool = False

    def when(self) -> float:
        return self.due

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Clock:
    """Time that stands still until a test moves it."""

    now: float = 0.0
    alarms: list[Alarm] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def call_at(self, when: float, ring: Callable[[], None]) -> Timer:
        self.alarms.append(Alarm(when, ring))
        return self.alarms[-1]

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for alarm in [each for each in self.alarms if each.due <= self.now]:
            self.alarms.remove(alarm)
            if not alarm.cancelled:
                alarm.ring()


@dataclass
class Worker:
    """Work that notes what it is given and can be held up."""

    wants: dict[Key, float] = field(default_factory=dict)
    raises: list[Exception] = field(default_factory=list)
    worked: list[Key] = field(default_factory=list)
    running: set[Key] = field(default_factory=set)
    most: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, key: Key) -> float | None:
        assert key not in self.running
        self.running.add(key)
        self.most = max(self.most, len(self.running))
        try:
            await self.gate.wait()
        finally:
            self.running.discard(key)
        self.worked.append(key)
        if self.raises:
            raise self.raises.pop()
        return self.wants.get(key)


async def settle() -> None:
    """Let everything that can run do so; nothing here waits on the outside."""
    for _ in range(20):
        await asyncio.sleep(0)


@dataclass
class Running:
    queue: Queue
    worker: Worker
    clock: Clock
    stop: asyncio.Event


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    tasks: list[tuple[Running, asyncio.Task[None]]] = []

    async def run(*, workers: int = 4, held: bool = False) -> Running:
        clock, worker, stop = Clock(), Worker(), asyncio.Event()
        if not held:
            worker.gate.set()
        queue = Queue(worker, workers=workers, clock=clock, call_at=clock.call_at, grace=0.01)
        running = Running(queue, worker, clock, stop)
        tasks.append((running, asyncio.create_task(queue.run(stop))))
        return running

    yield run
    for running, task in tasks:
        running.stop.set()
        await task


async def test_a_key_added_often_is_worked_once(start: Start) -> None:
    running = await start()
    for _ in range(5):
        running.queue.add(A)
    await settle()
    assert running.worker.worked == [A]


async def test_a_key_added_while_it_is_worked_is_worked_again_and_never_twice_at_once(
    start: Start,
) -> None:
    running = await start(held=True)
    running.queue.add(A)
    await settle()
    assert running.worker.running == {A}
    running.queue.add(A)
    running.queue.add(A)
    await settle()
    running.worker.gate.set()
    await settle()
    assert running.worker.worked == [A, A]


async def test_no_more_keys_are_worked_at_a_time_than_there_are_workers(start: Start) -> None:
    running = await start(workers=2, held=True)
    for name in "abcde":
        running.queue.add(Key("shop", name))
    await settle()
    assert len(running.worker.running) == 2
    running.worker.gate.set()
    await settle()
    assert len(running.worker.worked) == 5
    assert running.worker.most == 2


async def test_work_that_asks_for_another_turn_gets_it_then_and_not_before(start: Start) -> None:
    running = await start()
    running.worker.wants[A] = 30.0
    running.queue.add(A)
    await settle()
    running.clock.advance(29)
    await settle()
    assert running.worker.worked == [A]
    running.clock.advance(1)
    await settle()
    assert running.worker.worked == [A, A]


async def test_of_two_due_times_the_earlier_counts(start: Start) -> None:
    running = await start()
    running.queue.add(A, 30)
    running.queue.add(A, 10)
    running.queue.add(A, 20)
    await settle()
    running.clock.advance(10)
    await settle()
    assert running.worker.worked == [A]
    running.clock.advance(50)
    await settle()
    assert running.worker.worked == [A]


async def test_work_at_once_replaces_work_that_was_due_later(start: Start) -> None:
    running = await start()
    running.queue.add(A, 30)
    running.queue.add(A)
    await settle()
    assert running.worker.worked == [A]
    running.clock.advance(60)
    await settle()
    assert running.worker.worked == [A]


async def test_keys_can_be_added_from_another_thread(start: Start) -> None:
    running = await start()
    thread = threading.Thread(target=running.queue.add, args=(B,))
    thread.start()
    await asyncio.to_thread(thread.join)
    await settle()
    assert running.worker.worked == [B]


async def test_a_bug_in_one_key_stops_neither_another_nor_its_own_next_turn(start: Start) -> None:
    running = await start(workers=1)
    running.worker.raises.append(RuntimeError("a bug"))
    running.queue.add(A)
    running.queue.add(B)
    await settle()
    assert running.worker.worked == [A, B]
    running.clock.advance(60)
    await settle()
    assert running.worker.worked == [A, B, A]


async def test_stopping_lets_work_under_way_finish_and_starts_no_other(start: Start) -> None:
    running = await start(workers=1, held=True)
    running.queue.add(A)
    running.queue.add(B)
    await settle()
    running.stop.set()
    await settle()
    running.worker.gate.set()
    await settle()
    assert running.worker.worked == [A]


async def test_work_that_does_not_finish_in_time_is_cancelled(start: Start) -> None:
    running = await start(held=True)
    running.queue.add(A)
    await settle()
    running.stop.set()
    while running.worker.running:  # noqa: ASYNC110 - ends with the grace of 10 ms
        await asyncio.sleep(0)
    assert running.worker.worked == []
