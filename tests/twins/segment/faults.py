"""Faults on demand: what the next requests meet instead of the true answer."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from email.utils import formatdate
from typing import Any, Literal

from aiohttp import web

Kind = Literal["answer", "hang", "reset", "break", "truncate", "login"]


@dataclass(frozen=True)
class Fault:
    """What happens to the next ``times`` requests."""

    kind: Kind = "answer"
    """``hang`` never answers, ``reset`` sends RST, ``break`` does so within the body, ``truncate``
    ends there, ``login`` redirects to a page that answers 200."""
    status: int | None = None
    """Status of an ``answer``; ``None`` is the true answer, late where ``delay`` says so."""
    times: int | None = 1
    """How many requests meet it; ``None``: all."""
    delay: float = 0.0
    """Seconds before anything is sent."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = '{"success": false}'
    retry_after: float | None = None
    """Seconds, sent as ``Retry-After``."""
    retry_as_date: bool = False
    """Send ``Retry-After`` as an HTTP date of the twin's clock."""
    accept: bool = False
    """Take the messages in all the same: the sender cannot know."""
    containing: str | None = None
    """Only for requests whose decompressed body holds this text."""
    on: Literal["tracking", "settings"] = "tracking"
    """Which of the two APIs it strikes."""

    @property
    def is_true_answer(self) -> bool:
        """Whether the request is answered as it deserves after all."""
        return self.kind == "answer" and self.status is None

    def to_json(self) -> dict[str, Any]:
        """Return it as the control API shows it."""
        return asdict(self)


class Faults:
    """Those set, in order: a request meets the first that concerns it."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, *faults: Fault) -> None:
        """Put faults behind those that are set."""
        self.waiting.extend(faults)

    def clear(self) -> None:
        """Be well again."""
        self.waiting.clear()

    def next(self, on: str, body: bytes) -> Fault | None:
        """Return the fault this request meets and count it, or ``None``."""
        for place, fault in enumerate(self.waiting):
            if fault.on != on or (fault.containing and fault.containing.encode() not in body):
                continue
            if fault.times is not None:
                left = replace(fault, times=fault.times - 1)
                self.waiting[place : place + 1] = [left] if left.times else []
            return fault
        return None


async def strike(
    fault: Fault, request: web.Request, *, now: float, closing: asyncio.Event
) -> web.StreamResponse:
    """Do to a request what the fault says, after its delay."""
    match fault.kind:
        case "hang":
            await closing.wait()
            return _reset(request)
        case "reset":
            return _reset(request)
        case "break":
            await _begin(request)
            return _reset(request)
        case "truncate":
            return await _truncate(request)
        case "login":
            return web.Response(status=302, headers={"Location": "/login"})
        case "answer":
            headers = {**fault.headers, **_retry_after(fault, now)}
            status = fault.status or 200
            return web.Response(status=status, text=fault.body, headers=headers)


def _retry_after(fault: Fault, now: float) -> dict[str, str]:
    if fault.retry_after is None:
        return {}
    date = formatdate(now + fault.retry_after, usegmt=True)
    return {"Retry-After": date if fault.retry_as_date else f"{fault.retry_after:g}"}


def _reset(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        linger = struct.pack("ii", 1, 0)  # close with RST, whatever is unread
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    return web.Response()


async def _begin(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "1000"})
    await answer.prepare(request)
    await answer.write(b'{"succ')
    return answer


async def _truncate(request: web.Request) -> web.StreamResponse:
    answer = await _begin(request)
    if request.transport is not None:
        request.transport.close()
    return answer
