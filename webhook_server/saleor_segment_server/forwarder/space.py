"""How much memory may be taken by what is on its way to Segment, of all pipelines together.

A window holds up to 500 events or 4 MiB, and a worker has two: hundreds of shops whose backlogs
are sent at once, as after an hour without Segment, would fill the memory, and again after each
restart.
"""

import asyncio

MOST = 32 * 2**20
"""Bytes of bodies, in each of the two lines; mapped they take up to twice as many."""
RESERVED = 4 * 2**20
"""Bytes of bodies that a window takes at most, and that are set aside until it is known."""


class Space:
    """Counts bytes, and lets whoever wants some wait for them in the order they came."""

    def __init__(self, most: int = MOST) -> None:
        """Allow for ``most`` bytes; what is alone may be larger."""
        self._most = most
        self.held = 0
        """Bytes that are taken now."""
        self._line = asyncio.Lock()
        self._freed = asyncio.Event()

    async def share(self, size: int = RESERVED) -> "Share":
        """Wait for so many bytes, and take them."""
        async with self._line:  # the others wait behind
            while self.held and self.held + size > self._most:
                self._freed.clear()
                await self._freed.wait()
            return Share(self, size)

    def change(self, more: int) -> None:
        """Count ``more`` bytes, or fewer if it is negative."""
        self.held += more
        if more < 0:
            self._freed.set()


class Share:
    """What one window takes, until it is closed."""

    __slots__ = ("_size", "_space")

    def __init__(self, space: Space, size: int) -> None:
        self._space = space
        self._size = 0
        self.becomes(size)

    def becomes(self, size: int) -> None:
        """Take so many bytes from now on."""
        self._space.change(size - self._size)
        self._size = size

    def close(self) -> None:
        """Give it back; once is enough, more often harmless."""
        self.becomes(0)
