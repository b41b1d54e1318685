"""From an integration that was just applied to orders that reach Segment."""

import pytest

from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_server.contract import Event, PipelineState, Tracking, subscription
from tests.control_plane.reconcile.harness import (
    KEY,
    MARKER,
    PUBLIC_URL,
    Killed,
    Process,
    World,
    a_world,
    running,
)
from tests.ports.memory import INSTALLATION

DEFAULT = tuple(Event)[:5]
MANAGED_STEPS = [
    "Hold",
    "NoteCreation",
    "CreateApp",
    "StoreToken",
    *["CreateWebhook"] * 5,
    "PublishPipeline",
    "SwitchWebhooks",
]
EXISTING_STEPS = ["Hold", *["CreateWebhook"] * 5, "PublishPipeline", "SwitchWebhooks"]


def apply_existing(world: World) -> str:
    """Let the integration use an app that exists; return its id."""
    app = world.saleor.app("shop's own", ("MANAGE_ORDERS", "MANAGE_PRODUCTS"), "shops.own")
    world.secret("my-app", token=app.token)
    world.integrations.apply(KEY, world.existing())
    return app.id


async def test_a_managed_app_is_created_and_everything_else_made_for_it(
    world: World, process: Process
) -> None:
    integration = world.integrations.apply(KEY, world.spec())
    assert await process.work() == 300
    assert world.is_ready
    assert world.steps == MANAGED_STEPS
    assert world.integration.held
    app = world.app
    assert (app.name, app.permissions) == ("Segment shop/main-shop", ("MANAGE_ORDERS",))
    assert world.secrets.records == {integration.uid: AppRecord(app_id=app.id, token=app.token)}
    assert world.announced == [Reason.APP_CREATED, Reason.WEBHOOKS_ENABLED]


async def test_every_event_gets_one_enabled_webhook(world: World, process: Process) -> None:
    integration = world.integrations.apply(KEY, world.spec())
    await process.work()
    for event, webhook in zip(DEFAULT, world.webhooks(), strict=True):
        assert webhook.events == (event,)
        assert webhook.identifier == webhook.name == f"{MARKER}/{event}"
        assert webhook.target_url == f"{PUBLIC_URL}/webhooks/{integration.uid}/{event}"
        assert webhook.subscription_query == subscription(event, Tracking())
        assert webhook.is_active


async def test_the_pipeline_says_all_that_the_servers_need(world: World, process: Process) -> None:
    integration = world.integrations.apply(KEY, world.spec())
    asked = world.clock.moment
    await process.work()
    pipeline = world.pipeline
    assert pipeline.id == integration.uid
    assert pipeline.saleor.api_url == world.saleor.api_url
    assert pipeline.saleor.app_ids == (world.app.id,)
    assert pipeline.saleor.jwks == world.saleor.state.accounts.key.jwks
    assert pipeline.segment.write_key is not None
    assert pipeline.segment.write_key.get_secret_value() == "key-one"
    assert pipeline.salt == INSTALLATION.salt
    assert pipeline.state is PipelineState.ACTIVE
    assert pipeline.since is not None
    assert asked <= pipeline.since <= world.clock.moment


async def test_the_status_tells_what_was_made(world: World, process: Process) -> None:
    integration = world.integrations.apply(KEY, world.spec())
    await process.work()
    status = world.status
    assert status.observed_generation == integration.generation
    assert status.webhook_url == f"{PUBLIC_URL}/webhooks/{integration.uid}"
    assert (status.saleor.version, status.saleor.app_id) == ("3.23.28", world.app.id)
    assert [(each.event, each.id, each.active) for each in status.saleor.webhooks] == [
        (event, webhook.id, True) for event, webhook in zip(DEFAULT, world.webhooks(), strict=True)
    ]
    assert status.segment.endpoint == "https://api.segment.io"
    assert "key-one" not in str(status.document())
    assert {condition.type for condition in status.conditions} == set(ConditionType)
    assert {condition.observed_generation for condition in status.conditions} == {1}


