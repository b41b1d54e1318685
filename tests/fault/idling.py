"""A quiet shop for a day, in minutes: ``python -m tests.fault.idling FOLDER HOURS``.

Operator and server are one process, ``run``'s own root, with the clock and the timers of a loop
that hurries. A kubelet probes it, Prometheus scrapes it, strangers knock, an order comes each hour.
Afterwards it must hold no more than after it had warmed up: one line of JSON tells the marks.
"""

import argparse
import asyncio
import gc
import io
import json
import os
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from saleor_segment_operator.standalone.run import run_standalone
from saleor_segment_server import logs
from tests.bench.processes import resident
from tests.control_plane.standalone.stand import Stand, free_port, standing
from tests.fault.hurrying import HurryingLoop
from tests.fault.parts import Verdict

SPEED = 2000.0
_HEAP = 10**6
"""Bytes by which Python's memory may grow: 1 for each scrape of a day would be more, and what the
twins remember of a day is less."""
_HOUR = 3600.0
_LOOKS = 5
_BETWEEN_LOOKS = 13.0
"""Seconds: no divisor of the intervals in which others come."""
_UNDER_WAY = 2
"""By which a count may be off: a connection that is kept for the next call has both ends here."""


@dataclass(frozen=True)
class Mark:
    """What the process holds at a moment when nothing is under way."""

    hour: float
    tasks: int
    files: int
    threads: int
    heap: int
    """Bytes that Python has given out and not got back, the twins' and the test's left out."""
    resident: int
    orders: int
    """Orders that have arrived."""


