"""What a shop's deliveries are told genuine by: its keys, and the address it gives itself."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from saleor_segment_operator.reconcile import trust
from saleor_segment_operator.reconcile.state import Desired, Observed
from saleor_segment_operator.resource import ConditionType, Integration, Reason, Spec
from tests.control_plane.reconcile.harness import KEY, READY, Process, World, a_world, running
from tests.ports.memory import INSTALLATION

WEBHOOKS = ConditionType.WEBHOOKS_ENABLED
SHOP = "https://shop.example.com"
OTHER = "https://other.example.com"
UID = "5bcfe642-0000-4000-8000-000000000001"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def are_enabled(world: World) -> list[bool]:
    return [webhook.is_active for webhook in world.webhooks()]


async def test_the_pipeline_takes_the_address_the_shop_gives_itself() -> None:
    async with a_world(shop_url=SHOP) as world, running(world) as process:
        world.integrations.apply(KEY, world.spec())
        await process.work()
        assert world.is_ready
        assert world.pipeline.saleor.public_url == SHOP
        assert world.pipeline.saleor.claimed_api_url == world.saleor.state.public_api_url


async def test_a_shop_that_is_called_what_it_calls_itself_needs_no_other_address(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.pipeline.saleor.public_url is None
    assert world.pipeline.saleor.claimed_api_url == world.saleor.state.public_api_url


async def test_the_pipeline_follows_a_shop_that_calls_itself_otherwise(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.saleor.state.public_url = OTHER
    await process.work()
    assert world.is_ready
    assert world.pipeline.saleor.claimed_api_url == world.saleor.state.public_api_url


async def test_a_public_url_that_is_the_shops_is_used() -> None:
    async with a_world(shop_url=SHOP) as world, running(world) as process:
        world.integrations.apply(KEY, world.of_shop("https://Shop.example.com"))
        await process.work()
        assert world.is_ready
        assert world.pipeline.saleor.claimed_api_url == world.saleor.state.public_api_url


async def test_webhooks_are_not_enabled_under_a_public_url_that_is_not_the_shops() -> None:
    async with a_world(shop_url=SHOP) as world, running(world) as process:
        world.integrations.apply(KEY, world.of_shop(OTHER))
        assert await process.work() == 300
        assert are_enabled(world) == [False] * 5
        for name in WEBHOOKS, READY:
            assert world.says(name) == ("False", Reason.PUBLIC_URL_MISMATCH)
            message = world.condition(name).message
            assert all(words in message for words in ("spec.saleor.publicUrl", OTHER, SHOP))
        world.saleor.state.public_url = OTHER
        await process.work()
        assert world.is_ready
        assert are_enabled(world) == [True] * 5


async def test_enabled_webhooks_stay_so_when_the_shop_changes_its_address(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.of_shop(world.saleor.origin))
    await process.work()
    assert world.is_ready
    world.saleor.state.public_url = OTHER
    world.steps.clear()
    assert await process.work() == 300
    assert world.says(WEBHOOKS) == ("False", Reason.PUBLIC_URL_MISMATCH)
    assert are_enabled(world) == [True] * 5
    assert world.steps == []


async def test_webhooks_are_not_enabled_before_the_keys_were_read(world: World) -> None:
    world.integrations.apply(KEY, world.spec())
    world.saleor.fail(jwks_down=True)
    async with running(world) as process:
        delays = [delay async for delay in passes(process, 14) if delay > 1]
        assert delays == sorted(delays)
        assert delays[-1] == 45  # a minute, spread
        assert are_enabled(world) == [False] * 5
        for name in WEBHOOKS, READY:
            assert world.says(name) == ("False", Reason.KEYS_UNREADABLE)
            assert world.saleor.jwks_url in world.condition(name).message
        world.saleor.heal()
        await process.work()
    assert world.is_ready
    assert are_enabled(world) == [True] * 5


async def passes(process: Process, times: int) -> AsyncIterator[float]:
    for _ in range(times):
        delay = await process.once()
        assert delay is not None
        process.world.clock.now += delay
        yield delay


async def test_keys_read_once_are_enough(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.saleor.fail(jwks_down=True)
    for webhook in world.webhooks():
        webhook.is_active = False
    async with running(world) as fresh:
        assert await fresh.work() == 300
    assert world.is_ready
    assert are_enabled(world) == [True] * 5


def desired_of(public_url: str | None = None) -> Desired:
    spec = Spec.model_validate(
        {
            "saleor": {
                "apiUrl": "http://saleor.shop:8000/graphql/",
                "publicUrl": public_url,
                "app": {"existing": {"tokenSecretRef": {"name": "token"}}},
            },
            "segment": {"writeKeySecretRef": {"name": "segment"}},
        }
    )
    return Desired.of(Integration(KEY, UID, 1, spec), spec, INSTALLATION, "https://h.example.com")


@pytest.mark.parametrize(
    ("given", "own", "before", "used"),
    [
        (None, None, None, None),
        (None, None, SHOP, SHOP),
        (None, SHOP, None, SHOP),
        (None, SHOP, OTHER, SHOP),
        (None, "http://saleor.shop:8000", SHOP, None),
        (SHOP, None, None, SHOP),
        (SHOP, OTHER, OTHER, SHOP),
    ],
)
def test_what_is_given_goes_before_what_the_shop_says_and_that_before_what_was(
    given: str | None, own: str | None, before: str | None, used: str | None
) -> None:
    desired = desired_of(given)
    stored = desired.pipeline(app_ids=(), public_url=before, jwks=None, write_key=None, since=NOW)
    seen = Observed(integration=Integration(KEY, UID, 1, desired.spec), own_url=own)
    assert trust.public_url(desired, replace(seen, pipeline=stored)) == used


def test_a_shop_that_does_not_tell_its_address_is_taken_at_the_users_word() -> None:
    desired = desired_of(SHOP)
    seen = Observed(integration=Integration(KEY, UID, 1, desired.spec))
    assert trust.obstacle(desired, seen, None) is None
