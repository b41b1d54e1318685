"""Segment is down, slow, silent or limits for hours, which are skipped: the whole server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest

from tests.control_plane.standalone.stand import free_port
from tests.data_plane.receiving import Shop
from tests.fault.hours import Hours, in_hours, serving_inside
from tests.fault.owners import Owner, move_in
from tests.signing import Signer
from tests.system.serving import Serving, Stand
from tests.twins.segment import Fault, SegmentTwin

MINUTE, HOUR = 60.0, 3600.0
AT_WORK = 5.0
"""Seconds that the machine may take for what is no waiting."""


class Scene:
    """A shop with one Pipeline, a server and a Segment that comes and goes, all in one loop."""

    def __init__(self, loop: Hours, stand: Stand, serving: Serving, signer: Signer) -> None:
        self.loop, self.stand, self.serving, self.signer = loop, stand, serving, signer
        self.owner = Owner(stand, 1)
        self.segment = stand.segment
        self.settled = 0

    async def order(self, count: int = 1) -> None:
        await self.owner.order(self.serving, self.signer, count)

    async def arrives(self, *, most: float) -> float:
        """Let time pass until all is settled, and so in Segment; return how long it took."""
        took = await self.loop.passing(self.is_settled, most=most)
        assert not self.owner.missing
        self.settled = len(self.owner.orders)
        return took

    async def is_settled(self) -> bool:
        return not (await self.owner.report(self.serving))["pending"]

    async def batches(self, outcome: str) -> float:
        return await self.owner.counted(self.serving, "batches_total", outcome=outcome)

    async def begins(self, why: str) -> None:
        """Let an order meet the fault, and others come after it: all are taken and kept."""
        await self.order()
        await self.loop.passing(lambda: self.batches("wait"), most=MINUTE)
        await self.order(3)
        await self.lasts(why)

    async def lasts(self, why: str) -> None:
        """Hold that all is kept, and why, and that more is taken."""
        report = await self.owner.report(self.serving)
        assert why in report["waiting"]
        assert report["pending"] == len(self.owner.orders) - self.settled
        assert report["parked"] is None
        assert await self.serving.ready() == 200

    def gaps(self) -> list[float]:
        """Return the seconds between the requests that came."""
        return [later.at - earlier.at for earlier, later in pairwise(self.segment.seen)]

    def retries(self) -> list[str | None]:
        return [seen.headers.get("X-Retry-Count") for seen in self.segment.seen]


def scene(folder: Path, signer: Signer, work: Callable[[Scene], Awaitable[None]]) -> None:
    """Do this work in a scene that is up."""

    async def play(loop: Hours) -> None:
        async with put_up(loop, folder, signer) as scene:
            await work(scene)

    in_hours(play)


@asynccontextmanager
async def put_up(loop: Hours, folder: Path, signer: Signer) -> AsyncIterator[Scene]:
    async with (
        Shop(signer).serving() as shop,
        SegmentTwin(clock=loop.clock, port=free_port()) as segment,
        aiohttp.ClientSession() as client,
    ):
        stand = Stand(folder, shop, segment, client)
        move_in(stand, [Owner(stand, 1)])
        async with serving_inside(stand, loop) as serving:
            yield Scene(loop, stand, serving, signer)


def test_an_hour_without_segment_loses_nothing_and_it_is_not_beset(
    tmp_path: Path, signer: Signer
) -> None:
    async def work(scene: Scene) -> None:
        await scene.order(3)
        await scene.arrives(most=MINUTE)
        await scene.segment.__aexit__()  # nobody listens there any more
        await scene.begins("not reachable")
        for _ in range(6):
            await scene.order(5)
            await scene.loop.passes(10 * MINUTE)
            await scene.lasts("not reachable")
        assert 80 <= await scene.batches("wait") <= 170  # 2 a minute, give or take
        await scene.segment.__aenter__()
        assert await scene.arrives(most=HOUR) <= MINUTE + AT_WORK
        totals = scene.segment.inbox.totals()
        assert (totals["arrived"], totals["deduplicated"]) == (37, 0)

    scene(tmp_path, signer, work)


def test_503_behind_which_all_was_taken_is_not_doubled(tmp_path: Path, signer: Signer) -> None:
    async def work(scene: Scene) -> None:
        scene.segment.faults.add(Fault(status=503, accept=True, times=None))
        await scene.begins("status 503")
        await scene.loop.passes(20 * MINUTE)
        await scene.lasts("status 503")
        asked = scene.segment.asked
        assert 25 <= asked <= 75
        scene.segment.faults.clear()
        assert await scene.arrives(most=HOUR) <= MINUTE + AT_WORK
        assert scene.retries()[: asked + 1] == [None, *map(str, range(1, asked + 1))]
        totals = scene.segment.inbox.totals()
        assert (totals["arrived"], totals["doubled"]) == (4, 0)
        assert asked <= totals["deduplicated"] <= 4 * asked  # the same ids, each time

    scene(tmp_path, signer, work)


@pytest.mark.parametrize(
    ("told", "as_date", "waited"), [(7200, False, 300), (120, True, 120)], ids=["seconds", "date"]
)
def test_retry_after_is_obeyed_for_five_minutes_at_most(
    tmp_path: Path, signer: Signer, told: float, waited: float, *, as_date: bool
) -> None:
    async def work(scene: Scene) -> None:
        limit = Fault(status=429, retry_after=told, retry_as_date=as_date, times=2)
        scene.segment.faults.add(limit)
        await scene.begins("status 429")
        await scene.arrives(most=HOUR)
        whole_second = 1.0  # a date has no fractions
        for gap in scene.gaps()[:2]:
            assert waited - whole_second <= gap <= waited + AT_WORK
        assert scene.retries()[:3] == [None, "1", "2"]
        assert scene.segment.inbox.totals()["deduplicated"] == 0

    scene(tmp_path, signer, work)


def test_429_without_retry_after_is_asked_again_less_and_less_often(
    tmp_path: Path, signer: Signer
) -> None:
    async def work(scene: Scene) -> None:
        scene.segment.faults.add(Fault(status=429, times=20))
        await scene.begins("status 429")
        await scene.arrives(most=HOUR)
        gaps = scene.gaps()[:20]
        for attempt, gap in enumerate(gaps):
            assert gap <= min(0.5 * 2**attempt, MINUTE) + AT_WORK
        assert sum(gaps) > MINUTE
        assert scene.retries()[:21] == [None, *map(str, range(1, 21))]

    scene(tmp_path, signer, work)


def test_slow_answers_are_waited_for(tmp_path: Path, signer: Signer) -> None:
    async def work(scene: Scene) -> None:
        scene.segment.faults.add(Fault(delay=2, times=None))
        for _ in range(20):
            await scene.order(3)
            await scene.loop.passes(1)
        await scene.arrives(most=MINUTE)
        assert await scene.batches("wait") == 0
        assert scene.segment.inbox.totals()["deduplicated"] == 0

    scene(tmp_path, signer, work)


def test_no_answer_at_all_ends_after_30_seconds_and_is_sent_again(
    tmp_path: Path, signer: Signer
) -> None:
    async def work(scene: Scene) -> None:
        scene.segment.faults.add(Fault("hang", times=None, accept=True))
        await scene.begins("timeout")
        await scene.loop.passes(20 * MINUTE)
        await scene.lasts("timeout")
        asked = scene.segment.asked
        assert 13 <= asked <= 40  # 30 s of silence, up to 60 s of pause
        scene.segment.faults.clear()
        assert await scene.arrives(most=HOUR) <= 30 + MINUTE + AT_WORK
        totals = scene.segment.inbox.totals()
        assert (totals["arrived"], totals["doubled"]) == (4, 0)
        assert asked <= totals["deduplicated"] <= 4 * asked

    scene(tmp_path, signer, work)