@dataclass(frozen=True)
class Idle:
    """What was seen in the course of it."""

    marks: list[Mark]
    grown: list[str]
    """The lines whose memory grew most since it was warm."""

    @property
    def heap_growth(self) -> int:
        """Bytes by which the last mark exceeds the one after a quarter of the time."""
        return self.marks[-1].heap - self.marks[len(self.marks) // 4].heap

    @property
    def leaked(self) -> dict[str, tuple[int, int]]:
        """What there is more of at the end than in the first half, with both counts."""
        first = self.marks[: len(self.marks) // 2]
        counts = {
            name: (max(getattr(mark, name) for mark in first), getattr(self.marks[-1], name))
            for name in ("tasks", "files", "threads")
        }
        return {
            name: (most, last) for name, (most, last) in counts.items() if last > most + _UNDER_WAY
        }


async def idle(folder: Path, *, hours: float, resync: float) -> Idle:
    """Have a process idle for so long; Saleor is compared with every ``resync`` seconds."""
    arguments = [str(folder), str(hours), "--resync", str(resync)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.fault.idling", *arguments),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise AssertionError(f"it ended with {process.returncode}")
    told = json.loads(said)
    return Idle([Mark(**mark) for mark in told["marks"]], told["grown"])


Sites = Counter[str]
"""Bytes by the line that asked for them."""


def heap() -> Sites:
    """Return what Python's memory was asked for where."""
    gc.collect()
    ours = tracemalloc.Filter(inclusive=False, filename_pattern="*/tests/*")
    tracing = tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__)
    snapshot = tracemalloc.take_snapshot().filter_traces([ours, tracing])
    return Counter({str(each.traceback): each.size for each in snapshot.statistics("lineno")})


@dataclass
class House:
    """The process, and who comes to it."""

    stand: Stand
    loop: HurryingLoop
    public: str
    private: str
    client: aiohttp.ClientSession
    """Keeps its connections, as Prometheus does."""
    prober: aiohttp.ClientSession
    """Does not, as a kubelet."""

    async def asks(self, client: aiohttp.ClientSession, url: str, expected: int) -> None:
        with self.loop.no_hurry():
            async with client.get(url) as answer:
                await answer.read()
        if answer.status != expected:
            raise AssertionError(f"{url}: {answer.status}")

    def is_ready(self) -> bool:
        """Tell whether it is up, with all webhooks on."""
        hooks = self.stand.webhooks()
        return bool(hooks) and all(hooks)

    async def order(self) -> None:
        """Have an order placed and told to Segment."""
        with self.loop.no_hurry():
            await self.stand.arrives(self.stand.order())

    def visits(self) -> list[tuple[float, Callable[[], Coroutine[Any, Any, None]]]]:
        """Return who comes how often."""
        asks = self.asks
        return [
            (10, partial(asks, self.prober, f"{self.private}/readyz", 200)),
            (10, partial(asks, self.prober, f"{self.private}/healthz", 200)),
            (30, partial(asks, self.client, f"{self.private}/metrics", 200)),
            (60, partial(asks, self.client, f"{self.private}/internal/v1/pipelines", 200)),
            (60, partial(asks, self.prober, f"{self.public}/robots.txt", 404)),
        ]

    async def mark(self, hour: float) -> Mark:
        """Look some times, since somebody may be under way at any of them."""
        looks = []
        for _ in range(_LOOKS):
            await asyncio.sleep(_BETWEEN_LOOKS)
            tasks, files = len(asyncio.all_tasks()), len(list(Path("/proc/self/fd").iterdir()))
            looks.append((tasks, files, threading.active_count()))
        tasks, files, threads = (min(each) for each in zip(*looks, strict=True))
        used, arrived = sum(heap().values()), len(self.stand.arrived())
        return Mark(hour, tasks, files, threads, used, resident(os.getpid()), arrived)


class _Nowhere(io.StringIO):
    """Where the conditions are printed."""

    def write(self, text: str) -> int:
        return len(text)


@asynccontextmanager
async def house(folder: Path, *, resync: timedelta) -> AsyncIterator[House]:
    """Have it up."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HurryingLoop)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        stand = await enter(standing(folder, time_scale=1, clock=loop.clock))
        stand.segment.clock = loop.clock
        listen, private = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        settings = stand.settings(listen=listen, private_listen=private, resync=resync)
        stop, out = asyncio.Event(), _Nowhere()
        task = asyncio.create_task(run_standalone(settings, stop, out=out, clock=loop.clock))
        client = await enter(aiohttp.ClientSession())
        prober = await enter(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        urls = f"http://{listen}", f"http://{private}"
        found = House(stand, loop, *urls, client, prober)
        while not found.is_ready():
            if task.done():
                await task
            await asyncio.sleep(0.25)
        try:
            yield found
        finally:
            with loop.no_hurry():
                stop.set()
                await task


async def visit(every: float, call: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Come again and again."""
    while True:
        await asyncio.sleep(every)
        await call()


async def live(folder: Path, hours: float, resync: timedelta) -> tuple[list[Mark], Sites]:
    """Let so many hours pass; return the marks, and what grew from the second hour on."""
    async with house(folder, resync=resync) as found:
        visitors = [asyncio.create_task(visit(*each)) for each in found.visits()]
        tracemalloc.start()  # not before: the twins' start would take a minute
        marks: list[Mark] = []
        count = max(round(hours), 4)
        warm = Counter[str]()
        for number in range(1, count + 1):
            await asyncio.sleep(hours / count * _HOUR - _LOOKS * _BETWEEN_LOOKS)
            await found.order()
            marks.append(await found.mark(number * hours / count))
            if number == count // 4 or number == 2:
                warm = heap()
        grown = heap()
        grown.subtract(warm)
        for task in visitors:
            task.cancel()
        return marks, grown


async def soak(folder: Path) -> Verdict:
    """Have a day pass."""
    seen = await idle(folder, hours=24, resync=300)
    first, last = seen.marks[0], seen.marks[-1]
    counts = [
        f"{name}: {getattr(first, name)} after an hour, {getattr(last, name)} after 24"
        for name in ("tasks", "files", "threads")
    ]
    memory = [mark.resident / 1e6 for mark in (first, last)]
    figures = (
        f"{last.orders} orders arrived, one an hour",
        *counts,
        f"Python's memory: {seen.heap_growth / 1e3:+,.0f} kB from the seventh hour to the last",
        "resident, with the twins: {:.0f} MB after an hour, {:.0f} MB after 24".format(*memory),
    )
    whole = last.orders == len(seen.marks)
    return Verdict(whole and not seen.leaked and seen.heap_growth < _HEAP, figures)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fault.idling")
    parser.add_argument("folder", type=Path)
    parser.add_argument("hours", type=float)
    parser.add_argument("--resync", type=float, default=300.0)
    given = parser.parse_args()
    logs.configure(level="warning")
    with asyncio.Runner(loop_factory=partial(HurryingLoop, SPEED)) as runner:
        resync = timedelta(seconds=given.resync)
        marks, grown = runner.run(live(given.folder, given.hours, resync))
    top = [f"{size:+,} B {site}" for site, size in grown.most_common(12)]
    told = {"marks": [asdict(mark) for mark in marks], "grown": top}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
