"""One look at what Saleor gave up of one integration: each is handed to a server, oldest first.

It may stop anywhere and go on, or begin anew: what a server has already, it says so of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.reconcile.backlog import Backlog, Shelf, Unread
from saleor_segment_operator.reconcile.recovered import KEPT, Result
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
_SUSPENDED = (
    "only Saleor can send them signed anew, and it is asked to once spec.suspend is false again"
)
_IN_VAIN = "Saleor sent them again and gave them up again: look at their attempts in its dashboard"


@dataclass(frozen=True, slots=True)
class Ways:
    """How to get at an integration's deliveries, and to a server."""

    saleor: Saleor
    servers: Servers
    token: str = field(repr=False)
    staff: StaffCredentials | None = field(repr=False)
    suspended: bool = False
    """Whether Saleor is left as it is, and asked for nothing but what it keeps."""


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
        pipeline_at: Tells whose a delivery is that was made then, by its Pipeline's id.
        webhooks: The ids of our webhooks in Saleor.
        since: When the oldest was made that is looked at.
        began: Now.
        memory: What is known from the looks before.
    """

    def __init__(
        self,
        pipeline_at: Callable[[datetime], str],
        webhooks: Sequence[str],
        *,
        since: datetime,
        began: datetime,
        memory: Memory,
    ) -> None:
        self._pipeline_at = pipeline_at
        self._webhooks = tuple(webhooks)
        self._backlog = Backlog(webhooks, since=since)
        self._memory = memory
        self._asked: set[str] = set()
        self.since = since
        self.began = began
        self.result = Result()
        """What came of it so far."""

    @property
    def resent(self) -> list[datetime]:
        """When those were made that Saleor is sending again."""
        found = self._memory.resent.items()
        return [each.created_at for name, each in found if name not in self.result.missing]

    @property
    def moved(self) -> bool:
        """Whether one may have escaped it: the list moved while it was read."""
        return self._backlog.moved

    @property
    def cut(self) -> bool:
        """Whether more was given up than one look sees to."""
        return self._backlog.cut

    async def go_on(self, ways: Ways, *, most: int) -> bool:
        """Bring some back, ``most`` of them, the oldest first; tell whether that were all.

        Raises:
            Blocked: Saleor cannot be asked.
            Unavailable: It cannot now, or no server takes deliveries now.
        """
        await self._backlog.gather(ways.saleor, ways.token, self._wanted)
        for _ in range(most):
            shelf = self._backlog.next()
            if shelf is None:
                await self._watch(ways)
                return True
            await self._see_to(ways, shelf)
        return False

    def _wanted(self, delivery: KeptDelivery) -> bool:
        ours = Event.parse(delivery.event) is not None  # a hand may have added others
        return ours and delivery.id not in self._memory.settled

    async def _see_to(self, ways: Ways, shelf: Shelf) -> None:
        delivery = shelf.oldest
        contents = await shelf.contents(ways.saleor, ways.token)
        if contents is Unread.TOO_LARGE:
            await self._resend(ways, delivery, _TOO_LARGE)
        elif isinstance(contents, Contents):
            await self._hand_in(ways, delivery, contents)
        shelf.done()

    async def _hand_in(self, ways: Ways, delivery: KeptDelivery, contents: Contents) -> None:
        if contents.body is None:
            self._miss(delivery, _GONE)
        elif SIGNATURE not in contents.headers:
            await self._resend(ways, delivery, _UNSIGNED)
        else:
            pipeline_id = self._pipeline_at(delivery.created_at)
            fate = await ways.servers.hand_in(
                pipeline_id, delivery.event, contents.headers, contents.body
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
        elif ways.suspended:
            self._miss(delivery, f"{why}; {_SUSPENDED}")
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
        waiting = self._memory.resent.keys() - self._backlog.seen - self._asked
        if waiting:
            since = min(self._memory.resent[name].created_at for name in waiting)
            pending = await self._pending(ways, since)
            for name in waiting - pending:
                arrived = self._memory.resent.pop(name)
                self._memory.settled[name] = arrived.created_at
                if arrived.created_at >= self.began - KEPT:  # else Saleor forgot it
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
