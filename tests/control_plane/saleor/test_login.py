"""One session per credential, renewed in time, and no login that is known to fail."""

import asyncio
import base64
import json
import math
from typing import Any

import pytest
from aiohttp import web

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import Saleor, StaffCredentials
from tests.control_plane.saleor.scripted import NOW, Api, Clock

STAFF = StaffCredentials("staff@example.com", "hunter2")
OTHER = StaffCredentials("staff@example.com", "hunter3")
NO_APPS = web.json_response(
    {"data": {"apps": {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}}
)


def jwt(name: str, *, life: int = 300, issued: int = 1_000) -> str:
    """A token that lives so long; its clock is not ours."""
    claims = json.dumps({"iat": issued, "exp": issued + life, "name": name}).encode()
    return f"e30.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.{name}"


def login(name: str, *, is_staff: bool = True, **options: int) -> web.Response:
    answer = {
        "token": jwt(name, **options),
        "refreshToken": f"refresh {name}",
        "user": {"isStaff": is_staff},
        "errors": [],
    }
    return web.json_response({"data": {"tokenCreate": answer}})


def refused(code: str, message: str = "secret words") -> web.Response:
    error = {"field": "email", "code": code, "message": message}
    answer = {"token": None, "refreshToken": None, "user": None, "errors": [error]}
    return web.json_response({"data": {"tokenCreate": answer}})


def refresh(name: str) -> web.Response:
    answer: dict[str, Any] = {"token": jwt(name), "errors": []}
    return web.json_response({"data": {"tokenRefresh": answer}})


def no_refresh() -> web.Response:
    return Api.captured("tokenRefresh.bad")


@pytest.fixture
def api(api: Api) -> Api:
    api.answers = [NO_APPS]
    api.logins = [login("first"), login("second"), login("third")]
    api.refreshes = [refresh("renewed")]
    return api


async def ask(saleor: Saleor, staff: StaffCredentials = STAFF) -> None:
    assert await saleor.find_apps(staff, marker="ours") == []


async def failure(saleor: Saleor, staff: StaffCredentials = STAFF) -> Blocked | Unavailable:
    with pytest.raises((Blocked, Unavailable)) as caught:
        await saleor.find_apps(staff, marker="ours")
    assert isinstance(caught.value, Blocked | Unavailable)
    for secret in (STAFF.email, STAFF.password, OTHER.password, "secret"):
        assert secret not in str(caught.value)
    return caught.value


async def test_a_session_serves_every_call(api: Api, saleor: Saleor) -> None:
    for _ in range(3):
        await ask(saleor)
    assert api.asked("LogIn") == [{"email": STAFF.email, "password": STAFF.password}]
    assert api.tokens == [None, *[f"Bearer {jwt('first')}"] * 3]


async def test_calls_at_once_share_one_login(api: Api, saleor: Saleor) -> None:
    await asyncio.gather(*(ask(saleor) for _ in range(5)))
    assert len(api.asked("LogIn")) == 1


async def test_each_credential_has_its_own_session(api: Api, saleor: Saleor) -> None:
    for staff in (STAFF, OTHER, STAFF, OTHER):
        await ask(saleor, staff)
    assert [one["password"] for one in api.asked("LogIn")] == [STAFF.password, OTHER.password]


async def test_a_token_is_renewed_shortly_before_its_end(
    api: Api, saleor: Saleor, clock: Clock
) -> None:
    await ask(saleor)
    clock.now = NOW + 269
    await ask(saleor)
    assert api.asked("Refresh") == []
    clock.now = NOW + 271
    await ask(saleor)
    assert api.asked("Refresh") == [{"refreshToken": "refresh first"}]
    assert api.tokens[-1] == f"Bearer {jwt('renewed')}"
    assert len(api.asked("LogIn")) == 1


async def test_a_short_lived_token_is_used_for_half_its_life(
    api: Api, saleor: Saleor, clock: Clock
) -> None:
    api.logins = [login("first", life=10)]
    await ask(saleor)
    clock.now = NOW + 4
    await ask(saleor)
    assert api.asked("Refresh") == []
    clock.now = NOW + 6
    await ask(saleor)
    assert len(api.asked("Refresh")) == 1


async def test_a_token_that_does_not_tell_its_life_is_kept_half_a_minute(
    api: Api, saleor: Saleor, clock: Clock
) -> None:
    api.logins = [api.captured("tokenCreate.ok")]  # its JWT is blacked out
    await ask(saleor)
    clock.now = NOW + 29
    await ask(saleor)
    assert api.asked("Refresh") == []
    clock.now = NOW + 31
    await ask(saleor)
    assert len(api.asked("Refresh")) == 1


async def test_a_token_that_saleor_calls_expired_is_renewed_at_once(
    api: Api, saleor: Saleor
) -> None:
    api.answers = [api.captured("error.expired-jwt"), NO_APPS]
    await ask(saleor)
    assert len(api.asked("Refresh")) == 1
    assert api.tokens[-1] == f"Bearer {jwt('renewed')}"


@pytest.mark.parametrize("code", ["InvalidTokenError", "InvalidSignatureError", "DecodeError"])
async def test_a_voided_session_is_followed_by_a_new_login(
    api: Api, saleor: Saleor, code: str
) -> None:
    error = {"message": "void", "extensions": {"exception": {"code": code}}}
    api.answers = [web.json_response({"errors": [error], "data": None}), NO_APPS]
    api.refreshes = [no_refresh()]
    await ask(saleor)
    assert len(api.asked("LogIn")) == 2
    assert api.tokens[-1] == f"Bearer {jwt('second')}"


async def test_a_session_that_is_refused_again_and_again_is_given_up(
    api: Api, saleor: Saleor
) -> None:
    api.answers = [api.captured("error.expired-jwt")]
    error = await failure(saleor)
    assert (type(error), error.reason) == (Unavailable, Reason.SALEOR_BUSY)
    assert len(api.asked("FindApps")) == 2


async def test_a_wrong_password_is_tried_once(api: Api, saleor: Saleor, clock: Clock) -> None:
    api.logins = [api.captured("tokenCreate.bad")]
    for _ in range(3):
        error = await failure(saleor)
        assert (type(error), error.reason) == (Blocked, Reason.CREDENTIALS_REJECTED)
        assert api.url in str(error)
    assert len(api.asked("LogIn")) == 1
    clock.now = NOW + 301
    await failure(saleor)
    assert len(api.asked("LogIn")) == 2


async def test_a_mended_password_is_tried_at_once(api: Api, saleor: Saleor) -> None:
    api.logins = [api.captured("tokenCreate.bad"), login("first")]
    await failure(saleor)
    await ask(saleor, OTHER)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        ("INACTIVE", Reason.CREDENTIALS_REJECTED, "not active"),
        ("ACCOUNT_NOT_CONFIRMED", Reason.CREDENTIALS_REJECTED, "confirm"),
        ("DISABLED_AUTHENTICATION_METHOD", Reason.LOGIN_DISABLED, "passwordLoginMode"),
        ("UNKNOWN_IP_ADDRESS", Reason.CREDENTIALS_REJECTED, "UNKNOWN_IP_ADDRESS"),
    ],
)
async def test_each_refusal_of_a_login_says_what_to_do(
    api: Api, saleor: Saleor, code: str, reason: str, words: str
) -> None:
    api.logins = [refused(code)]
    error = await failure(saleor)
    assert (type(error), error.reason) == (Blocked, reason)
    assert words in str(error)


