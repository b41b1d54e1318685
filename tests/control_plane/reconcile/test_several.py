"""Several integrations of one shop: each with an app, a Pipeline and a source of its own."""

from typing import Any

from saleor_segment_operator.resource import Key
from saleor_segment_server.contract import Event, Pipeline
from tests.control_plane.reconcile.harness import KEY, PASSWORD, PUBLIC_URL, Process, World
from tests.ports.memory import INSTALLATION
from tests.twins.saleor import App

OTHER = Key("shop", "second-source")


async def both(world: World, process: Process, **other: Any) -> tuple[App, App]:
    """Have a second integration of the shop, to another source; return the apps of both."""
    world.secret("second", writeKey="key-two")
    segment = {"writeKeySecretRef": {"name": "second"}, "region": "EU"}
    world.integrations.apply(KEY, world.spec())
    world.integrations.apply(OTHER, world.spec(segment=segment, **other))
    for key in (KEY, OTHER, KEY):
        await process.work(key)
        assert is_ready(world, key)
    return app_of(world, KEY), app_of(world, OTHER)


def is_ready(world: World, key: Key) -> bool:
    return world.integrations.objects[key].status.conditions[0].status.value == "True"


def app_of(world: World, key: Key) -> App:
    (app,) = (app for app in world.saleor.apps if app.identifier == f"{INSTALLATION.id}/{key}")
    return app


def pipeline_of(world: World, key: Key) -> Pipeline:
    return world.pipelines.table[world.integrations.objects[key].uid]


def write_key(pipeline: Pipeline) -> str:
    assert pipeline.segment.write_key is not None
    return pipeline.segment.write_key.get_secret_value()


async def test_each_has_an_app_of_its_own_with_webhooks_of_its_own(
    world: World, process: Process
) -> None:
    apps = await both(world, process, events=["ORDER_CREATED"])
    assert [app.name for app in apps] == ["Segment shop/main-shop", "Segment shop/second-source"]
    assert [len(app.webhooks) for app in apps] == [5, 1]
    assert world.saleor.mutations.count("appCreate") == 2
    for key, app in zip((KEY, OTHER), apps, strict=True):
        uid = world.integrations.objects[key].uid
        assert app.token == world.secrets.records[uid].token
        for webhook in app.webhooks:
            assert webhook.target_url == f"{PUBLIC_URL}/webhooks/{uid}/{webhook.events[0]}"


async def test_each_has_a_pipeline_of_its_own_so_that_no_message_is_taken_for_the_others(
    world: World, process: Process
) -> None:
    apps = await both(world, process, tracking={"channels": ["channel-pln"], "naming": "Spec"})
    one, two = pipeline_of(world, KEY), pipeline_of(world, OTHER)
    assert one.id != two.id  # of which every message id is made
    assert one.salt == two.salt
    assert (one.saleor.app_ids, two.saleor.app_ids) == ((apps[0].id,), (apps[1].id,))
    assert (write_key(one), write_key(two)) == ("key-one", "key-two")
    assert one.segment.endpoint != two.segment.endpoint
    assert (one.tracking.channels, two.tracking.channels) == ((), ("channel-pln",))


async def test_a_permission_that_one_needs_is_given_to_its_app_alone(
    world: World, process: Process
) -> None:
    world.saleor.staff(
        "wide@example.com", PASSWORD, ("MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_USERS")
    )
    world.secret("saleor-staff", email="wide@example.com", password=PASSWORD)
    one, two = await both(world, process, events=["CUSTOMER_UPDATED"])
    assert (one.permissions, two.permissions) == (("MANAGE_ORDERS",), ("MANAGE_USERS",))
    assert pipeline_of(world, OTHER).events == (Event.CUSTOMER_UPDATED,)


async def test_what_is_changed_by_hand_in_one_is_put_right_in_that_one(
    world: World, process: Process
) -> None:
    one, two = await both(world, process)
    one.webhooks[0].is_active = False
    two.webhooks.clear()
    world.steps.clear()
    await process.work(KEY)
    assert (world.steps, two.webhooks) == (["SwitchWebhooks"], [])
    await process.work(OTHER)
    assert [webhook.is_active for webhook in two.webhooks] == [True] * 5


async def test_one_that_leaves_takes_nothing_of_the_other_along(
    world: World, process: Process
) -> None:
    one, two = await both(world, process)
    world.integrations.delete(OTHER, world.clock.moment)
    await process.work(OTHER)
    assert OTHER not in world.integrations.objects
    assert world.saleor.apps == [one]
    assert two.removed_at is not None
    assert list(world.pipelines.table) == [world.integration.uid]
    assert list(world.secrets.records) == [world.integration.uid]
    world.steps.clear()
    await process.work(KEY)
    assert world.steps == []
    assert all(webhook.is_active for webhook in one.webhooks)


async def test_two_may_use_one_existing_app_each_with_webhooks_of_its_own(
    world: World, process: Process
) -> None:
    app = world.saleor.app("theirs", ("MANAGE_ORDERS",))
    world.secret("my-app", token=app.token)
    world.integrations.apply(KEY, world.existing())
    world.integrations.apply(OTHER, world.existing(events=["ORDER_CREATED"]))
    for key in (KEY, OTHER, KEY):
        await process.work(key)
    assert len(app.webhooks) == 6
    assert len({webhook.target_url for webhook in app.webhooks}) == 6
    world.steps.clear()
    world.integrations.delete(KEY, world.clock.moment)
    await process.work(KEY)
    assert [webhook.name for webhook in app.webhooks] == [
        f"{INSTALLATION.id}/{OTHER}/ORDER_CREATED"
    ]
