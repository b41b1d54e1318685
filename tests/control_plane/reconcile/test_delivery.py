"""What the status says of delivery, between passes too."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import keep_measuring
from saleor_segment_operator.resource import ConditionType, Key, Reason
from tests.control_plane.reconcile.harness import KEY, Process, World
from tests.ports.memory import MemoryIntegrations

DELIVERING = ConditionType.DELIVERING
REACHABLE = ConditionType.PUBLIC_URL_REACHABLE


@pytest.fixture
async def ready(world: World, process: Process) -> World:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    return world


async def test_totals_of_the_servers_are_in_the_status(ready: World, process: Process) -> None:
    tally = ready.plane.tally(ready.pipeline.id)
    tally.pending, tally.dead, tally.delivered = 2, 1, 40
    await process.once()
    delivery = ready.status.delivery
    assert delivery is not None
    assert (delivery.pending, delivery.dead_lettered) == (2, 1)
    assert delivery.oldest_pending_since is not None
    assert delivery.last_delivered_at is not None


async def test_segment_is_said_to_accept_only_what_it_was_sent(
    ready: World, process: Process
) -> None:
    tally = ready.plane.tally(ready.pipeline.id)
    for tally.pending, tally.delivered, words in (
        (0, 0, "Nothing waits to be sent."),
        (2, 0, "Events are being sent."),
        (0, 2, "Segment accepts what is sent."),
    ):
        await process.once()
        assert ready.says(DELIVERING) == ("True", Reason.SENDING)
        assert ready.condition(DELIVERING).message == words


async def test_events_that_could_not_be_sent_are_announced_once_with_the_reason(
    ready: World, process: Process
) -> None:
    tally = ready.plane.tally(ready.pipeline.id)
    tally.dead, tally.dead_why = 2, "it was meant for another app"
    ready.integrations.announcements.clear()
    await process.reconciler.measure(KEY)
    await process.once()
    (told,) = ready.integrations.announcements
    assert told.reason == Reason.DEAD_LETTERED
    assert told.message.startswith("2 more could not be sent")
    assert "it was meant for another app" in told.message
    tally.dead = 3
    await process.reconciler.measure(KEY)
    assert ready.announced == [Reason.DEAD_LETTERED] * 2


async def test_a_parked_pipeline_is_told_with_its_reason(ready: World, process: Process) -> None:
    ready.plane.tally(ready.pipeline.id).parked = "Segment answers 401"
    await process.once()
    assert ready.says(DELIVERING) == ("False", Reason.PARKED)
    assert "Segment answers 401" in ready.condition(DELIVERING).message
    assert ready.is_ready


async def test_the_first_delivery_proves_the_public_url_for_good(
    ready: World, process: Process
) -> None:
    assert ready.says(REACHABLE) == ("Unknown", Reason.NOTHING_RECEIVED)
    tally = ready.plane.tally(ready.pipeline.id)
    tally.pending = 1
    await process.once()
    assert ready.says(REACHABLE) == ("Unknown", Reason.NOTHING_RECEIVED)  # it was handed in
    tally.heard = True
    await process.once()
    assert ready.says(REACHABLE) == ("True", Reason.DELIVERY_RECEIVED)
    tally.pending = 0
    await process.once()
    assert ready.says(REACHABLE)[0] == "True"


async def test_measuring_changes_what_is_said_of_delivery_and_nothing_else(
    ready: World, process: Process
) -> None:
    before = ready.status
    tally = ready.plane.tally(ready.pipeline.id)
    tally.pending, tally.parked = 5, "Segment answers 403"
    ready.saleor.fail(graphql_down=True)
    await process.reconciler.measure(KEY)
    after = ready.status
    assert after.delivery is not None
    assert after.delivery.pending == 5
    assert ready.says(DELIVERING) == ("False", Reason.PARKED)
    assert ready.is_ready
    same = {"conditions": (), "delivery": None}
    assert after.model_copy(update=same) == before.model_copy(update=same)


async def test_measuring_publishes_nothing_where_nothing_changed(
    ready: World, process: Process
) -> None:
    published = ready.integration
    await process.reconciler.measure(KEY)
    assert ready.integration is published


async def test_servers_out_of_reach_make_the_totals_unknown_not_smaller(
    ready: World, process: Process
) -> None:
    ready.plane.down = True
    await process.reconciler.measure(KEY)
    assert ready.status.delivery is None
    assert ready.says(DELIVERING) == ("Unknown", Reason.SERVERS_UNREACHABLE)


async def test_what_has_no_status_yet_or_is_gone_is_not_measured(
    world: World, process: Process
) -> None:
    await process.reconciler.measure(KEY)
    world.integrations.apply(KEY, world.spec())
    await process.reconciler.measure(KEY)
    assert world.status.conditions == ()


@pytest.mark.parametrize(
    "trouble", [Blocked(Reason.STORE_REFUSED, "forbidden"), KeyError("a bug")], ids=str
)
async def test_one_that_cannot_be_measured_does_not_keep_the_others_from_it(
    ready: World, process: Process, trouble: Exception
) -> None:
    ready.plane.tally(ready.pipeline.id).pending = 5
    other = Key("elsewhere", "another")
    ready.integrations.failing[other] = trouble
    with contextlib.suppress(Blocked):
        await process.reconciler.measure_all([other, KEY])
    assert ready.status.delivery is not None
    assert ready.status.delivery.pending == 5


@pytest.mark.parametrize(
    "trouble", [Unavailable(Reason.STORE_UNAVAILABLE, "down"), KeyError("a bug")], ids=str
)
async def test_all_are_measured_until_it_stops_though_the_store_fails_once(
    ready: World, process: Process, trouble: Exception
) -> None:
    ready.plane.tally(ready.pipeline.id).pending = 5
    stop = asyncio.Event()

    class FailingOnce(MemoryIntegrations):
        rounds = 0

        async def keys(self) -> Sequence[Key]:
            self.rounds += 1
            if self.rounds == 1:
                raise trouble
            if self.rounds == 3:
                stop.set()
            return await super().keys()

    integrations = FailingOnce(objects=ready.integrations.objects)
    async with asyncio.timeout(5):
        await keep_measuring(process.reconciler, integrations, stop, interval=0.001)
    assert integrations.rounds == 3
    assert ready.status.delivery is not None
    assert ready.status.delivery.pending == 5
