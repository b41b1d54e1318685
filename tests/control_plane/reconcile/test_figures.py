"""Measuring asks each server once, and reads only what may have to be written."""

import pytest

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import ConditionType, Reason
from tests.control_plane.reconcile.harness import KEY, Process, World

DELIVERING = ConditionType.DELIVERING
DOWN = Unavailable(Reason.STORE_UNAVAILABLE, "down")


@pytest.fixture
async def measured(world: World, process: Process) -> World:
    """A world whose status is known to say what the servers do."""
    world.integrations.apply(KEY, world.spec())
    await process.work()
    await process.reconciler.measure_all([KEY])
    return world


async def test_what_did_not_change_is_not_read_again(measured: World, process: Process) -> None:
    measured.integrations.fail = DOWN
    await process.reconciler.measure_all([KEY])
    measured.plane.tally(measured.pipeline.id).pending = 1
    with pytest.raises(Unavailable):
        await process.reconciler.measure_all([KEY])


async def test_a_change_is_written_and_what_it_became_is_known_after_another_look(
    measured: World, process: Process
) -> None:
    measured.plane.tally(measured.pipeline.id).pending = 7
    for _ in range(2):
        await process.reconciler.measure_all([KEY])
    assert measured.status.delivery is not None
    assert measured.status.delivery.pending == 7
    measured.integrations.fail = DOWN
    await process.reconciler.measure_all([KEY])


async def test_silent_servers_are_told_of_once_and_so_is_their_return(
    measured: World, process: Process
) -> None:
    measured.plane.down = True
    for _ in range(2):
        await process.reconciler.measure_all([KEY])
    assert measured.says(DELIVERING) == ("Unknown", Reason.SERVERS_UNREACHABLE)
    measured.integrations.fail = DOWN
    await process.reconciler.measure_all([KEY])
    measured.integrations.fail, measured.plane.down = None, False
    await process.reconciler.measure_all([KEY])
    assert measured.says(DELIVERING)[0] == "True"


async def test_a_pass_and_a_measurement_say_the_same_of_silent_servers(
    measured: World, process: Process
) -> None:
    measured.plane.down = True
    await process.once()
    written = measured.integration
    await process.reconciler.measure_all([KEY])
    assert measured.integration is written


async def test_servers_that_lost_the_pipeline_are_noticed(
    measured: World, process: Process
) -> None:
    measured.plane.reads = False
    measured.plane.held.clear()
    await process.reconciler.measure_all([KEY])
    assert measured.says(DELIVERING) == ("Unknown", Reason.PIPELINE_PENDING)


async def test_another_of_the_same_name_is_read(measured: World, process: Process) -> None:
    old = measured.integrations.objects.pop(KEY)
    measured.integrations.apply(KEY, measured.spec(), uid="5bcfe642-0000-4000-8000-00000000000f")
    await process.work()
    await process.reconciler.measure_all([KEY])
    assert measured.integration.uid != old.uid
    assert measured.is_ready
