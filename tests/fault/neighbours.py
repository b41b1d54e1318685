"""How long a shop's orders take while others have trouble with Segment, against when none has.

One server process; the shop has a Pipeline of its own at an endpoint that it shares with those in
trouble. Each kind of trouble strikes Pipelines of its own, by their write keys.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import quantiles

from tests.fault.owners import Owner, move_in
from tests.fault.parts import Verdict
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand
from tests.twins.segment import Fault, SegmentTwin

USUAL, MOST = 1.0, 5.0
"""Seconds that 19 of 20 orders may take once a trouble has begun for all, and that any may."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to others."""

    fault: Fault
    pipelines: int = 1
    """How many have it."""
    elsewhere: bool = False
    """Whether they have an endpoint of their own."""


TROUBLES: Mapping[str, Trouble] = {
    "slow, 2 s each, 20 pipelines": Trouble(Fault(delay=2, times=None), 20),
    "resets": Trouble(Fault("reset", times=None, accept=True)),
    "answers cut short": Trouble(Fault("truncate", times=None)),
    "503": Trouble(Fault(status=503, times=None)),
    "429": Trouble(Fault(status=429, retry_after=60, times=None)),
    "401": Trouble(Fault(status=401, times=None)),
    "login page": Trouble(Fault("login", times=None)),
    "400 for everything": Trouble(Fault(status=400, times=None)),
    "hangs, 1 pipeline": Trouble(Fault("hang", times=None)),
    "hangs, 10 pipelines": Trouble(Fault("hang", times=None), 10),
    "hangs, 50 pipelines at another endpoint": Trouble(Fault("hang", times=None), 50, True),
    "hangs, 110 pipelines": Trouble(Fault("hang", times=None), 110),
}
"""Those that hang come last: they go on hanging while the next are measured."""


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds from before a delivery until Segment had it, of some orders."""

    seconds: tuple[float, ...]
    beginning: tuple[float, ...] = ()
    """Of those while the trouble had not begun for all."""

    def percentile(self, percent: int) -> float:
        """Return what so many of a hundred did not exceed."""
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]

    @property
    def delayed(self) -> bool:
        """Whether they took longer than a busy machine explains."""
        return self.percentile(95) > USUAL or max(self.seconds + self.beginning) > MOST

    def __str__(self) -> str:
        shown = [f"p{each} {self.percentile(each) * 1000:.0f} ms" for each in (50, 95, 99)]
        shown.append(f"most {max(self.seconds) * 1000:.0f} ms")
        if self.beginning:
            shown.append(f"most as it began {max(self.beginning) * 1000:.0f} ms")
        return ", ".join(shown)


class Street:
    """The shop that is measured, and those in trouble."""

    def __init__(self, stand: Stand, elsewhere: SegmentTwin, troubles: Sequence[str]) -> None:
        self.stand, self.elsewhere = stand, elsewhere
        self._read = 0
        numbers = count(1)
        self.shop = Owner(stand, next(numbers), "the shop")
        self.troubled: dict[str, list[Owner]] = {
            name: [self._owner(next(numbers), name) for _ in range(TROUBLES[name].pipelines)]
            for name in troubles
        }
        move_in(stand, [self.shop, *[each for them in self.troubled.values() for each in them]])

    def _owner(self, number: int, name: str) -> Owner:
        elsewhere = TROUBLES[name].elsewhere
        return Owner(self.stand, number, name, endpoint=self.elsewhere.url if elsewhere else None)

    @asynccontextmanager
    async def in_trouble(
        self, name: str, serving: Serving, signer: Signer
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Have the trouble begin, with orders for all who have it; the task ends once all do."""
        them, trouble = self.troubled[name], TROUBLES[name]
        segment = self.elsewhere if trouble.elsewhere else self.stand.segment
        for owner in them:
            owner.strike(trouble.fault, at=segment)
        yield asyncio.create_task(self._afflict(them, segment, serving, signer))
        segment.faults.clear()

    async def _afflict(
        self, them: Sequence[Owner], segment: SegmentTwin, serving: Serving, signer: Signer
    ) -> None:
        before = segment.asked
        for first in range(0, len(them), 10):
            await asyncio.gather(
                *[owner.order(serving, signer) for owner in them[first : first + 10]]
            )
        await until(lambda: segment.asked - before >= len(them), seconds=60)

    async def measure(
        self,
        orders: int,
        serving: Serving,
        signer: Signer,
        *,
        begun: asyncio.Task[None] | None = None,
    ) -> Took:
        """Deliver orders of the shop one after the other, each once the one before has arrived.

        They are as many as told, after those while the trouble has not ``begun`` for all.
        """
        beginning: list[float] = []
        while begun is not None and not begun.done():
            beginning.append(await self._one(serving, signer))
        seconds = [await self._one(serving, signer) for _ in range(orders)]
        return Took(tuple(seconds), tuple(beginning))

    async def _one(self, serving: Serving, signer: Signer) -> float:
        began = time.perf_counter()
        await self.shop.order(serving, signer)
        while self.shop.orders[-1] not in await self._news():
            pass
        return time.perf_counter() - began

    async def _news(self) -> set[str]:
        """Return the orders that arrived since it was last asked, once there are any."""
        inbox = self.stand.segment.inbox
        await inbox.holds(self._read + 1, seconds=60)
        news = [message["properties"]["order_id"] for message in inbox.messages(self._read)]
        self._read += len(news)
        return {*news}


async def measured(
    folder: Path, signer: Signer, *, orders: int, troubles: Sequence[str] = tuple(TROUBLES)
) -> dict[str, Took]:
    """Return how long the shop's orders took, by what happened to others; first: nothing."""
    async with Stand.up(folder, signer) as stand, SegmentTwin() as elsewhere:
        street = Street(stand, elsewhere, troubles)
        async with stand.serving() as serving:
            await street.measure(10, serving, signer)  # connections, keys, caches
            took = {"nothing": await street.measure(orders, serving, signer)}
            for name in troubles:
                async with street.in_trouble(name, serving, signer) as begun:
                    took[name] = await street.measure(orders, serving, signer, begun=begun)
                    await begun
                    assert await serving.ready() == 200
        return took


async def soak(folder: Path) -> Verdict:
    """Measure 200 orders beside each kind of trouble."""
    took = await measured(folder, Signer.new(), orders=200)
    figures = tuple(f"{name}: {seconds}" for name, seconds in took.items())
    return Verdict(not any(each.delayed for each in took.values()), figures)
