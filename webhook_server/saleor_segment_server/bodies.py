"""How much memory the bodies of deliveries may take, all together.

One body may have 8 MiB and ten seconds to come, and may come on each of 2,048 connections: 16 GiB.
The first part of each is free, which is all of a usual one, so that a flood of large bodies neither
fills the memory nor keeps usual deliveries out.
"""

from types import TracebackType
from typing import Self

from aiohttp import StreamReader

from saleor_segment_server.errors import TooLarge, TryLater

LARGEST_BODY = 8 * 2**20
"""Bytes; a 70-line order is 85 kB."""
FREE = 64 * 2**10
"""Bytes of each body that are not counted."""


class Bodies:
    """Counts the bytes of bodies that are in memory."""

    def __init__(self, most: int) -> None:
        """Allow for ``most`` bytes at once beyond the free part of each body."""
        self._most = most
        self.held = 0
        """Bytes counted now."""

    def share(self) -> "Share":
        """Return what one body is read into, for the time of a ``with``."""
        return Share(self)

    def change(self, more: int) -> None:
        """Count ``more`` bytes, or fewer if it is negative.

        Raises:
            TryLater: There would be too many.
        """
        if more > 0 and self.held + more > self._most:
            raise TryLater("bodies_full", "too many large bodies are on their way; try again later")
        self.held += more


class Share:
    """What one body takes; leaving its ``with`` gives it back."""

    __slots__ = ("_bodies", "_held")

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._held = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bodies.change(-self._held)

    async def read(self, content: StreamReader) -> bytes:
        """Read a body to its end.

        Raises:
            TooLarge: It exceeds the limit.
            TryLater: There is no room for it now.
        """
        body = bytearray()
        while chunk := await content.readany():
            body += chunk
            if len(body) > LARGEST_BODY:
                raise too_large()
            self._grow(len(body))
        return bytes(body)

    def _grow(self, size: int) -> None:
        more = size - FREE - self._held
        if more > 0:
            self._bodies.change(more)
            self._held += more


def too_large() -> TooLarge:
    """Return the refusal of a body that exceeds the limit."""
    return TooLarge("too_large", f"a body may have {LARGEST_BODY} bytes")
