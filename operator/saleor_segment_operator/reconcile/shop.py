"""What a pass sees of Saleor: who we are there, and which app stands for the integration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile.credentials import Login
from saleor_segment_operator.reconcile.state import Desired, Problem
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import App, Saleor, StaffCredentials, Version

_ABOUT_THE_LOGIN = frozenset(
    {
        Reason.CREDENTIALS_REJECTED,
        Reason.LOGIN_DISABLED,
        Reason.LOGIN_THROTTLED,
        Reason.PERMISSION_MISSING,
    }
)


@dataclass(slots=True)
class Shop:
    """What was seen; the fields mean what ``Observed``'s do."""

    credentials: Problem | None = None
    version: Version | None = None
    app: App | Problem | None = None
    found: tuple[App, ...] | None = None
    jwks: Mapping[str, Any] | None = None
    own_url: str | None = None


async def look(saleor: Saleor, desired: Desired, login: Login, *, deleting: bool) -> Shop:
    """Look at the shop; what cannot be seen is a ``Problem``.

    A farewell neither checks the login nor the version: it works with what there is.
    """
    shop = Shop(credentials=login.problem)
    if not deleting and login.staff is not None:
        await _log_in(saleor, desired, login.staff, shop)
    if not deleting and login.token is not None and shop.app is None and shop.version is None:
        await _introduce(saleor, login.token, shop)
    if not deleting and shop.version is not None and not shop.version.supported:
        shop.app = _too_old(shop.version)
    if shop.app is None and login.token is not None:
        await _find_own(saleor, login.token, shop)
    if shop.app is None and desired.managed:
        await _search(saleor, desired, login, shop)
    elif shop.app is None and shop.credentials is None:
        shop.credentials = _foreign_token(desired)
    if not deleting and isinstance(shop.app, App) and login.token is not None:
        shop.jwks = await saleor.jwks()
        shop.own_url = await saleor.own_url(login.token)
    return shop


async def _log_in(saleor: Saleor, desired: Desired, staff: StaffCredentials, shop: Shop) -> None:
    """Learn the version by the staff user's login, and so whether that works."""
    try:
        shop.version = await saleor.version(staff)
    except (Blocked, Unavailable) as error:
        _note(shop, desired, Problem.of(error))


async def _introduce(saleor: Saleor, token: str, shop: Shop) -> None:
    """Learn the version by the app's token."""
    try:
        shop.version = await saleor.version(token)
    except (Blocked, Unavailable) as error:
        problem = Problem.of(error)
        if problem.reason is not Reason.TOKEN_REJECTED:
            shop.app = problem


async def _find_own(saleor: Saleor, token: str, shop: Shop) -> None:
    try:
        shop.app = await saleor.own_app(token)
    except (Blocked, Unavailable) as error:
        shop.app = Problem.of(error)


async def _search(saleor: Saleor, desired: Desired, login: Login, shop: Shop) -> None:
    if login.staff is None or shop.credentials is not None:
        return
    try:
        shop.found = tuple(await saleor.find_apps(login.staff, marker=desired.marker))
    except (Blocked, Unavailable) as error:
        _note(shop, desired, Problem.of(error))


def _note(shop: Shop, desired: Desired, problem: Problem) -> None:
    """Keep a problem of the staff user where it belongs: with the login, or with the shop."""
    if problem.reason in _ABOUT_THE_LOGIN:
        message = f"{desired.login_secret}: {problem.message}"
        shop.credentials = replace(problem, message=message)
    else:
        shop.app = problem


def _too_old(version: Version) -> Problem:
    message = f"Saleor is {version}, and 3.20 is the oldest that is supported: upgrade it."
    return Problem(Reason.SALEOR_TOO_OLD, message)


def _foreign_token(desired: Desired) -> Problem:
    message = (
        f"Saleor does not know the token in {desired.login_secret}, or its app is not active: "
        "store a token of an active app there."
    )
    return Problem(Reason.TOKEN_REJECTED, message)