async def test_webhooks_are_enabled_only_once_every_server_holds_the_pipeline(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    world.plane.reads = False
    with pytest.raises(AssertionError, match="no end"):
        await process.work(passes=20)
    assert [webhook.is_active for webhook in world.webhooks()] == [False] * 5
    assert world.says(ConditionType.PIPELINE_SYNCED) == ("False", Reason.PIPELINE_PENDING)
    assert world.says(ConditionType.WEBHOOKS_ENABLED) == ("False", Reason.WAITING)
    world.plane.reads = True
    await process.work()
    assert world.is_ready


async def test_an_existing_app_gets_webhooks_and_nothing_else(
    world: World, process: Process
) -> None:
    app_id = apply_existing(world)
    (app,) = world.saleor.apps
    query = subscription(Event.ORDER_CREATED, Tracking())
    theirs = world.saleor.webhook(app, "ORDER_CREATED", "https://erp.example.com/", query)
    await process.work()
    assert world.is_ready
    assert world.steps == EXISTING_STEPS
    assert world.pipeline.saleor.app_ids == (app_id,)
    assert len(app.webhooks) == 6
    assert (theirs.name, theirs.target_url) == ("ORDER_CREATED", "https://erp.example.com/")
    assert len(app.tokens) == 1
    assert app.metadata == {}
    assert world.secrets.records == {}


@pytest.mark.parametrize("version", ["3.20.119", "3.22.67", "3.24.0-a.0"])
async def test_it_works_with_older_and_newer_saleor(version: str) -> None:
    async with a_world(version) as world, running(world) as process:
        world.integrations.apply(KEY, world.spec())
        await process.work()
        assert world.is_ready
        assert world.status.saleor.version == version
        assert len(world.webhooks()) == 5


@pytest.mark.parametrize("killed", list(enumerate(MANAGED_STEPS)), ids=str)
async def test_killed_before_any_step_it_ends_ready_with_one_app(
    world: World, killed: tuple[int, str]
) -> None:
    world.kill_at, name = killed
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    assert world.steps[-1] == name
    async with running(world) as process:
        await process.work(patience=70)
    assert world.is_ready
    assert world.saleor.mutations.count("appCreate") == 1
    assert len(world.app.webhooks) == 5
    assert all(webhook.is_active for webhook in world.app.webhooks)
    assert world.secrets.records[world.integration.uid].app_id == world.app.id


@pytest.mark.parametrize("killed", list(enumerate(EXISTING_STEPS)), ids=str)
async def test_killed_before_any_step_an_existing_app_gets_each_webhook_once(
    world: World, killed: tuple[int, str]
) -> None:
    world.kill_at, name = killed
    apply_existing(world)
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    assert world.steps[-1] == name
    async with running(world) as process:
        await process.work()
    assert world.is_ready
    (app,) = world.saleor.apps
    assert [webhook.is_active for webhook in app.webhooks] == [True] * 5


async def test_an_app_whose_creation_was_not_answered_is_found_and_used(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    world.saleor.fail(lose_answer_to="appCreate")
    await process.once()
    await process.once()
    assert world.says(ConditionType.APP_REGISTERED) == ("False", Reason.SALEOR_UNREACHABLE)
    world.saleor.heal()
    await process.work()
    assert world.is_ready
    assert world.saleor.mutations.count("appCreate") == 1
    assert world.app.metadata  # its uid


async def test_after_an_interrupted_creation_saleor_is_searched_for_a_minute(
    world: World,
) -> None:
    world.kill_at = MANAGED_STEPS.index("CreateApp")
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    async with running(world) as process:
        assert await process.work() == 60
        assert world.says(ConditionType.APP_REGISTERED) == ("False", Reason.CREATE_PENDING)
        assert "appCreate" not in world.saleor.mutations
        world.clock.now += 60
        await process.work()
    assert world.is_ready


async def test_a_clock_that_was_set_back_does_not_make_the_search_last(
    world: World, process: Process
) -> None:
    integration = world.integrations.apply(KEY, world.spec())
    await process.once()
    in_the_future = world.clock.moment.replace(year=2036)
    world.secrets.records[integration.uid] = AppRecord(pending_since=in_the_future)
    await process.work()
    assert world.is_ready


async def test_an_app_left_by_a_former_integration_of_this_name_is_adopted(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    old = world.app
    del world.integrations.objects[KEY]  # as after a restore of the cluster, without a farewell
    world.secrets.records.clear()
    world.pipelines.table.clear()
    new = world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.is_ready
    assert world.app is old
    assert new.uid in old.metadata.values()
    assert {webhook.target_url.split("/")[-2] for webhook in old.webhooks} == {new.uid}
    assert Reason.APP_ADOPTED in world.announced


ADOPTING_STEPS = [
    "CreateToken",
    "StoreToken",
    "AdoptApp",
    *["UpdateWebhook"] * 5,
    "PublishPipeline",
]


@pytest.mark.parametrize("killed", list(enumerate(ADOPTING_STEPS)), ids=str)
async def test_killed_before_any_step_of_an_adoption_it_ends_ready_with_that_app(
    world: World, killed: tuple[int, str]
) -> None:
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        await process.work()
    old = world.app
    del world.integrations.objects[KEY]
    world.secrets.records.clear()
    world.pipelines.table.clear()
    world.steps.clear()
    world.kill_at, name = killed
    new = world.integrations.apply(KEY, world.spec())
    await world.integrations.hold(new, by=INSTALLATION.id)
    async with running(world) as process:
        with pytest.raises(Killed):
            await process.work()
    assert world.steps[-1] == name
    async with running(world) as process:
        await process.work()
    assert world.is_ready
    assert world.app is old
    assert new.uid in old.metadata.values()
    assert len(old.webhooks) == 5


async def test_an_app_of_another_living_integration_is_left_alone(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    app = world.app
    before = dict(app.metadata)
    other = world.integrations.objects.pop(KEY)
    world.integrations.objects[type(KEY)("shop", "renamed")] = other
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.says(ConditionType.APP_REGISTERED) == ("False", Reason.OWNED_BY_ANOTHER)
    assert app.metadata == before
    assert world.saleor.mutations.count("appCreate") == 1


async def test_a_lost_token_is_made_anew(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    app = world.app
    world.secrets.records.clear()
    await process.work()
    assert world.is_ready
    assert world.app is app
    assert world.secrets.records[world.integration.uid].token == app.tokens[-1].secret
    assert Reason.APP_TOKEN_CREATED in world.announced


async def test_a_managed_app_deleted_in_saleor_is_made_again(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    old = world.app
    old.removed_at, old.is_active = world.clock.moment, False
    await process.work()
    assert world.is_ready
    assert world.app is not old
    assert world.pipeline.saleor.app_ids == (world.app.id,)
    assert Reason.APP_GONE in world.announced


async def test_when_the_pipeline_began_is_kept(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    began = world.pipeline.since
    world.clock.now += 3600
    world.integrations.apply(KEY, world.spec(events=["ORDER_CREATED"]))
    await process.work()
    assert world.pipeline.events == (Event.ORDER_CREATED,)
    assert world.pipeline.since == began


async def test_events_that_are_no_longer_wanted_lose_their_webhooks(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.integrations.apply(KEY, world.spec(events=["ORDER_REFUNDED", "ORDER_CREATED"]))
    await process.work()
    assert world.is_ready
    assert sorted(webhook.events for webhook in world.webhooks()) == [
        ("ORDER_CREATED",),
        ("ORDER_REFUNDED",),
    ]
    assert Reason.DRIFT_CORRECTED not in world.announced
