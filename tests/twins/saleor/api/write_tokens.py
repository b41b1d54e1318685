"""Mutations of logins and JWTs."""

from collections.abc import Mapping
from typing import Any

from tests.twins.saleor.api.errors import UserError, needs
from tests.twins.saleor.api.requests import Request

Args = Mapping[str, Any]
Answer = Mapping[str, Any]


def _create(request: Request, args: Args) -> Answer:
    _demand_passwords(request)
    session = request.state.accounts.login(args["email"], args["password"], request.ip)
    return {
        "token": session.token,
        "refresh_token": session.refresh_token,
        "csrf_token": session.csrf_token,
        "user": session.user,
    }


def _refresh(request: Request, args: Args) -> Answer:
    _demand_passwords(request)
    given = args.get("refreshToken")
    if not given:
        raise UserError("refreshToken", "Missing refreshToken", "JWT_MISSING_TOKEN")
    accounts = request.state.accounts
    user, _ = accounts.checked(given, "refresh", "refreshToken")
    return {"token": accounts.access_token(user), "user": user}


def _demand_passwords(request: Request) -> None:
    if code := request.state.faults.login_error:
        raise UserError("email", "Please, enter valid credentials", code)
    if request.state.site.password_login_mode == "DISABLED":
        message = "Password authentication is disabled."
        raise UserError(None, message, "DISABLED_AUTHENTICATION_METHOD")


def _verify(request: Request, args: Args) -> Answer:
    user, claims = request.state.accounts.checked(args["token"], "access", "token")
    return {"is_valid": True, "payload": dict(claims), "user": user}


def _deactivate_all(request: Request, args: Args) -> Answer:
    if request.user is None:
        raise needs("AUTHENTICATED_USER")
    request.state.accounts.void_tokens(request.user)
    return {}


MUTATIONS = {
    "tokenCreate": _create,
    "tokenRefresh": _refresh,
    "tokenVerify": _verify,
    "tokensDeactivateAll": _deactivate_all,
}
