"""What the app may: what its events need, given by a staff user who may give it."""

import pytest

from saleor_segment_operator.resource import ConditionType, Reason
from tests.control_plane.reconcile.harness import (
    EMAIL,
    KEY,
    PASSWORD,
    READY,
    Killed,
    Process,
    World,
    running,
)
from tests.twins.saleor import App

APP, CREDENTIALS = ConditionType.APP_REGISTERED, ConditionType.CREDENTIALS_VALID
MISSING = ("False", Reason.PERMISSION_MISSING)
ORDERS = ["ORDER_CREATED", "ORDER_REFUNDED"]
CUSTOMERS = ["ORDER_CREATED", "ORDER_REFUNDED", "CUSTOMER_CREATED", "CUSTOMER_UPDATED"]


def let_staff(world: World, *permissions: str) -> None:
    """Give the staff user these permissions and no others."""
    world.saleor.staff(EMAIL, PASSWORD, ("MANAGE_APPS", *permissions))


def events(app: App) -> list[str]:
    return [event for webhook in app.webhooks if webhook.is_active for event in webhook.events]


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (ORDERS, ("MANAGE_ORDERS",)),
        (["FULFILLMENT_CREATED"], ("MANAGE_ORDERS",)),
        (["CUSTOMER_CREATED"], ("MANAGE_USERS",)),
        (["CHECKOUT_CREATED", "ORDER_PAID"], ("MANAGE_CHECKOUTS", "MANAGE_ORDERS")),
        (CUSTOMERS, ("MANAGE_ORDERS", "MANAGE_USERS")),
    ],
)
async def test_an_app_is_created_with_what_its_events_need_and_no_more(
    world: World, process: Process, wanted: list[str], given: tuple[str, ...]
) -> None:
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_CHECKOUTS", "MANAGE_PRODUCTS")
    world.integrations.apply(KEY, world.spec(events=wanted))
    await process.work()
    assert world.is_ready
    assert world.app.permissions == given
    assert sorted(events(world.app)) == sorted(wanted)
    assert "GrantPermissions" not in world.steps


async def test_what_the_staff_user_may_not_give_is_named_and_given_once_it_may(
    world: World, process: Process
) -> None:
    let_staff(world, "MANAGE_ORDERS")
    world.integrations.apply(KEY, world.spec(events=CUSTOMERS))
    assert await process.work() == 300
    assert world.says(CREDENTIALS)[0] == "True"
    assert world.says(APP) == MISSING
    message = world.condition(APP).message
    assert "The staff user lacks MANAGE_USERS in Saleor" in message
    assert "grant it to the user" in message
    assert "leave out of spec.events" in message
    assert world.saleor.apps == []
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS")
    await process.work(patience=70)
    assert world.is_ready


async def test_events_that_need_more_come_later_and_nothing_is_taken_away(
    world: World, process: Process
) -> None:
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS", "MANAGE_PRODUCTS")
    world.integrations.apply(KEY, world.spec(events=ORDERS))
    await process.work()
    world.app.permissions = ("MANAGE_ORDERS", "MANAGE_PRODUCTS")  # a hand gave it more
    world.steps.clear()
    world.integrations.apply(KEY, world.spec(events=CUSTOMERS))
    await process.work()
    assert world.is_ready
    assert set(world.app.permissions) == {"MANAGE_ORDERS", "MANAGE_PRODUCTS", "MANAGE_USERS"}
    first, *rest = (step for step in world.steps if step != "PublishPipeline")
    assert (first, rest) == ("GrantPermissions", ["CreateWebhook"] * 2 + ["SwitchWebhooks"])
    (told,) = (
        each.message
        for each in world.integrations.announcements
        if each.reason is Reason.PERMISSIONS_GRANTED
    )
    assert told == 'App "Segment shop/main-shop" was given MANAGE_USERS, which its events need.'
    world.integrations.apply(KEY, world.spec(events=ORDERS))
    await process.work()
    assert world.is_ready
    assert "MANAGE_USERS" in world.app.permissions


async def test_until_more_can_be_given_the_events_that_need_no_more_flow(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(events=ORDERS))
    await process.work()
    world.integrations.apply(KEY, world.spec(events=CUSTOMERS))
    assert await process.work() == 300
    assert world.says(APP) == MISSING
    assert world.says(READY) == MISSING
    assert "lacks MANAGE_USERS" in world.condition(APP).message
    assert world.app.permissions == ("MANAGE_ORDERS",)
    assert events(world.app) == ORDERS
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS")
    await process.work(patience=70)
    assert world.is_ready
    assert events(world.app) == CUSTOMERS


async def test_without_a_staff_user_it_is_said_what_the_app_lacks_and_what_it_waits_for(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(events=ORDERS))
    await process.work()
    del world.secrets.users[KEY.namespace, "saleor-staff"]
    world.integrations.apply(KEY, world.spec(events=CUSTOMERS))
    await process.work()
    assert world.says(CREDENTIALS) == ("False", Reason.SECRET_MISSING)
    assert world.says(APP) == MISSING
    assert world.condition(APP).message == (
        'App "Segment shop/main-shop" lacks MANAGE_USERS, without which Saleor sends no '
        "CUSTOMER_CREATED, CUSTOMER_UPDATED: it is given that once CredentialsValid holds."
    )


async def test_an_existing_app_is_told_to_be_given_what_it_lacks_and_left_as_it_is(
    world: World, process: Process
) -> None:
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS")
    app = world.saleor.app("theirs", ("MANAGE_ORDERS",))
    world.secret("my-app", token=app.token)
    world.integrations.apply(KEY, world.existing(events=CUSTOMERS))
    await process.work()
    assert world.says(APP) == MISSING
    assert world.condition(APP).message == (
        'App "theirs" lacks MANAGE_USERS, without which Saleor sends no CUSTOMER_CREATED, '
        "CUSTOMER_UPDATED: grant it in the dashboard, or leave them out of spec.events."
    )
    assert (app.permissions, app.webhooks) == (("MANAGE_ORDERS",), [])
    app.permissions = ("MANAGE_ORDERS", "MANAGE_USERS")
    await process.work()
    assert world.is_ready
    assert "appUpdate" not in world.saleor.mutations


async def test_a_permission_that_a_hand_took_away_is_given_back_and_told(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.app.permissions = ()
    await process.work()
    assert world.is_ready
    assert list(world.app.permissions) == ["MANAGE_ORDERS"]
    assert Reason.PERMISSIONS_GRANTED in world.announced


async def test_while_suspended_no_permission_is_given(world: World, process: Process) -> None:
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS")
    world.integrations.apply(KEY, world.spec(events=ORDERS))
    await process.work()
    world.integrations.apply(KEY, world.spec(events=CUSTOMERS, suspend=True))
    await process.work()
    assert world.says(APP) == ("False", Reason.SUSPENDED)
    assert world.app.permissions == ("MANAGE_ORDERS",)


async def test_killed_before_more_is_given_the_next_process_gives_it(world: World) -> None:
    let_staff(world, "MANAGE_ORDERS", "MANAGE_USERS")
    async with running(world) as process:
        world.integrations.apply(KEY, world.spec(events=ORDERS))
        await process.work()
        world.integrations.apply(KEY, world.spec(events=CUSTOMERS))
        world.kill_at = len(world.steps)
        with pytest.raises(Killed):
            await process.work()
    assert world.steps[-1] == "GrantPermissions"
    async with running(world) as process:
        await process.work()
    assert world.is_ready
    assert events(world.app) == CUSTOMERS
