"""From an integration that is asked to go to a shop without a trace of it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import RELEASE, ConditionType, Reason
from saleor_segment_operator.saleor.apps import UID_KEY
from saleor_segment_server.contract import Event, PipelineState, Tracking, subscription
from tests.control_plane.reconcile.harness import (
    KEY,
    MARKER,
    READY,
    Killed,
    Process,
    World,
    running,
)

MANAGED_STEPS = [
    "PublishPipeline",
    "SwitchWebhooks",
    "DeleteApp",
    "ForgetPipeline",
    "ForgetApp",
    "Release",
]
EXISTING_STEPS = [
    "PublishPipeline",
    "SwitchWebhooks",
    *["DeleteWebhook"] * 5,
    "ForgetPipeline",
    "ForgetApp",
    "Release",
]
CREATING = {"appCreate", "appTokenCreate", "webhookCreate"}


@pytest.fixture
async def managed(world: World, process: Process) -> World:
    """A world with a managed app, ready."""
    world.integrations.apply(KEY, world.spec())
    return await ready(world, process)


@pytest.fixture
async def existing(world: World, process: Process) -> World:
    """A world with an existing app, ready, which has a webhook of its own."""
    app = world.saleor.app("shop's own", ("MANAGE_ORDERS",), "shops.own")
    query = subscription(Event.ORDER_CREATED, Tracking())
    world.saleor.webhook(app, "ORDER_CREATED", "https://erp.example.com/", query)
    world.secret("my-app", token=app.token)
    world.integrations.apply(KEY, world.existing())
    return await ready(world, process)


async def ready(world: World, process: Process) -> World:
    await process.work()
    assert world.is_ready
    world.steps.clear()
    world.saleor.mutations.clear()
    world.integrations.announcements.clear()
    return world


def assert_nothing_is_left(world: World) -> None:
    assert world.gone
    assert world.pipelines.table == {}
    assert world.secrets.records == {}
    assert [app for app in world.saleor.apps if app.identifier == MARKER] == []
    assert CREATING.isdisjoint(world.saleor.mutations)


async def test_a_managed_app_goes_with_its_integration(managed: World, process: Process) -> None:
    managed.delete()
    assert await process.work() is None
    assert_nothing_is_left(managed)
    assert managed.steps == MANAGED_STEPS
    assert managed.announced == []


async def test_an_existing_app_stays_and_keeps_what_is_its_own(
    existing: World, process: Process
) -> None:
    (app,) = existing.saleor.apps
    existing.delete()
    assert await process.work() is None
    assert_nothing_is_left(existing)
    assert existing.steps == EXISTING_STEPS
    assert [webhook.target_url for webhook in app.webhooks] == ["https://erp.example.com/"]
    assert app.works


@pytest.mark.parametrize("killed", list(enumerate(MANAGED_STEPS)), ids=str)
async def test_killed_before_any_step_of_its_end_a_managed_app_still_goes(
    managed: World, killed: tuple[int, str]
) -> None:
    managed.kill_at, name = killed
    managed.delete()
    async with running(managed) as process:
        with pytest.raises(Killed):
            await process.work()
    assert managed.steps[-1] == name
    async with running(managed) as process:
        assert await process.work() is None
    assert_nothing_is_left(managed)
    assert managed.announced == []


@pytest.mark.parametrize("killed", list(enumerate(EXISTING_STEPS)), ids=str)
async def test_killed_before_any_step_of_its_end_an_existing_app_still_loses_our_webhooks(
    existing: World, killed: tuple[int, str]
) -> None:
    existing.kill_at, name = killed
    existing.delete()
    async with running(existing) as process:
        with pytest.raises(Killed):
            await process.work()
    assert existing.steps[-1] == name
    async with running(existing) as process:
        assert await process.work() is None
    assert_nothing_is_left(existing)
    (app,) = existing.saleor.apps
    assert len(app.webhooks) == 1


@pytest.mark.parametrize("step", range(11))
async def test_deleted_right_after_a_kill_while_it_was_made_it_leaves_nothing(
    world: World, step: int
) -> None:
    world.kill_at = step
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    world.saleor.mutations.clear()
    world.delete()
    async with running(world) as process:
        assert await process.work(patience=60) is None
    assert_nothing_is_left(world)
    assert world.announced in ([], [Reason.APP_CREATED])


async def test_orphan_leaves_the_app_with_its_webhooks_disabled(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(deletionPolicy="Orphan"))
    await ready(world, process)
    app = world.app
    world.delete()
    await process.work()
    assert world.gone
    assert app.works
    assert [webhook.is_active for webhook in app.webhooks] == [False] * 5
    assert world.announced == []


async def test_orphan_tells_of_webhooks_that_could_not_be_disabled(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(deletionPolicy="Orphan"))
    await ready(world, process)
    world.saleor.fail(graphql_down=True)
    world.delete()
    assert await process.work(patience=60) is None
    (told,) = world.integrations.announcements
    assert told.reason == Reason.ORPHANED
    assert 'the webhooks of app "Segment shop/main-shop"' in told.message


async def test_what_waits_is_sent_before_the_app_goes(managed: World, process: Process) -> None:
    managed.plane.tally(managed.pipeline.id).pending = 3
    managed.delete()
    await process.once()
    await process.once()
    assert managed.pipeline.state is PipelineState.DRAINING
    assert [webhook.is_active for webhook in managed.app.webhooks] == [False] * 5
    assert managed.says(READY) == ("False", Reason.DELETING)
    assert "3 events are still to be sent" in managed.condition(READY).message
    managed.plane.tally(managed.pipeline.id).pending = 0
    await process.work()
    assert_nothing_is_left(managed)
    assert managed.plane.buried == []


async def test_what_cannot_be_sent_within_ten_minutes_is_buried(
    managed: World, process: Process
) -> None:
    tally = managed.plane.tally(managed.pipeline.id)
    tally.pending = 3
    managed.delete()
    asked = managed.clock.now
    assert await process.work(passes=400) is None
    assert 600 <= managed.clock.now - asked < 610
    assert_nothing_is_left(managed)
    assert tally.dead == 3
    assert managed.announced == [Reason.BURIED]


@pytest.mark.parametrize(
    "stop", [lambda world: world.spec(suspend=True), lambda world: world.spec()]
)
async def test_what_waits_in_a_paused_pipeline_is_buried_at_once(
    managed: World, process: Process, stop: Callable[[World], dict[str, object]]
) -> None:
    managed.integrations.apply(KEY, stop(managed))
    if not managed.integration.spec.suspend:  # type: ignore[union-attr]
        del managed.secrets.users[KEY.namespace, "segment"]
    await process.work()
    assert managed.pipeline.state is PipelineState.PAUSED
    managed.plane.tally(managed.pipeline.id).pending = 3
    managed.delete()
    asked = managed.clock.now
    assert await process.work() is None
    assert managed.clock.now - asked < 5
    assert_nothing_is_left(managed)


async def test_without_the_staff_users_secret_the_app_is_left_behind_and_that_is_said(
    managed: World, process: Process
) -> None:
    app = managed.app
    managed.secrets.users.clear()  # as a namespace that goes does
    managed.delete()
    assert await process.work() is None
    assert managed.gone
    assert managed.pipelines.table == {}
    assert [webhook.is_active for webhook in app.webhooks] == [False] * 5
    assert managed.announced == [Reason.ORPHANED]
    assert app.name in managed.integrations.announcements[0].message
    assert process.reconciler.orphaned == 1


async def test_without_an_existing_apps_token_its_webhooks_are_left_behind(
    existing: World, process: Process
) -> None:
    existing.secrets.users.clear()
    existing.delete()
    assert await process.work() is None
    assert existing.gone
    assert existing.announced == [Reason.ORPHANED]
    assert MARKER in existing.integrations.announcements[0].message


@pytest.mark.parametrize("data", [None, {"token": "never-worked"}])
async def test_an_existing_app_whose_token_never_worked_leaves_nothing_to_delete(
    world: World, process: Process, data: dict[str, str] | None
) -> None:
    if data is not None:
        world.secret("my-app", **data)
    world.integrations.apply(KEY, world.existing())
    await process.work()
    world.integrations.announcements.clear()
    world.delete()
    assert await process.work(patience=60) is None
    assert_nothing_is_left(world)
    assert world.announced == []
    assert process.reconciler.orphaned == 0


async def test_a_saleor_that_stays_away_is_waited_for_a_quarter_of_an_hour(
    managed: World, process: Process
) -> None:
    managed.saleor.fail(graphql_down=True)
    managed.delete()
    asked = managed.clock.now
    assert await process.work(patience=60) is None
    assert 900 <= managed.clock.now - asked < 970
    assert managed.gone
    assert managed.announced == [Reason.ORPHANED]


async def test_a_saleor_that_comes_back_is_cleaned_up(managed: World, process: Process) -> None:
    managed.saleor.fail(graphql_down=True)
    managed.delete()
    for _ in range(5):
        managed.clock.now += await process.once() or 0
    assert managed.says(READY) == ("False", Reason.DELETING)
    managed.saleor.heal()
    assert await process.work(patience=60) is None
    assert_nothing_is_left(managed)


async def test_servers_that_stay_away_do_not_hold_it_for_ever(
    managed: World, process: Process
) -> None:
    managed.plane.down = True
    managed.delete()
    asked = managed.clock.now
    assert await process.work(patience=60, passes=400) is None
    assert 600 <= managed.clock.now - asked < 670
    assert_nothing_is_left(managed)


async def test_a_deletion_asked_while_no_operator_ran_gets_its_time_all_the_same(
    managed: World,
) -> None:
    managed.plane.tally(managed.pipeline.id).pending = 3
    managed.delete()
    managed.clock.now += 3600
    async with running(managed) as process:
        await process.once()
        await process.once()
        assert managed.pipeline.state is PipelineState.DRAINING
        managed.plane.tally(managed.pipeline.id).pending = 0
        assert await process.work() is None
    assert_nothing_is_left(managed)
    assert managed.announced == []


async def test_without_record_and_credentials_an_app_that_was_there_is_not_forgotten_silently(
    managed: World, process: Process
) -> None:
    managed.secrets.users.clear()
    managed.secrets.records.clear()
    managed.delete()
    assert await process.work() is None
    assert managed.announced == [Reason.ORPHANED]


async def test_a_server_that_never_held_the_pipeline_is_asked_again_soon(
    managed: World, process: Process
) -> None:
    managed.plane.reads, managed.plane.held = False, {}
    managed.delete()
    await process.once()
    assert await process.once() == 2
    managed.plane.reads = True
    assert await process.work() is None
    assert_nothing_is_left(managed)


async def test_wrong_credentials_are_waited_for_and_then_left(
    managed: World, process: Process
) -> None:
    managed.secret("saleor-staff", email="staff@example.com", password="wrong")
    managed.delete()
    asked = managed.clock.now
    assert await process.work(patience=60, passes=100) is None
    assert managed.clock.now - asked >= 900
    assert managed.gone
    assert managed.announced == [Reason.ORPHANED]


async def test_wrong_credentials_that_are_mended_in_time_delete_the_app(
    managed: World, process: Process
) -> None:
    managed.secret("saleor-staff", email="staff@example.com", password="wrong")
    managed.delete()
    await process.work()
    managed.clock.now += 30  # the throttle of logins
    managed.secret("saleor-staff", email="staff@example.com", password="password")
    assert await process.work(patience=60) is None
    assert_nothing_is_left(managed)


async def test_a_lost_token_is_not_made_anew_to_say_farewell(
    managed: World, process: Process
) -> None:
    managed.secrets.records.clear()
    managed.delete()
    assert await process.work() is None
    assert_nothing_is_left(managed)


async def test_what_is_gone_already_counts_as_done(managed: World, process: Process) -> None:
    managed.app.removed_at = managed.clock.moment
    managed.pipelines.table.clear()
    managed.delete()
    assert await process.work() is None
    assert_nothing_is_left(managed)
    assert managed.announced == []


async def test_an_existing_app_that_is_gone_holds_nobody(existing: World, process: Process) -> None:
    (app,) = existing.saleor.apps
    app.removed_at = existing.clock.moment
    existing.delete()
    assert await process.work() is None
    assert existing.gone
    assert existing.announced == [Reason.ORPHANED]


async def test_the_release_annotation_lets_go_at_once_whatever_is_broken(
    managed: World, process: Process
) -> None:
    managed.saleor.fail(graphql_down=True)
    managed.plane.down = True
    managed.pipelines.fail = Unavailable(Reason.STORE_UNAVAILABLE, "no answer")
    managed.secrets.fail = Unavailable(Reason.STORE_UNAVAILABLE, "no answer")
    managed.integrations.objects[KEY] = replace(managed.integration, annotations={RELEASE: "true"})
    managed.delete()
    assert await process.work() is None
    assert managed.gone
    assert managed.announced == [Reason.RELEASED]


async def test_the_release_annotation_means_nothing_before_deletion(
    managed: World, process: Process
) -> None:
    managed.integrations.objects[KEY] = replace(managed.integration, annotations={RELEASE: "true"})
    await process.work()
    assert managed.is_ready


async def test_an_app_of_another_integration_is_never_deleted(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.once()
    stranger = world.saleor.app("another's", ("MANAGE_ORDERS",), MARKER)
    stranger.metadata[UID_KEY] = "ffffffff-0000-4000-8000-000000000000"
    world.delete()
    assert await process.work() is None
    assert world.gone
    assert stranger.works


async def test_an_invalid_spec_does_not_hold_it(managed: World, process: Process) -> None:
    managed.integrations.apply(KEY, managed.spec(events=[]))
    managed.delete()
    assert await process.work() is None
    assert managed.gone
    assert managed.pipelines.table == {}
    assert managed.announced == [Reason.ORPHANED]


async def test_one_that_was_never_held_just_goes(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    world.delete()
    assert await process.work() is None
    assert world.saleor.mutations == []


async def test_its_end_is_told_of_every_condition(managed: World, process: Process) -> None:
    managed.plane.tally(managed.pipeline.id).pending = 1
    managed.delete()
    await process.once()
    assert {each.type for each in managed.status.conditions} == set(ConditionType)
    assert managed.status.delivery is not None
    assert managed.status.delivery.pending == 1


async def test_an_app_that_appears_late_after_an_interrupted_creation_is_deleted_too(
    world: World,
) -> None:
    world.kill_at = 2
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    world.delete()
    async with running(world) as process:
        assert await process.work() == 60
        world.saleor.app("Segment", ("MANAGE_ORDERS",), MARKER)
        assert await process.work(patience=60) is None
    assert_nothing_is_left(world)
