"""Webhooks through the app's own token, on every Saleor we support."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import Saleor, Version, Webhook, WebhookDraft, drift
from saleor_segment_server.contract import Event, Tracking, subscription
from saleor_segment_server.outbound import Guard
from tests.control_plane.saleor.scripted import Clock
from tests.twins.saleor import App, SaleorTwin, SigningKey

MARKER = "0badcafe/shop/main"
DRAFTS = {
    event: WebhookDraft(
        event=event,
        name=f"{MARKER}/{event}",
        identifier=f"{MARKER}/{event}",
        target_url=f"https://hooks.example.com/webhooks/1/{event}",
        query=subscription(event, Tracking()),
    )
    for event in Event
}
DRAFT = DRAFTS[Event.ORDER_CREATED]


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@dataclass
class World:
    twin: SaleorTwin
    saleor: Saleor
    app: App
    version: Version

    @property
    def token(self) -> str:
        return self.app.token

    async def create(self, draft: WebhookDraft = DRAFT) -> Webhook:
        return await self.saleor.create_webhook(self.token, draft, version=self.version)

    async def seen(self) -> tuple[Webhook, ...]:
        own = await self.saleor.own_app(self.token)
        assert own is not None
        return own.webhooks


@pytest.fixture(params=["3.20.119", "3.22.67", "3.23.28", "3.24.0-a.0"])
async def world(
    request: pytest.FixtureRequest, clock: Clock, key: SigningKey
) -> AsyncIterator[World]:
    guard = Guard(allow_loopback=True)
    async with (
        SaleorTwin(version=request.param, key=key) as twin,
        Saleor(twin.api_url, guard=guard, clock=clock) as saleor,
    ):
        app = twin.app("ours")
        yield World(twin, saleor, app, await saleor.version(app.token))


async def test_webhooks_are_created_disabled_and_as_they_should_be(world: World) -> None:
    made = [await world.create(draft) for draft in DRAFTS.values()]
    assert list(await world.seen()) == made
    for draft, webhook in zip(DRAFTS.values(), made, strict=True):
        assert drift(draft, webhook) == ()
        assert not webhook.is_active
        assert webhook.takes_identifier is world.version.has_webhook_identifiers


async def test_webhooks_are_enabled_and_disabled_in_batches(world: World) -> None:
    ids = [(await world.create(draft)).id for draft in DRAFTS.values()]
    ids.append((await world.create(replace(DRAFT, identifier="one more"))).id)
    for active in (True, False):
        await world.saleor.set_webhooks_active(world.token, ids, active)
        assert {webhook.is_active for webhook in await world.seen()} == {active}
    await world.saleor.set_webhooks_active(world.token, ids[:1], True)
    assert [webhook.is_active for webhook in await world.seen()] == [True, *[False] * len(Event)]
    await world.saleor.set_webhooks_active(world.token, [], True)


async def test_an_enabled_webhook_hears_its_event(world: World) -> None:
    world.twin.fail(hold_deliveries=True)
    webhook = await world.create()
    world.twin.shop.place_order()
    assert world.twin.deliveries == []
    await world.saleor.set_webhooks_active(world.token, [webhook.id], True)
    world.twin.shop.place_order()
    assert [delivery.event for delivery in world.twin.deliveries] == ["ORDER_CREATED"]


@pytest.mark.parametrize("active", [True, False])
async def test_what_a_hand_changed_is_put_right_and_the_switch_left(
    world: World, *, active: bool
) -> None:
    made = await world.create()
    (theirs,) = world.app.webhooks
    theirs.name, theirs.identifier = "mine", None
    theirs.target_url = "https://elsewhere.example.com"
    theirs.events = ("ORDER_CANCELLED", "ORDER_CREATED")
    theirs.secret_key, theirs.headers = "shared", {"x-mine": "1"}
    theirs.is_active = active
    (changed,) = await world.seen()
    identifier = {"identifier"} if world.version.has_webhook_identifiers else set()
    assert set(drift(DRAFT, changed)) == identifier | {
        "name",
        "target URL",
        "event",
        "custom headers",
        "secret key",
    }
    mended = await world.saleor.update_webhook(world.token, made.id, DRAFT, version=world.version)
    assert drift(DRAFT, mended) == ()
    assert mended.is_active is active
    assert await world.seen() == (mended,)


async def test_a_webhook_moves_to_another_event(world: World) -> None:
    made = await world.create()
    other = DRAFTS[Event.ORDER_REFUNDED]
    moved = await world.saleor.update_webhook(world.token, made.id, other, version=world.version)
    assert moved.id == made.id
    assert moved.events == ("ORDER_REFUNDED",)
    assert drift(other, moved) == ()


async def test_a_webhook_is_deleted_twice(world: World) -> None:
    made = await world.create()
    for _ in range(2):
        await world.saleor.delete_webhook(world.token, made.id)
        assert await world.seen() == ()


async def test_a_webhook_of_another_app_is_not_touched(world: World) -> None:
    other = world.twin.app("theirs")
    webhook = world.twin.webhook(other, "ORDER_CREATED", "https://theirs.example.com", DRAFT.query)
    for attempt in (
        world.saleor.update_webhook(world.token, webhook.id, DRAFT, version=world.version),
        world.saleor.set_webhooks_active(world.token, [webhook.id], False),
    ):
        with pytest.raises(Unavailable) as caught:
            await attempt
        assert caught.value.reason == Reason.WEBHOOKS_INCOMPLETE
    await world.saleor.delete_webhook(world.token, webhook.id)
    assert other.webhooks == [webhook]
    assert webhook.is_active


async def test_a_webhook_created_twice_is_looked_at_again(world: World) -> None:
    await world.create()
    if not world.version.has_webhook_identifiers:
        await world.create()  # nothing but its name tells
        assert len(await world.seen()) == 2
        return
    with pytest.raises(Unavailable) as caught:
        await world.create()
    assert caught.value.reason == Reason.WEBHOOKS_INCOMPLETE


@pytest.mark.parametrize("url", ["ftp://hooks.example.com", f"https://h.example.com/{'x' * 255}"])
async def test_an_address_that_saleor_refuses_is_named(world: World, url: str) -> None:
    with pytest.raises(Blocked) as caught:
        await world.create(replace(DRAFT, target_url=url))
    assert caught.value.reason == Reason.WEBHOOK_REFUSED
    assert url in str(caught.value)


async def test_a_deleted_app_creates_nothing(world: World) -> None:
    world.app.is_active = False
    with pytest.raises(Blocked) as caught:
        await world.create()
    assert caught.value.reason == Reason.TOKEN_REJECTED
