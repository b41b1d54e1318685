"""What Saleor gave up of one integration, oldest first.

Saleor lists each webhook's deliveries newest first. All are listed before the first is read, so
that they come back in the order in which they were made, over all webhooks: an order before its
refund. What they say is read a few at a time.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import Contents, DeliveryState, KeptDelivery, Saleor

_CHUNK = 10
"""Deliveries read at once: an order of 70 lines has 85 kB, and an answer of 8 MiB is read."""
_MOST = 5_000
"""Deliveries of a webhook kept in mind, the oldest; the others wait for the next look."""


class Unread(Enum):
    """Why there is nothing to hand in."""

    TOO_LARGE = "too large"
    """Saleor's answer is longer than we read."""
    GONE = "gone"
    """It is no longer among those that were given up: it arrived, or was deleted."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """A delivery and its place in Saleor's list."""

    delivery: KeptDelivery
    place: int
    after: str | None
    """The cursor of the one before it, which is newer."""


@dataclass(slots=True)
class Shelf:
    """The deliveries of one webhook, taken from the oldest end."""

    webhook: str
    waiting: list[_Placed] = field(default_factory=list)
    """Newest first, as Saleor lists them."""
    moved: bool = False
    """Whether the list moved while it was read, so that one may have escaped."""
    _read: dict[str, Contents] = field(default_factory=dict)
    _size: int = _CHUNK

    @property
    def oldest(self) -> KeptDelivery:
        """The next to be seen to."""
        return self.waiting[-1].delivery

    def done(self) -> None:
        """Go on to the next."""
        self._read.pop(self.waiting.pop().delivery.id, None)

    async def contents(self, saleor: Saleor, token: str) -> Contents | Unread:
        """Return what the oldest says; those after it are read along.

        Raises:
            Blocked: Saleor cannot be asked.
            Unavailable: It cannot now.
        """
        wanted = self.oldest.id
        if wanted not in self._read:
            self._read = dict(await self._chunk(saleor, token))
        if wanted in self._read:
            return self._read[wanted]
        (last,) = self.waiting[-1:]
        found = await self._some(saleor, token, [last])
        if found is None:
            return Unread.TOO_LARGE
        if wanted not in found:  # at the top of the list another may have come before it
            self.moved |= last.after is None
            return Unread.GONE
        return found[wanted]

    async def _chunk(self, saleor: Saleor, token: str) -> Mapping[str, Contents]:
        """Read as many as an answer holds, with the oldest among them."""
        last = self.waiting[-1]
        while self._size > 1:
            near = self.waiting[-self._size :]
            some = [each for each in near if last.place - each.place < self._size]
            found = await self._some(saleor, token, some)
            if found is not None:
                return found
            self._size //= 2
        return {}

    async def _some(
        self, saleor: Saleor, token: str, some: Sequence[_Placed]
    ) -> Mapping[str, Contents] | None:
        """Return what these say, or ``None`` where that is too much to read."""
        first, last = some[0], some[-1]
        count = last.place - first.place + 1
        try:
            return await saleor.given_up(token, self.webhook, first=count, after=first.after)
        except Blocked as error:
            if error.reason != Reason.NOT_SALEOR:
                raise
            return None


class Backlog:
    """All that was given up since a moment, of some webhooks."""

    def __init__(self, webhooks: Sequence[str], *, since: datetime, most: int = _MOST) -> None:
        """Keep nothing in mind yet.

        Args:
            webhooks: Their ids in Saleor.
            since: When the oldest was made that matters.
            most: How many of a webhook are kept in mind.
        """
        self._since = since
        self._most = most
        self._shelves = [Shelf(webhook) for webhook in webhooks]
        self._left = list(self._shelves)
        self._place = 0
        self._after: str | None = None
        self.seen: set[str] = set()
        """The ids of all, also of those that nobody wants."""
        self.cut = False
        """Whether there were more than are kept in mind."""

    @property
    def moved(self) -> bool:
        """Whether a list moved while it was read, so that one may have escaped."""
        return any(shelf.moved for shelf in self._shelves)

    def next(self) -> Shelf | None:
        """Return the shelf with the oldest of all that wait, or ``None`` at the end."""
        filled = [shelf for shelf in self._shelves if shelf.waiting]
        return min(filled, key=lambda shelf: shelf.oldest.created_at, default=None)

    async def gather(
        self, saleor: Saleor, token: str, wanted: Callable[[KeptDelivery], bool]
    ) -> None:
        """List all that are ``wanted``; what was listed already is not listed again.

        Raises:
            Blocked: Saleor cannot be asked.
            Unavailable: It cannot now.
        """
        while self._left:
            await self._page(saleor, token, self._left[0], wanted)

    async def _page(
        self, saleor: Saleor, token: str, shelf: Shelf, wanted: Callable[[KeptDelivery], bool]
    ) -> None:
        state = DeliveryState.FAILED
        page = await saleor.deliveries(token, shelf.webhook, state, after=self._after)
        recent = [each for each in page.deliveries if each.created_at >= self._since]
        for delivery in recent:
            self.seen.add(delivery.id)
            if wanted(delivery):
                shelf.waiting.append(_Placed(delivery, self._place, self._after))
            self._place, self._after = self._place + 1, delivery.cursor
        if len(shelf.waiting) > self._most:
            del shelf.waiting[: -self._most]
            self.cut = True
        if not page.more or len(recent) < len(page.deliveries):
            self._left.pop(0)
            self._place, self._after = 0, None
