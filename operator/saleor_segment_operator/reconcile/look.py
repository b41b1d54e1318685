"""One look at what Saleor gave up of one integration: page by page, newest first, each handed in.

It may stop anywhere and go on, or begin anew: what a server has already, it says so of.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.reconcile.recovered import Result
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import (
    SIGNATURE,
    Contents,
    DeliveryPage,
    DeliveryState,
    KeptDelivery,
    Saleor,
    StaffCredentials,
)
from saleor_segment_operator.servers import Fate, Servers
from saleor_segment_server.contract import Event

_CHUNK = 10
"""Bodies read at once: an order of 70 lines has 85 kB, and an answer of 8 MiB is read."""
_AGAIN = timedelta(days=1)
"""How soon Saleor is asked a second time to send the same delivery."""
_MOST_SETTLED = 100_000

_GONE = "Saleor holds no body of them: compare the shop's orders with what Segment has"
_REFUSED = "the receiver refuses them as malformed or larger than 8 MiB: see its log"
_UNVERIFIED = "their signatures do not verify under the shop's present key"
_UNSIGNED = "Saleor never sent them, so they are not signed"
_TOO_LARGE = "they are too large to be read back"
_NO_STAFF = (
    "only Saleor can send them signed anew, and there is no staff login to ask it: have them sent "
    "again by eventDeliveryRetry, as a staff user with MANAGE_APPS"
)
_IN_VAIN = "Saleor sent them again and gave them up again: look at their attempts in its dashboard"


@dataclass(frozen=True, slots=True)
class Ways:
    """How to get at an integration's deliveries, and to a server."""

    saleor: Saleor
    servers: Servers
    token: str = field(repr=False)
    staff: StaffCredentials | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Resent:
    """A delivery that Saleor was asked to send again."""

    created_at: datetime
    asked_at: datetime


@dataclass(slots=True)
class Memory:
    """What is known of deliveries from one look to the next, by their ids."""

    settled: dict[str, datetime] = field(default_factory=dict)
    """Those that a server has, with when they were made."""
    resent: dict[str, Resent] = field(default_factory=dict)
    """Those that Saleor was asked to send again, until they arrive."""

    def settle(self, delivery: KeptDelivery) -> None:
        """Remember that a server has it."""
        self.settled[delivery.id] = delivery.created_at
        self.resent.pop(delivery.id, None)

    def forget(self, before: datetime) -> None:
        """Forget what no look will see again."""
        kept = {name: made for name, made in self.settled.items() if made >= before}
        self.settled = kept if len(kept) <= _MOST_SETTLED else {}


