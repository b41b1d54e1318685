"""A receiver of webhooks for tests of the twin: it answers as told, and remembers."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat
from types import TracebackType
from typing import Self

from aiohttp import web


@dataclass(frozen=True)
class _Answer:
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    path: str
    headers: list[tuple[str, str]]
    """In wire order."""
    body: bytes

    def header(self, name: str) -> str:
        """Return the value of a header by its exact spelling."""
        return dict(self.headers)[name]


class Receiver:
    """Listens on a free port: ``async with Receiver() as receiver``."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.url = ""
        """Where it listens, without a trailing slash."""
        self.gate = asyncio.Event()
        """Requests are answered once this is set, as it is at first."""
        self.gate.set()
        self._arrived = asyncio.Semaphore(0)
        self._answers: dict[str, Iterator[_Answer]] = {}

    def answer(self, path: str, *statuses: int, text: str = "", **headers: str) -> None:
        """Answer the next requests for a path with these statuses, the last of them for good."""
        forever = chain(statuses, repeat(statuses[-1]))
        self._answers[path] = (_Answer(status, text, headers) for status in forever)

    async def arrivals(self, count: int) -> None:
        """Wait until so many more requests have come, whether or not they were answered."""
        for _ in range(count):
            await self._arrived.acquire()

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._receive)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.gate.set()
        await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        headers = [(name.decode(), value.decode()) for name, value in request.raw_headers]
        path = request.match_info["path"]
        self.received.append(Received(path, headers, await request.read()))
        self._arrived.release()
        await self.gate.wait()
        answer = next(self._answers[path]) if path in self._answers else _Answer(200, "", {})
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)
