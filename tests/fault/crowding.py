"""Connections by the thousand, opened without the ceremony of an event loop."""

import asyncio
import errno
import resource
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

_OURS = 1000
"""Descriptors that the test itself may need."""


def affordable(wanted: int) -> int:
    """Raise this process's limit of open files; return how many connections it allows, at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard - _OURS)
    if soft != resource.RLIM_INFINITY and soft < wanted + _OURS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted + _OURS, hard))
    return wanted


@dataclass
class Crowd:
    """Connections that are held open, for the time of a ``with``."""

    address: tuple[str, int]
    members: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.close()

    async def grow(self, more: int, data: bytes = b"", *, receive_buffer: int = 0) -> None:
        """Open so many more, and send the same on each; nobody will read what comes back."""
        loop = asyncio.get_running_loop()
        for _ in range(more):
            member = socket.socket()
            member.setblocking(False)
            if receive_buffer:
                member.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.members.append(member)
            await loop.sock_connect(member, self.address)
            if data:
                with suppress(ConnectionError):
                    await loop.sock_sendall(member, data)

    def open(self) -> int:
        """Return how many the server has not closed."""
        return sum(_is_open(member) for member in self.members)


def _is_open(member: socket.socket) -> bool:
    try:
        return member.recv(1, socket.MSG_PEEK) != b""
    except OSError as error:
        return error.errno in {errno.EAGAIN, errno.EWOULDBLOCK}
