"""What strangers may hold of a listener, all together: connections, and the heads on them.

aiohttp bounds neither. Whoever opened as many connections as there may be would keep Saleor out,
and a few hundred with heads of a megabyte would fill the memory. So whoever has waited longest
without sending a whole request makes room for the next, and the longest head gives way to others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

MOST_HEAD_BYTES = 8 * 2**20
"""Bytes of unfinished heads on all connections; one of Saleor's has 2,500 and comes at once."""


class Connection(web.RequestHandler):
    """One connection, which knows what it waits for."""

    __slots__ = ("_connections", "head_bytes", "request")

    def __init__(self, connections: "Connections", **options: Any) -> None:
        super().__init__(connections, loop=asyncio.get_running_loop(), **options)
        self._connections = connections
        self.head_bytes = 0
        """Bytes that came since the last request was answered, until the next one has begun."""
        self.request: web.BaseRequest | None = None
        """The one that is being answered."""

    @property
    def waits(self) -> bool:
        """Whether it is the other side's turn: nothing is lost for good if it is dropped now."""
        return self.request is None or not self.request.content.is_eof()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        if self.request is None:
            self._connections.count(self, len(data))


class Connections(web.Server):
    """A server of requests whose connections make room for each other.

    Args:
        handler: Answers a request.
        most: How many there may be at once.
        most_head_bytes: How many bytes of unfinished heads there may be on all of them.
        dropped: Called with the reason when one is dropped for another.
        options: aiohttp's, for each connection.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        most: int,
        most_head_bytes: int = MOST_HEAD_BYTES,
        dropped: Callable[[str], None] = lambda _: None,
        request_factory: Callable[..., web.BaseRequest],
        **options: Any,
    ) -> None:
        super().__init__(self._answer, request_factory=request_factory)
        self._handler = handler
        self._most = most
        self._most_head_bytes = most_head_bytes
        self._dropped = dropped
        self._options = options
        self._open: dict[Connection, asyncio.Transport | None] = {}  # longest unanswered first
        self._head_bytes = 0

    def __call__(self) -> Connection:
        """Return the protocol of one more connection."""
        connection = Connection(self, **self._options)
        self._open[connection] = None
        return connection

    def admit(self) -> bool:
        """Tell whether there may be one more, having made room for it where that is possible."""
        if len(self._open) < self._most:
            return True
        longest = next((each for each in self._open if each.waits), None)
        if longest is None:
            return False
        self._drop(longest, "crowded")
        return True

    def count(self, connection: Connection, size: int) -> None:
        """Count bytes of a head; the longest gives way where they are too many together."""
        if connection not in self._open:
            return
        connection.head_bytes += size
        self._head_bytes += size
        if self._head_bytes > self._most_head_bytes:
            self._drop(max(self._open, key=lambda each: each.head_bytes), "heads")

    def connection_made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        """Know a connection that is open now."""
        if isinstance(handler, Connection):
            self._open[handler] = transport
        super().connection_made(handler, transport)

    def connection_lost(
        self, handler: web.RequestHandler, exc: BaseException | None = None
    ) -> None:
        """Forget a connection."""
        if isinstance(handler, Connection):
            self._forget_head(handler)
            self._open.pop(handler, None)
        super().connection_lost(handler, exc)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, Connection):
            return await self._handler(request)
        self._forget_head(connection)
        connection.request = request
        try:
            return await self._handler(request)
        finally:
            connection.request = None
            if connection in self._open:
                self._open[connection] = self._open.pop(connection)  # it waits from now on

    def _drop(self, connection: Connection, why: str) -> None:
        """Close it for good; ``close`` would wait for an answer to be read that never is."""
        self._forget_head(connection)
        transport = self._open.pop(connection)
        if transport is not None:
            transport.abort()
        self._dropped(why)

    def _forget_head(self, connection: Connection) -> None:
        self._head_bytes -= connection.head_bytes
        connection.head_bytes = 0
