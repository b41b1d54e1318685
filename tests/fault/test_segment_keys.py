"""Segment's CDN knows no such key, knows it in another region, or says nothing: it is the twin's.

The Tracking API answers 200 whatever the key, so this is all that keeps events from vanishing.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_server.contract import PipelineState
from saleor_segment_server.outbound.write_key import WriteKeyProbe, WriteKeyVerdict
from tests.control_plane.reconcile.harness import KEY, Process, Segment, World, a_world, running
from tests.twins.segment import Fault, SegmentTwin

OURS, EUROPEAN, UNKNOWN = "key-of-our-source", "key-of-a-european-source", "key-of-no-source"


@dataclass
class Cdn(Segment):
    """Asks a CDN indeed."""

    url: str = field(kw_only=True)

    async def verdict(self, endpoint: str, key: str) -> WriteKeyVerdict:
        async with WriteKeyProbe(cdn=self.url) as probe:
            return await probe.verdict(endpoint, key)


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
async def segment() -> AsyncIterator[SegmentTwin]:
    async with SegmentTwin(keys=[OURS]) as segment:
        segment.add_key(EUROPEAN, "eu")
        yield segment


@pytest.fixture
async def world(segment: SegmentTwin) -> AsyncIterator[World]:
    async with a_world() as world:
        world.segment = Cdn(url=segment.url)
        world.secret("segment", writeKey=OURS)
        world.integrations.apply(KEY, world.spec())
        yield world


@pytest.fixture
async def process(world: World) -> AsyncIterator[Process]:
    async with running(world) as process:
        await process.work()
        assert world.is_ready
        yield process


def state(world: World) -> PipelineState:
    return world.pipeline.state


@pytest.mark.parametrize(
    ("key", "reason"),
    [(UNKNOWN, Reason.WRITE_KEY_UNKNOWN), (EUROPEAN, Reason.REGION_MISMATCH)],
    ids=["unknown", "other region"],
)
async def test_with_a_key_that_the_cdn_denies_nothing_is_sent_and_all_is_taken(
    world: World, process: Process, key: str, reason: Reason
) -> None:
    world.secret("segment", writeKey=key)
    await process.work()
    assert world.says(ConditionType.WRITE_KEY_VALID) == ("False", reason)
    assert world.says(ConditionType.DELIVERING) == ("False", Reason.PAUSED)
    assert state(world) is PipelineState.PAUSED
    assert all(webhook.is_active for webhook in world.webhooks())
    world.secret("segment", writeKey=OURS)
    await process.work()
    assert state(world) is PipelineState.ACTIVE
    assert world.is_ready


@pytest.mark.parametrize(
    "fault",
    [Fault(status=503), Fault("reset"), Fault("login"), Fault(status=404, body="<html>Not found")],
    ids=["503", "reset", "login page", "404 of a proxy"],
)
async def test_a_cdn_that_says_nothing_stops_nobody(
    segment: SegmentTwin, world: World, process: Process, fault: Fault
) -> None:
    segment.faults.add(Fault(fault.kind, fault.status, None, body=fault.body, on="settings"))
    world.secret("segment", writeKey=UNKNOWN)
    await process.work()
    assert world.says(ConditionType.WRITE_KEY_VALID) == ("Unknown", Reason.WRITE_KEY_UNVERIFIED)
    assert state(world) is PipelineState.ACTIVE