async def test_blocked_storefront_traffic_disables_logins(api: Api, saleor: Saleor) -> None:
    code = "STOREFRONT_TRAFFIC_NOT_ALLOWED"
    error = {"message": "Storefront traffic", "extensions": {"exception": {"code": code}}}
    api.logins = [web.json_response({"errors": [error]}, status=401)]
    answer = await failure(saleor)
    assert (type(answer), answer.reason) == (Blocked, Reason.LOGIN_DISABLED)
    assert "allowStorefrontTraffic" in str(answer)


async def test_a_customers_login_is_said_to_be_one(api: Api, saleor: Saleor) -> None:
    api.logins = [login("first", is_staff=False)]
    for _ in range(2):
        error = await failure(saleor)
        assert (type(error), error.reason) == (Blocked, Reason.PERMISSION_MISSING)
    assert len(api.asked("LogIn")) == 1


async def test_a_session_that_became_a_customers_is_not_renewed(
    api: Api, saleor: Saleor, clock: Clock
) -> None:
    api.answers = [api.captured("app.self-anon"), NO_APPS]  # it asks for AUTHENTICATED_STAFF_USER
    error = await failure(saleor)
    assert (type(error), error.reason) == (Blocked, Reason.LOGIN_DISABLED)
    assert "as a customer" in str(error)
    clock.now = NOW + 300
    await ask(saleor)
    assert api.asked("Refresh") == []
    assert api.tokens[-1] == f"Bearer {jwt('second')}"


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Logging has been suspended till 2026-11-23 16:07:20.500000+00:00 due to …", 40.5),
        ("Logging has been suspended till 2026-11-23 16:07:20+00:00.", 40.0),
        ("Logging has been suspended till 2026-11-23 16:06:39+00:00.", 1.0),
        ("Logging has been suspended till 2036-11-23 16:17:33+00:00.", 3600.0),
        ("Logging has been suspended till 9999-99-99 16:17:33+00:00.", 60.0),
        ("Wait.", 60.0),
        ("", 60.0),
    ],
)
async def test_a_throttled_login_waits_as_saleor_says(
    api: Api, saleor: Saleor, message: str, seconds: float
) -> None:
    api.logins = [refused("LOGIN_ATTEMPT_DELAYED", message)]
    error = await failure(saleor)
    assert (type(error), error.reason) == (Unavailable, Reason.LOGIN_THROTTLED)
    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds
    assert f" in {math.ceil(seconds)} s." in str(error)


async def test_no_login_is_tried_while_saleor_delays_them(
    api: Api, saleor: Saleor, clock: Clock
) -> None:
    clock.now = 1_795_450_650.0  # 2026-11-23 16:17:30 UTC, 3.6 s before the captured moment
    api.logins = [api.captured("tokenCreate.throttled"), login("first")]
    error = await failure(saleor)
    assert isinstance(error, Unavailable)
    assert error.retry_after == pytest.approx(3.634756)
    clock.now += 3
    await failure(saleor, OTHER)
    assert len(api.asked("LogIn")) == 1
    clock.now += 1
    await ask(saleor)


async def test_an_unused_session_is_forgotten(api: Api, saleor: Saleor, clock: Clock) -> None:
    await ask(saleor)
    clock.now = NOW + 7_200
    await ask(saleor, OTHER)
    await ask(saleor)
    assert api.asked("Refresh") == []
    assert len(api.asked("LogIn")) == 3