class Look:
    """A look at all that was given up since a moment.

    Args:
        pipeline_id: Whose deliveries they are.
        webhooks: The ids of our webhooks in Saleor.
        since: When the oldest was made that is looked at.
        began: Now.
        memory: What is known from the looks before.
    """

    def __init__(
        self,
        pipeline_id: str,
        webhooks: Sequence[str],
        *,
        since: datetime,
        began: datetime,
        memory: Memory,
    ) -> None:
        self._pipeline_id = pipeline_id
        self._webhooks = tuple(webhooks)
        self._left = list(webhooks)
        self._after: str | None = None
        self._memory = memory
        self._failed: set[str] = set()
        self._asked: set[str] = set()
        self._handed = 0
        self.since = since
        self.began = began
        self.result = Result()
        """What came of it so far."""
        self.unsure = False
        """Whether one may have escaped it: the list moved while it was read."""

    @property
    def resent(self) -> list[datetime]:
        """When those were made that Saleor is sending again."""
        found = self._memory.resent.items()
        return [each.created_at for name, each in found if name not in self.result.missing]

    async def go_on(self, ways: Ways, *, most: int) -> bool:
        """Bring back some, about ``most``; tell whether that were all.

        Raises:
            Blocked: Saleor cannot be asked.
            Unavailable: It cannot now, or no server takes deliveries now.
        """
        self._handed = 0
        while self._left:
            if self._handed >= most:
                return False
            await self._page(ways, self._left[0])
        await self._watch(ways)
        return True

    async def _page(self, ways: Ways, webhook: str) -> None:
        state = DeliveryState.FAILED
        page = await ways.saleor.deliveries(ways.token, webhook, state, after=self._after)
        recent = [each for each in page.deliveries if each.created_at >= self.since]
        self._failed.update(each.id for each in recent)
        for after, some in _chunks(
            page, [each for each in recent if self._wanted(each)], self._after
        ):
            await self._bring(ways, webhook, after, some)
        if page.more and len(recent) == len(page.deliveries):
            self._after = page.deliveries[-1].cursor
        else:
            self._left.pop(0)
            self._after = None

    def _wanted(self, delivery: KeptDelivery) -> bool:
        known = delivery.id in self._memory.settled or delivery.id in self._asked
        ours = Event.parse(delivery.event) is not None  # a hand may have added others
        return ours and not known and delivery.id not in self.result.missing

    async def _bring(
        self, ways: Ways, webhook: str, after: str | None, some: "Sequence[_Placed]"
    ) -> None:
        count = some[-1].place - some[0].place + 1
        found = await self._read(ways, webhook, after, count)
        for placed in some:
            contents = (found or {}).get(placed.delivery.id)
            if contents is not None:
                await self._hand_in(ways, placed.delivery, contents)
            elif count > 1:
                await self._bring(ways, webhook, placed.after, [placed])
            elif found is None:
                await self._resend(ways, placed.delivery, _TOO_LARGE)
            else:  # gone: it arrived, or was deleted; at the top another may have come before it
                self.unsure |= after is None

    async def _read(
        self, ways: Ways, webhook: str, after: str | None, count: int
    ) -> Mapping[str, Contents] | None:
        """Return what they say, or ``None`` where that is too much to read."""
        try:
            return await ways.saleor.given_up(ways.token, webhook, first=count, after=after)
        except Blocked as error:
            if error.reason != Reason.NOT_SALEOR:
                raise
            return None

    async def _hand_in(self, ways: Ways, delivery: KeptDelivery, contents: Contents) -> None:
        self._handed += 1
        if contents.body is None:
            self._miss(delivery, _GONE)
        elif SIGNATURE not in contents.headers:
            await self._resend(ways, delivery, _UNSIGNED)
        else:
            fate = await ways.servers.hand_in(
                self._pipeline_id, delivery.event, contents.headers, contents.body
            )
            await self._judge(ways, delivery, fate)

    async def _judge(self, ways: Ways, delivery: KeptDelivery, fate: Fate) -> None:
        if fate is Fate.UNVERIFIED:
            await self._resend(ways, delivery, _UNVERIFIED)
        elif fate is Fate.REFUSED:
            self._miss(delivery, _REFUSED)
        else:
            self._memory.settle(delivery)
            if fate is Fate.ACCEPTED:
                self.result.bring(delivery.created_at)

    async def _resend(self, ways: Ways, delivery: KeptDelivery, why: str) -> None:
        """Have Saleor send it again, signed anew."""
        before = self._memory.resent.get(delivery.id)
        if before is not None and self.began - before.asked_at < _AGAIN:
            self._miss(delivery, f"{why}; {_IN_VAIN}")
        elif ways.staff is None:
            self._miss(delivery, f"{why}; {_NO_STAFF}")
        else:
            try:
                await ways.saleor.retry_delivery(ways.staff, delivery.id)
            except Blocked as error:
                self._miss(delivery, f"{why}; {str(error).rstrip('.')}")
                return
            self._asked.add(delivery.id)
            self._memory.resent[delivery.id] = Resent(delivery.created_at, self.began)

    def _miss(self, delivery: KeptDelivery, why: str) -> None:
        self.result.missing[delivery.id] = (delivery.created_at, why)

    async def _watch(self, ways: Ways) -> None:
        """See which of those that were sent again have arrived: Saleor forgets these."""
        waiting = self._memory.resent.keys() - self._failed - self._asked
        if waiting:
            since = min(self._memory.resent[name].created_at for name in waiting)
            pending = await self._pending(ways, since)
            for name in waiting - pending:
                arrived = self._memory.resent.pop(name)
                self._memory.settled[name] = arrived.created_at
                self.result.bring(arrived.created_at)

    async def _pending(self, ways: Ways, since: datetime) -> set[str]:
        found: set[str] = set()
        for webhook in self._webhooks:
            page, after = DeliveryPage(more=True), None
            while page.more:
                page = await ways.saleor.deliveries(
                    ways.token, webhook, DeliveryState.PENDING, after=after
                )
                found.update(each.id for each in page.deliveries)
                if not page.deliveries or page.deliveries[-1].created_at < since:
                    break
                after = page.deliveries[-1].cursor
        return found


@dataclass(frozen=True, slots=True)
class _Placed:
    """A delivery and its place in a page."""

    delivery: KeptDelivery
    place: int
    after: str | None
    """The cursor of the one before it."""


def _chunks(
    page: DeliveryPage, wanted: Sequence[KeptDelivery], after: str | None
) -> Iterator[tuple[str | None, list[_Placed]]]:
    """Deal the wanted of a page into parts that lie close enough to be read at once."""
    cursors = [after, *(each.cursor for each in page.deliveries)]
    ids = {each.id for each in wanted}
    chunk: list[_Placed] = []
    for place, delivery in enumerate(page.deliveries):
        if delivery.id not in ids:
            continue
        if chunk and place - chunk[0].place >= _CHUNK:
            yield chunk[0].after, chunk
            chunk = []
        chunk.append(_Placed(delivery, place, cursors[place]))
    if chunk:
        yield chunk[0].after, chunk
