"""A changed option: what it asks of Saleor, and what the servers are told."""

from typing import Any

import pytest

from saleor_segment_operator.resource import Reason
from saleor_segment_server.contract import Event, Tracking, permissions, subscription
from tests.control_plane.reconcile.harness import KEY, Process, World

ALL: dict[str, Any] = {
    "naming": "Spec",
    "names": {"ORDER_FULLY_PAID": "Order Paid"},
    "completedOn": "Confirmed",
    "updates": "Changed",
    "privacy": {"email": "Hashed", "name": "Plain", "phone": "Plain", "address": "Plain"},
    "identify": True,
    "userId": "Namespaced",
    "guest": "Anonymous",
    "anonymousIdKey": "ajs_anonymous_id",
    "channels": ["default-channel"],
    "consent": {"metadataKey": "consent", "categories": {"Advertising": "ads"}},
    "products": {"url": "https://shop.example.com/{slug}", "brandAttribute": "brand"},
}


def queries(world: World) -> dict[str, str]:
    return {webhook.events[0]: webhook.subscription_query for webhook in world.webhooks()}


def wanted(world: World, tracking: Tracking) -> dict[str, str]:
    events = world.pipeline.events
    held = permissions(events)
    return {event: subscription(event, tracking, held=held) for event in events}


@pytest.mark.parametrize(
    "changed", [*({name: ALL[name]} for name in ALL if name != "completedOn"), ALL]
)
async def test_a_changed_option_is_in_the_queries_and_told_to_the_servers(
    world: World, process: Process, changed: dict[str, Any]
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    began, ids = world.pipeline.since, {webhook.id for webhook in world.webhooks()}
    world.integrations.announcements.clear()
    world.integrations.apply(KEY, world.spec(tracking=changed))
    await process.work()
    tracking = Tracking.model_validate(changed)
    assert world.is_ready
    assert world.pipeline.tracking == tracking
    assert world.pipeline.since == began
    assert queries(world) == wanted(world, tracking)
    assert ids <= {webhook.id for webhook in world.webhooks()}
    assert Reason.DRIFT_CORRECTED not in world.announced
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert queries(world) == wanted(world, Tracking())


async def test_an_option_that_asks_nothing_else_of_saleor_changes_no_webhook(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.steps.clear()
    world.integrations.apply(KEY, world.spec(tracking={"names": {"ORDER_CREATED": "Placed"}}))
    await process.work()
    assert world.is_ready
    assert world.steps == ["PublishPipeline"]


@pytest.mark.parametrize(
    ("completed_on", "event"),
    [("Confirmed", Event.ORDER_CONFIRMED), ("FullyPaid", Event.ORDER_FULLY_PAID)],
)
async def test_the_event_that_completes_an_order_has_a_webhook_as_long_as_it_does(
    world: World, process: Process, completed_on: str, event: Event
) -> None:
    events = ["ORDER_CREATED", "ORDER_REFUNDED"]
    world.integrations.apply(KEY, world.spec(events=events))
    await process.work()
    completing = {"naming": "Spec", "completedOn": completed_on}
    world.integrations.apply(KEY, world.spec(events=events, tracking=completing))
    await process.work()
    assert world.is_ready
    assert world.pipeline.events == (Event.ORDER_CREATED, Event.ORDER_REFUNDED, event)
    assert list(queries(world)) == list(world.pipeline.events)
    assert all(webhook.is_active for webhook in world.webhooks())
    assert [each.event for each in world.status.saleor.webhooks] == list(world.pipeline.events)
    world.integrations.apply(KEY, world.spec(events=[*events, event], tracking=completing))
    world.steps.clear()
    await process.work()
    assert world.steps == []  # it was asked for already
    world.integrations.apply(KEY, world.spec(events=events))
    await process.work()
    assert list(queries(world)) == events


async def test_every_event_there_is_can_be_asked_for(world: World, process: Process) -> None:
    mighty = ("MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_CHECKOUTS", "MANAGE_USERS")
    world.saleor.staff("all@example.com", "password", mighty)
    world.secret("saleor-staff", email="all@example.com", password="password")
    world.integrations.apply(KEY, world.spec(events=list(Event), tracking=ALL))
    await process.work()
    assert world.is_ready
    assert queries(world) == wanted(world, Tracking.model_validate(ALL))
    assert set(queries(world)) == set(Event)
