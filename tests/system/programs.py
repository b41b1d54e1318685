"""Our programs and the twins as processes: started, watched by their output, ended by pid."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Line = dict[str, Any]

_START_SECONDS = 60.0


@dataclass
class Program:
    """``python ARGUMENTS…`` as a process, for the time of an ``async with``.

    Its JSON log lines are read as they come; leaving it ends the process, gently first.
    """

    arguments: Sequence[str]
    folder: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that it sees besides ours."""
    before: Sequence[str] = ()
    """A command that runs it, in its own place: ``nsenter`` or the like."""
    lines: list[str] = field(default_factory=list)
    """All it said, on either stream."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        self.process = await asyncio.create_subprocess_exec(
            *self.before,
            sys.executable,
            *self.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self.folder,
            env={**os.environ, **self.environment},
            limit=2**24,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 15)
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reader

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().rstrip("\n"))
            self._tell()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def said(
        self, test: Callable[[str], bool], *, since: int = 0, seconds: float = _START_SECONDS
    ) -> str:
        """Wait for a line that passes ``test``; an early end of the process fails."""
        async with asyncio.timeout(seconds):
            while True:
                news, ended = self._news, self._reader.done()
                for line in self.lines[since:]:
                    if test(line):
                        return line
                if ended:
                    raise AssertionError("it ended:\n" + "\n".join(self.lines[-20:]))
                await news.wait()

    async def logged(self, event: str, *, since: int = 0, seconds: float = _START_SECONDS) -> Line:
        """Wait for a log line with this event."""
        line = await self.said(
            lambda text: _log(text).get("event") == event, since=since, seconds=seconds
        )
        return _log(line)

    async def end(self, number: signal.Signals, *, seconds: float = 15.0) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reader
        return code

    async def ended(self, *, seconds: float = _START_SECONDS) -> int:
        """Return the exit code once it ends by itself."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reader
        return code

    @property
    def text(self) -> str:
        """All it said."""
        return "\n".join(self.lines)


def _log(line: str) -> Line:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def saleor_segment(
    *arguments: str | Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    before: Sequence[str] = (),
) -> Program:
    """Return our command line as a program, logging JSON."""
    command = "from saleor_segment_operator.cli import main; main()"
    line = ["-c", command, *map(str, arguments), "--log-format", "json"]
    return Program(line, folder, environment or {}, before)


async def until(test: Callable[[], Any], *, seconds: float = 60.0, every: float = 0.02) -> Any:
    """Return what ``test`` returns once it is true; it may be async.

    It is asked more seldom the longer that takes, by a twentieth: asking costs what is waited for.
    """
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while True:
            found = test()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(max(every, min((time.monotonic() - began) / 20, 0.5)))
