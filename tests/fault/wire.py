"""Requests as bytes, for what no HTTP client would send, and the answers read just as plainly."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

from tests.data_plane.receiving import PIPELINE_ID

PATH = f"/webhooks/{PIPELINE_ID}/order_created"
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One request; nothing is added on its way out."""

    headers: Headers = ()
    body: bytes = b""
    method: str = "POST"
    path: str = PATH
    version: str = "HTTP/1.1"

    def at(self, path: str) -> "Request":
        return replace(self, path=path)

    def raw(self) -> bytes:
        lines = [f"{self.method} {self.path} {self.version}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


def delivery(body: bytes, *signatures: str, more: Iterable[tuple[str, str]] = ()) -> Request:
    """Return a delivery as Saleor would send it, with any number of signatures."""
    headers = [
        ("Host", "events.example.com"),
        ("Content-Type", "application/json"),
        *(("Saleor-Signature", each) for each in signatures),
        ("Content-Length", str(len(body))),
        *more,
    ]
    return Request(tuple(headers), body)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def error(self) -> str:
        """The constant that says why; empty where the HTTP parser answered, in plain text."""
        is_ours = self.headers.get("content-type", "").startswith("application/json")
        return str(json.loads(self.body)["error"]) if is_ours and self.body else ""

    @property
    def ends(self) -> bool:
        """Whether the connection is not to be used again."""
        return self.headers.get("connection") == "close" or "keep-alive" not in self.headers.get(
            "connection", "keep-alive"
        )


async def answer(reader: asyncio.StreamReader) -> Answer | None:
    """Read one answer; ``None`` if the connection ends instead."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    found = Answer(int(first.split()[1]), headers, body)
    return await answer(reader) if found.status == 100 else found


@dataclass
class Line:
    """A connection of ours, closed when its ``with`` ends."""

    address: tuple[str, int]

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(*self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()
        with suppress(OSError):
            await self.writer.wait_closed()

    async def ask(self, data: bytes, *, seconds: float = 60.0) -> Answer | None:
        """Send these bytes and return the answer; ``None`` if the connection ends instead."""
        async with asyncio.timeout(seconds):
            with suppress(ConnectionError):
                self.writer.write(data)
                await self.writer.drain()
            return await answer(self.reader)


async def ask(address: tuple[str, int], request: Request) -> Answer | None:
    """Send one request on a connection of its own and return the answer."""
    async with Line(address) as line:
        return await line.ask(request.raw())


def address_of(url: str) -> tuple[str, int]:
    """Return host and port of an ``http://HOST:PORT``."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)
