"""Hours that pass in a second: a loop that, when told to, skips waits in which nothing happens.

All that takes part must live in that loop, so that whatever is under way keeps it from skipping:
the server, the shop and Segment's twin, over real sockets and real files.
"""

import asyncio
import selectors
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from saleor_segment_server.pipelines import FileSource, PipelineSource, Table
from saleor_segment_server.serve import Server
from saleor_segment_server.settings import ServeSettings
from tests.system.programs import Program
from tests.system.serving import Serving, Stand

_HAPPENS_WITHIN = 0.0005
"""Real seconds in which what was written to a socket can most often be read at its other end."""
_LOOKS_EVERY = 0.5


class _Skipping(selectors.DefaultSelector):
    """Waits for files, or takes the wait as over."""

    def __init__(self) -> None:
        super().__init__()
        self.on = False
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self.on or timeout is None or timeout <= _HAPPENS_WITHIN:
            return super().select(timeout)
        found = super().select(_HAPPENS_WITHIN)
        if not found:
            self.skipped += timeout
        return found


class Hours(asyncio.SelectorEventLoop):
    """A loop in which time passes as it does elsewhere, but in ``passing``."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return super().time() + self._skipping.skipped

    def clock(self) -> float:
        """Return seconds since the epoch, with those that were skipped."""
        return time.time() + self._skipping.skipped

    async def passes(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self._skipping.on = True
        try:
            await asyncio.sleep(seconds)
        finally:
            self._skipping.on = False

    async def passing(self, until: Callable[[], Any], *, most: float) -> float:
        """Let time pass until something holds, and return how much; ``until`` may be async."""
        began = self.time()
        while True:
            found = until()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return self.time() - began
            if self.time() - began > most:
                raise TimeoutError(f"it does not hold after {most:g} s")
            await self.passes(_LOOKS_EVERY)


def in_hours(work: Callable[[Hours], Coroutine[Any, Any, None]]) -> None:
    """Do this work in such a loop."""
    with asyncio.Runner(loop_factory=Hours) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Hours)
        runner.run(work(loop))


@asynccontextmanager
async def serving_inside(stand: Stand, loop: Hours) -> AsyncIterator[Serving]:
    """Run the whole server in this loop, by its clock; it is no program then."""
    settings = ServeSettings(
        pipelines=stand.file,
        data_dir=stand.folder / "data",
        listen="127.0.0.1:0",
        private_listen="127.0.0.1:0",
        allow_loopback=True,
        ballast=2**20,
    )

    @asynccontextmanager
    async def source(table: Table, broken: Callable[[bool], None]) -> AsyncIterator[PipelineSource]:
        # Two looks a second at the file would be what the hours mostly consist of.
        file = FileSource(stand.file, table, broken=broken, interval=60)
        await file.load()
        yield file

    stop = asyncio.Event()
    async with Server(settings, pipelines=source, clock=loop.clock) as server:
        running = asyncio.create_task(server.run(stop))
        try:
            yield Serving(stand, Program(()), server.url, server.private_url)
        finally:
            stop.set()
            await running
