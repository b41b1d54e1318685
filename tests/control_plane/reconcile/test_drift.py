"""What somebody changes in Saleor by hand, and how it comes back."""

from collections.abc import Callable

import pytest

from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_server.contract import Event, Tracking, subscription
from tests.control_plane.reconcile.harness import (
    KEY,
    MARKER,
    PUBLIC_URL,
    Process,
    World,
    a_world,
    running,
)

OTHER_QUERY = "subscription { event { ... on OrderCreated { order { id } } } }"


def disable(world: World) -> None:
    world.webhooks()[0].is_active = False


def delete(world: World) -> None:
    del world.app.webhooks[0]


def rename(world: World) -> None:
    world.webhooks()[0].name = "tidied up"


def reidentify(world: World) -> None:
    world.webhooks()[0].identifier = "tidied.up"


def retarget(world: World) -> None:
    world.webhooks()[0].target_url = "https://elsewhere.example.com/"


def requery(world: World) -> None:
    webhook = world.webhooks()[0]
    webhook.subscription = type(webhook.subscription).parse(OTHER_QUERY, world.saleor.state.schema)


def resubscribe(world: World) -> None:
    world.webhooks()[0].events = ("ORDER_CREATED", "ORDER_EXPIRED")


def add_headers(world: World) -> None:
    world.webhooks()[0].headers["x-extra"] = "1"


def sign_otherwise(world: World) -> None:
    world.webhooks()[0].secret_key = "shared"


def double(world: World) -> None:
    first = world.webhooks()[0]
    twice = world.saleor.webhook(
        world.app, "ORDER_CREATED", first.target_url, first.subscription_query
    )
    twice.name = first.name


def everything(world: World) -> None:
    delete(world)
    first, second, third, _ = world.webhooks()
    first.is_active = False
    second.target_url = third.target_url
    third.name = first.name


def forget_all(world: World) -> None:
    world.app.webhooks.clear()


DRIFTS: dict[Callable[[World], None], str] = {
    disable: "ORDER_CREATED was disabled",
    delete: "ORDER_CREATED was deleted",
    rename: "ORDER_CREATED differed in name",
    reidentify: "ORDER_CREATED differed in identifier",
    retarget: "ORDER_CREATED differed in target URL",
    requery: "ORDER_CREATED differed in query",
    resubscribe: "ORDER_CREATED differed in event",
    add_headers: "ORDER_CREATED differed in custom headers",
    sign_otherwise: "ORDER_CREATED differed in secret key",
    double: "was one too many",
    everything: "ORDER_CREATED was deleted",
    forget_all: "ORDER_REFUNDED was deleted",
}


def shape(world: World) -> list[tuple[object, ...]]:
    return sorted(
        (
            webhook.name,
            webhook.identifier,
            webhook.target_url,
            webhook.events,
            webhook.subscription_query,
            webhook.is_active,
            webhook.secret_key or None,
            tuple(webhook.headers),
        )
        for webhook in world.app.webhooks
    )


WITHOUT_IDENTIFIERS = [rename, retarget, double, everything]
"""Those that are told apart otherwise by Saleor before 3.23, which keeps no identifiers."""


@pytest.mark.parametrize(
    ("version", "drift"),
    [
        *(("3.23.28", drift) for drift in DRIFTS),
        *(("3.20.119", drift) for drift in WITHOUT_IDENTIFIERS),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_what_was_changed_by_hand_comes_back_and_is_told(
    version: str, drift: Callable[[World], None]
) -> None:
    async with a_world(version) as world, running(world) as process:
        world.integrations.apply(KEY, world.spec())
        await process.work()
        before = shape(world)
        world.integrations.announcements.clear()
        drift(world)
        await process.work()
        assert world.is_ready
        assert shape(world) == before
        told = [
            each
            for each in world.integrations.announcements
            if each.reason != Reason.WEBHOOKS_ENABLED  # one that was made anew was
        ]
        assert {each.reason for each in told} == {Reason.DRIFT_CORRECTED}
        assert DRIFTS[drift] in " ".join(each.message for each in told)


async def test_nothing_is_changed_where_nothing_differs(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.steps.clear()
    world.saleor.mutations.clear()
    published = world.integration
    assert await process.once() == 300
    assert world.steps == []
    assert set(world.saleor.mutations) <= {"tokenCreate", "tokenRefresh"}
    assert world.integration is published


async def test_a_change_of_ours_is_no_drift(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.integrations.announcements.clear()
    world.integrations.apply(KEY, world.spec(tracking={"anonymousIdKey": "anonymous"}))
    await process.work()
    wanted = subscription(Event.ORDER_CREATED, Tracking(anonymous_id_key="anonymous"))
    assert world.webhooks()[0].subscription_query == wanted
    assert world.is_ready
    assert world.announced == []


async def test_webhooks_of_others_on_the_app_are_left_alone(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    query = subscription(Event.ORDER_CREATED, Tracking())
    theirs = world.saleor.webhook(
        world.app, "ORDER_CREATED", f"{PUBLIC_URL}/webhooks/another/ORDER_CREATED", query
    )
    theirs.name = f"{MARKER}-2/ORDER_CREATED"
    world.steps.clear()
    await process.work()
    assert theirs in world.app.webhooks
    assert world.steps == []


async def test_an_app_deactivated_by_hand_is_told_and_left_so(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    app = world.app
    app.is_active = False
    await process.work()
    assert world.says(ConditionType.APP_REGISTERED) == ("False", Reason.APP_DEACTIVATED)
    assert not app.is_active
    assert world.saleor.mutations.count("appCreate") == 1
    app.is_active = True
    await process.work()
    assert world.is_ready


async def test_while_suspended_nothing_is_changed_in_saleor(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.integrations.apply(KEY, world.spec(suspend=True))
    await process.work()
    world.saleor.mutations.clear()
    disable(world)
    delete(world)
    await process.work()
    assert set(world.saleor.mutations) <= {"tokenCreate", "tokenRefresh"}
    assert world.says(ConditionType.WEBHOOKS_ENABLED) == ("False", Reason.SUSPENDED)
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.is_ready


async def test_somebody_who_changes_it_back_each_time_slows_us_down(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    waited = 0.0
    for _ in range(40):
        disable(world)
        delay = await process.once()
        assert delay is not None
        waited += delay
    assert waited > 300
