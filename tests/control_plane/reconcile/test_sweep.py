"""What integrations leave behind that were made to go without a farewell."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import Sweep, keep_sweeping
from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.resource import Key, Reason
from saleor_segment_operator.servers import Servers
from saleor_segment_server.contract import Pipeline, PipelineState
from tests.control_plane.reconcile.harness import KEY, Process, World
from tests.control_plane.reconcile.plane import Plane
from tests.ports.memory import MemoryIntegrations, MemoryPipelines, MemorySecrets
from tests.system.programs import until

MINUTE = 60.0


@pytest.fixture
async def sweep(world: World) -> AsyncIterator[Sweep]:
    async with Servers(world.plane.addresses, tokens=None) as servers:
        yield Sweep(
            integrations=world.integrations,
            secrets=world.secrets,
            pipelines=world.pipelines,
            servers=servers,
            clock=world.clock,
        )


@pytest.fixture
async def ready(world: World, process: Process) -> World:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.is_ready
    return world


def force(world: World) -> None:
    """Take the finalizer off by hand, and with it the integration."""
    del world.integrations.objects[KEY]


async def test_what_belongs_to_a_living_integration_stays(ready: World, sweep: Sweep) -> None:
    records, table = dict(ready.secrets.records), dict(ready.pipelines.table)
    assert not await sweep()
    assert (ready.secrets.records, ready.pipelines.table) == (records, table)


async def test_an_orphan_drains_first_and_then_goes(ready: World, sweep: Sweep) -> None:
    force(ready)
    assert await sweep()
    assert ready.secrets.records == {}
    assert ready.pipeline.state is PipelineState.DRAINING
    assert not await sweep()
    assert ready.pipelines.table == {}
    assert ready.app.is_active  # what stands in Saleor is no longer ours


async def test_a_damaged_record_goes_as_any_other(ready: World) -> None:
    class Damaged(MemorySecrets):
        async def app(self, uid: str) -> AppRecord | None:
            raise Blocked(Reason.STORE_REFUSED, f"{uid} is damaged")

    force(ready)
    secrets = Damaged(records=ready.secrets.records, owners=ready.secrets.owners)
    async with Servers(ready.plane.addresses, tokens=None) as servers:
        sweep = Sweep(
            integrations=ready.integrations,
            secrets=secrets,
            pipelines=ready.pipelines,
            servers=servers,
            clock=ready.clock,
        )
        await sweep()
    assert ready.secrets.records == {}


async def test_an_orphan_waits_for_what_is_still_to_be_sent(ready: World, sweep: Sweep) -> None:
    tally = ready.plane.tally(ready.pipeline.id)
    tally.pending = 3
    force(ready)
    for _ in range(3):
        assert await sweep()
        ready.clock.now += MINUTE
    assert ready.plane.buried == []
    tally.pending = 0
    assert not await sweep()
    assert ready.pipelines.table == {}


async def test_after_ten_minutes_what_could_not_be_sent_is_buried(
    ready: World, sweep: Sweep
) -> None:
    uid = ready.pipeline.id
    ready.plane.tally(uid).pending = 3
    force(ready)
    assert await sweep()
    ready.clock.now += 9 * MINUTE
    assert await sweep()
    ready.clock.now += MINUTE
    assert not await sweep()
    assert ready.plane.buried == [uid]
    assert ready.plane.tally(uid).dead == 3
    assert ready.pipelines.table == {}


async def test_a_paused_orphan_is_buried_at_once_since_nothing_would_be_sent(
    ready: World, sweep: Sweep
) -> None:
    uid = ready.pipeline.id
    paused = ready.pipeline.model_copy(update={"state": PipelineState.PAUSED})
    await ready.pipelines.put(paused, of=KEY)
    ready.plane.tally(uid).pending = 3
    force(ready)
    assert not await sweep()
    assert ready.plane.buried == [uid]


async def test_a_server_that_does_not_see_it_drain_yet_is_waited_for(
    ready: World, sweep: Sweep
) -> None:
    """It would not know later that the Pipeline was taken down on purpose."""
    ready.plane.reads = False  # it holds what it held when it became ready
    force(ready)
    for _ in range(3):
        assert await sweep()
    assert ready.pipeline.state is PipelineState.DRAINING
    ready.plane.reads = True
    assert not await sweep()


async def test_servers_out_of_reach_keep_it_for_as_long_as_they_are(
    ready: World, sweep: Sweep
) -> None:
    force(ready)
    assert await sweep()
    ready.plane.down = True
    ready.clock.now += 60 * MINUTE
    assert await sweep()
    assert ready.pipeline.state is PipelineState.DRAINING
    ready.plane.down = False
    assert not await sweep()
    assert ready.pipelines.table == {}


async def test_one_made_anew_keeps_its_own_and_loses_what_the_old_one_left(
    ready: World, process: Process, sweep: Sweep
) -> None:
    old = ready.integration.uid
    force(ready)
    ready.integrations.apply(KEY, ready.spec())
    await process.work()
    new = ready.integration.uid
    assert set(ready.pipelines.table) == {old, new}
    await look(ready, process)
    await sweep()
    await sweep()
    assert set(ready.pipelines.table) == set(ready.secrets.records) == {new}
    await process.work()
    assert ready.is_ready


async def look(world: World, process: Process) -> None:
    """Have recovery look at Saleor, so long after the start that no later look goes before it."""
    world.clock.now += 61 * MINUTE
    await process.work()
    await process.reconciler.recovery.recover(KEY)


async def test_one_whose_webhooks_lead_to_the_old_one_keeps_that_in_force(
    ready: World, process: Process, sweep: Sweep
) -> None:
    """A backup brought it back without its Secret, and with the status that it had."""
    old, status = ready.integration.uid, ready.status
    login = ready.secrets.users.pop((KEY.namespace, "saleor-staff"))
    force(ready)
    await ready.integrations.publish(ready.integrations.apply(KEY, ready.spec()), status)
    assert not await sweep()
    await process.work()
    assert not ready.is_ready
    ready.clock.now += 60 * MINUTE
    for _ in range(3):
        assert not await sweep()
    assert ready.pipelines.table[old].state is PipelineState.ACTIVE
    assert all(old in webhook.target_url for webhook in ready.webhooks())
    ready.secrets.users[KEY.namespace, "saleor-staff"] = login
    await process.work()
    await look(ready, process)
    assert await sweep()
    assert not await sweep()
    assert set(ready.pipelines.table) == {ready.integration.uid}


async def test_the_old_one_stays_until_what_saleor_gave_up_of_it_was_looked_at(
    ready: World, process: Process, sweep: Sweep
) -> None:
    old = ready.integration.uid
    force(ready)
    ready.integrations.apply(KEY, ready.spec())
    await process.work()
    assert ready.is_ready
    assert not await sweep()
    await process.reconciler.recovery.recover(KEY)
    assert not await sweep()  # the next look goes back for an hour
    assert ready.pipelines.table[old].state is PipelineState.ACTIVE
    await look(ready, process)
    assert await sweep()
    assert ready.pipelines.table[old].state is PipelineState.DRAINING


@pytest.mark.parametrize(
    "error", [Blocked(Reason.STORE_REFUSED, "no"), Unavailable(Reason.STORE_UNAVAILABLE, "down")]
)
async def test_an_integration_that_may_not_or_cannot_be_asked_for_keeps_everything(
    ready: World, sweep: Sweep, error: Blocked | Unavailable
) -> None:
    force(ready)
    ready.integrations.fail = error
    with suppress(Unavailable):
        assert not await sweep()
    assert ready.pipeline.state is PipelineState.ACTIVE
    assert set(ready.secrets.records) == {ready.pipeline.id}


async def test_one_whose_integration_is_not_known_is_left_alone(ready: World, sweep: Sweep) -> None:
    ready.secrets.owners.clear()
    ready.pipelines.owners.clear()
    force(ready)
    assert not await sweep()
    assert ready.pipeline.state is PipelineState.ACTIVE


async def test_one_that_cannot_be_asked_for_does_not_shield_the_others(sweep: Sweep) -> None:
    class Partly(MemoryIntegrations):
        async def get(self, key: Key) -> None:
            if key.namespace == "hidden":
                raise Blocked(Reason.STORE_REFUSED, "may not be read")

    integrations, secrets, pipelines = Partly(), MemorySecrets(), MemoryPipelines()
    ids = [f"5bcfe642-0000-4000-8000-00000000000{number}" for number in range(2)]
    for pipeline_id, namespace in zip(ids, ("hidden", "shop"), strict=True):
        await pipelines.put(_paused(pipeline_id), of=Key(namespace, "one"))
    async with Plane(pipelines.table) as plane, Servers(plane.addresses, tokens=None) as servers:
        await Sweep(
            integrations=integrations,
            secrets=secrets,
            pipelines=pipelines,
            servers=servers,
            clock=lambda: 0.0,
        )()
    assert set(pipelines.table) == {ids[0]}


async def test_it_sweeps_at_once_and_again_soon_while_something_is_left(
    ready: World, sweep: Sweep
) -> None:
    force(ready)
    ready.secrets.fail = Unavailable(Reason.STORE_UNAVAILABLE, "down")
    stop = asyncio.Event()
    sweeping = asyncio.create_task(keep_sweeping(sweep, stop, interval=3600, soon=0.01))
    await asyncio.sleep(0)
    ready.secrets.fail = None
    await until(lambda: not ready.pipelines.table)
    stop.set()
    await sweeping


async def test_a_bug_it_meets_does_not_end_what_runs_beside_it(ready: World, sweep: Sweep) -> None:
    force(ready)
    ready.secrets.fail = RuntimeError("a bug")
    stop = asyncio.Event()
    with capture_logs() as logs:
        sweeping = asyncio.create_task(keep_sweeping(sweep, stop, interval=0.01, soon=3600))
        await until(lambda: logs)
        ready.secrets.fail = None
        await until(lambda: ready.pipeline.state is PipelineState.DRAINING)
    stop.set()
    await sweeping
    assert {each["event"] for each in logs if each["log_level"] == "error"} == {"sweep_failed"}


def _paused(pipeline_id: str) -> Pipeline:
    return Pipeline.model_validate(
        {
            "id": pipeline_id,
            "saleor": {"apiUrl": "https://shop.example.com/graphql/"},
            "events": ["ORDER_CREATED"],
            "segment": {},
            "salt": "00112233445566778899aabbccddeeff",
            "state": "Paused",
        }
    )
