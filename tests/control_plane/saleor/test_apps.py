"""Apps through a staff user's login, on every Saleor we support."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import App, Saleor, StaffCredentials, Version
from saleor_segment_server.outbound import Guard
from tests.control_plane.saleor.scripted import Clock
from tests.twins.saleor import SaleorTwin, SigningKey

STAFF = StaffCredentials("staff@example.com", "password")
WRONG = StaffCredentials("staff@example.com", "wrong")
MARKER = "0badcafe/shop/main"
VERSIONS = ("3.20.119", "3.22.67", "3.23.28", "3.24.0-a.0")


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@asynccontextmanager
async def shop(version: str, clock: Clock, key: SigningKey) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(version=version, clock=clock, key=key) as twin:
        twin.staff(STAFF.email, STAFF.password)
        yield twin


@pytest.fixture(params=VERSIONS)
async def every(
    request: pytest.FixtureRequest, clock: Clock, key: SigningKey
) -> AsyncIterator[SaleorTwin]:
    async with shop(request.param, clock, key) as twin:
        yield twin


@pytest.fixture
async def twin(clock: Clock, key: SigningKey) -> AsyncIterator[SaleorTwin]:
    async with shop("3.23.28", clock, key) as twin:
        yield twin


@asynccontextmanager
async def calling(twin: SaleorTwin, clock: Clock) -> AsyncIterator[Saleor]:
    async with Saleor(twin.api_url, guard=Guard(allow_loopback=True), clock=clock) as saleor:
        yield saleor


async def created(saleor: Saleor, staff: StaffCredentials = STAFF) -> tuple[App, str]:
    return await saleor.create_app(
        staff, name="Segment shop/main", marker=MARKER, uid="uid-1", permissions=["MANAGE_ORDERS"]
    )


async def test_an_app_is_created_found_and_deleted(every: SaleorTwin, clock: Clock) -> None:
    async with calling(every, clock) as saleor:
        app, token = await created(saleor)
        assert app.name == "Segment shop/main"
        assert app.identifier == MARKER
        assert app.uid == "uid-1"
        assert app.is_active
        assert app.permissions == {"MANAGE_ORDERS"}
        assert await saleor.find_apps(STAFF, marker=MARKER) == [app]
        assert await saleor.own_app(token) == app
        await saleor.delete_app(STAFF, app.id)
        await saleor.delete_app(STAFF, app.id)
        assert await saleor.find_apps(STAFF, marker=MARKER) == []
        assert await saleor.own_app(token) is None


async def test_the_version_is_told_to_apps_and_staff(every: SaleorTwin, clock: Clock) -> None:
    async with calling(every, clock) as saleor:
        version = await saleor.version(STAFF)
        assert str(version) in VERSIONS
        assert await saleor.version(every.app().token) == version
        with pytest.raises(Blocked) as caught:
            await saleor.version("nobody's")
        assert caught.value.reason == Reason.TOKEN_REJECTED


async def test_a_lost_token_is_replaced(every: SaleorTwin, clock: Clock) -> None:
    async with calling(every, clock) as saleor:
        app, lost = await created(saleor)
        token = await saleor.create_token(STAFF, app.id, name="again")
        assert token != lost
        for one in (token, lost):
            assert await saleor.own_app(one) == app


async def test_apps_are_found_among_more_than_a_page(twin: SaleorTwin, clock: Clock) -> None:
    for number in range(230):
        twin.app(f"app {number:03}", identifier=MARKER if number in {5, 105, 229} else None)
    async with calling(twin, clock) as saleor:
        found = await saleor.find_apps(STAFF, marker=MARKER)
        assert [app.name for app in found] == ["app 005", "app 105", "app 229"]
        assert [app.uid for app in found] == [None, None, None]


async def test_an_app_is_adopted(every: SaleorTwin, clock: Clock) -> None:
    left_behind = every.app("orphan", identifier=MARKER)
    async with calling(every, clock) as saleor:
        await saleor.adopt_app(STAFF, left_behind.id, uid="uid-2")
        (found,) = await saleor.find_apps(STAFF, marker=MARKER)
        assert (found.id, found.uid) == (left_behind.id, "uid-2")


async def test_a_deactivated_app_is_found_and_its_token_is_not_known(
    twin: SaleorTwin, clock: Clock
) -> None:
    async with calling(twin, clock) as saleor:
        _, token = await created(saleor)
        (app,) = twin.state.apps.installed()
        app.is_active = False
        assert await saleor.own_app(token) is None
        assert [one.is_active for one in await saleor.find_apps(STAFF, marker=MARKER)] == [False]


async def test_what_is_gone_cannot_be_adopted(twin: SaleorTwin, clock: Clock) -> None:
    async with calling(twin, clock) as saleor:
        app, _ = await created(saleor)
        await saleor.delete_app(STAFF, app.id)
        for attempt in (
            saleor.adopt_app(STAFF, app.id, uid="uid-2"),
            saleor.create_token(STAFF, app.id, name="again"),
        ):
            with pytest.raises(Unavailable) as caught:
                await attempt
            assert caught.value.reason == Reason.APP_GONE


async def test_an_app_whose_creation_was_cut_off_is_found(twin: SaleorTwin, clock: Clock) -> None:
    twin.fail(lose_answer_to="appCreate")
    async with calling(twin, clock) as saleor:
        with pytest.raises(Unavailable) as caught:
            await created(saleor)
        assert caught.value.reason == Reason.SALEOR_UNREACHABLE
        twin.heal()
        (found,) = await saleor.find_apps(STAFF, marker=MARKER)
        assert found.uid is None


@pytest.mark.parametrize("held", [(), ("MANAGE_ORDERS",), ("MANAGE_APPS",)])
async def test_the_permission_that_the_staff_user_lacks_is_named(
    twin: SaleorTwin, clock: Clock, held: tuple[str, ...]
) -> None:
    twin.staff("weak@example.com", "password", held)
    missing = "MANAGE_ORDERS" if "MANAGE_APPS" in held else "MANAGE_APPS"
    async with calling(twin, clock) as saleor:
        with pytest.raises(Blocked) as caught:
            await created(saleor, StaffCredentials("weak@example.com", "password"))
    assert caught.value.reason == Reason.PERMISSION_MISSING
    assert f"lacks {missing}" in str(caught.value)


async def test_an_app_is_given_more_by_a_staff_user_who_may_give_it(
    every: SaleorTwin, clock: Clock
) -> None:
    every.staff("wide@example.com", "password", ("MANAGE_APPS", "MANAGE_ORDERS", "MANAGE_USERS"))
    wide = StaffCredentials("wide@example.com", "password")
    more = frozenset({"MANAGE_ORDERS", "MANAGE_USERS"})
    async with calling(every, clock) as saleor:
        app, token = await created(saleor)
        with pytest.raises(Blocked) as caught:
            await saleor.grant(STAFF, app.id, permissions=more)
        assert caught.value.reason == Reason.PERMISSION_MISSING
        assert "lacks MANAGE_USERS" in str(caught.value)
        await saleor.grant(wide, app.id, permissions=more)
        found = await saleor.own_app(token)
    assert found is not None
    assert (found.permissions, found.name, found.identifier) == (more, app.name, MARKER)


async def test_an_app_that_is_gone_is_given_nothing_and_looked_for_again(
    twin: SaleorTwin, clock: Clock
) -> None:
    async with calling(twin, clock) as saleor:
        app, _ = await created(saleor)
        await saleor.delete_app(STAFF, app.id)
        with pytest.raises(Unavailable) as caught:
            await saleor.grant(STAFF, app.id, permissions=["MANAGE_ORDERS"])
    assert caught.value.reason == Reason.APP_GONE


async def test_an_app_that_may_more_than_the_staff_user_cannot_be_deleted(
    twin: SaleorTwin, clock: Clock
) -> None:
    mighty = twin.app("mighty", ("MANAGE_ORDERS", "MANAGE_USERS"))
    async with calling(twin, clock) as saleor:
        with pytest.raises(Blocked) as caught:
            await saleor.delete_app(STAFF, mighty.id)
    assert caught.value.reason == Reason.PERMISSION_MISSING


async def test_a_session_outlives_its_tokens(twin: SaleorTwin, clock: Clock) -> None:
    async with calling(twin, clock) as saleor:
        for _ in range(4):
            assert await saleor.find_apps(STAFF, marker=MARKER) == []
            clock.now += 299


async def test_an_expired_token_is_renewed_unseen(key: SigningKey) -> None:
    ours, shops = Clock(), Clock()
    async with shop("3.23.28", shops, key) as twin, calling(twin, ours) as saleor:
        await saleor.find_apps(STAFF, marker=MARKER)
        shops.now += 301
        assert await saleor.find_apps(STAFF, marker=MARKER) == []


async def test_a_voided_session_is_replaced(twin: SaleorTwin, clock: Clock) -> None:
    user = twin.staff("other@example.com", "password")
    staff = StaffCredentials("other@example.com", "password")
    async with calling(twin, clock) as saleor:
        await saleor.find_apps(staff, marker=MARKER)
        twin.state.accounts.void_tokens(user)
        assert await saleor.find_apps(staff, marker=MARKER) == []


async def test_a_wrong_password_delays_the_right_one_and_no_longer(
    twin: SaleorTwin, clock: Clock
) -> None:
    async with calling(twin, clock) as saleor:
        with pytest.raises(Blocked) as refused:
            await saleor.find_apps(WRONG, marker=MARKER)
        assert refused.value.reason == Reason.CREDENTIALS_REJECTED
        with pytest.raises(Unavailable) as throttled:
            await saleor.find_apps(STAFF, marker=MARKER)
        assert throttled.value.reason == Reason.LOGIN_THROTTLED
        wait = throttled.value.retry_after
        assert wait is not None
        clock.now += wait
        assert await saleor.find_apps(STAFF, marker=MARKER) == []


async def test_staff_without_password_login_is_told_so(twin: SaleorTwin, clock: Clock) -> None:
    twin.state.site.password_login_mode = "DISABLED"
    async with calling(twin, clock) as saleor:
        with pytest.raises(Blocked) as caught:
            await saleor.find_apps(STAFF, marker=MARKER)
    assert caught.value.reason == Reason.LOGIN_DISABLED


async def test_staff_whom_the_shop_takes_for_customers_are_told_so(
    twin: SaleorTwin, clock: Clock
) -> None:
    async with calling(twin, clock) as saleor:
        await saleor.find_apps(STAFF, marker=MARKER)
        twin.state.site.password_login_mode = "CUSTOMERS_ONLY"
        for attempt in (saleor.version(STAFF), saleor.find_apps(STAFF, marker=MARKER)):
            with pytest.raises(Blocked) as caught:
                await attempt
            assert caught.value.reason == Reason.LOGIN_DISABLED
            assert "passwordLoginMode" in str(caught.value)
        twin.state.site.password_login_mode = "ENABLED"
        assert await saleor.find_apps(STAFF, marker=MARKER) == []


async def test_a_shop_without_storefront_traffic_takes_no_login(
    twin: SaleorTwin, clock: Clock
) -> None:
    twin.state.site.allow_storefront_traffic = False
    token = twin.app().token
    async with calling(twin, clock) as saleor:
        with pytest.raises(Blocked) as caught:
            await saleor.find_apps(STAFF, marker=MARKER)
        assert caught.value.reason == Reason.LOGIN_DISABLED
        assert await saleor.own_app(token) is not None
        assert await saleor.own_app("nobody's") is None


async def test_a_shop_tells_an_app_the_address_it_gives_itself(
    every: SaleorTwin, clock: Clock
) -> None:
    app = every.app()
    async with calling(every, clock) as saleor:
        for address in (every.origin, "https://shop.example.com", "https://shop.example.com:8443"):
            every.state.public_url = address
            assert await saleor.own_url(app.token) == address
            assert every.state.public_api_url == f"{address}/graphql/"
        every.fail(graphql_down=True)
        assert await saleor.own_url(app.token) is None


async def test_the_last_seen_key_set_outlives_an_outage(twin: SaleorTwin, clock: Clock) -> None:
    async with calling(twin, clock) as saleor:
        twin.fail(jwks_down=True)
        assert await saleor.jwks() is None
        twin.heal()
        assert await saleor.jwks() == twin.state.accounts.key.jwks
        twin.fail(jwks_down=True)
        assert await saleor.jwks() == twin.state.accounts.key.jwks
        twin.heal()
        twin.rotate_key()
        assert await saleor.jwks() == twin.state.accounts.key.jwks


async def test_a_token_tells_the_version_where_nobody_asked_before(
    every: SaleorTwin, clock: Clock
) -> None:
    app = every.app()
    async with calling(every, clock) as saleor:
        seen = await saleor.own_app(app.token)
        assert seen is not None
        assert seen.id == app.id
        assert (await saleor.version(app.token)) == Version.parse(every.state.version.text)
