"""Mutations of apps and their tokens: whom they let, and what they refuse."""

from collections.abc import Mapping
from typing import Any

from tests.twins.saleor.api.errors import UserError, not_found
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.apps import App
from tests.twins.saleor.ids import key_of

Args = Mapping[str, Any]
Answer = Mapping[str, Any]

_LENGTHS = {"name": 60, "identifier": 256}


def _create(request: Request, args: Args) -> Answer:
    request.demand_staff("MANAGE_APPS")
    given = args["input"]
    if not given.get("name"):
        raise UserError("name", "This field cannot be blank.", "REQUIRED")
    permissions = given.get("permissions") or []
    _check(request, given)
    app = request.state.apps.create(
        given["name"], identifier=given.get("identifier"), permissions=permissions
    )
    return {"app": app, "auth_token": app.token}


def _update(request: Request, args: Args) -> Answer:
    app = _managed(request, args["id"], "id", "You can't manage this app.")
    given = args["input"]
    _check(request, given)
    app.name = given.get("name") or app.name
    app.identifier = given.get("identifier") or app.identifier
    if given.get("permissions") is not None:
        app.permissions = tuple(given["permissions"])
    return {"app": app}


def _delete(request: Request, args: Args) -> Answer:
    app = _managed(request, args["id"], "id", "You can't delete this app.")
    app.removed_at, app.is_active = request.state.time.now(), False
    return {"app": app}


def _activate(request: Request, args: Args) -> Answer:
    return {"app": _switch(request, args, active=True)}


def _deactivate(request: Request, args: Args) -> Answer:
    return {"app": _switch(request, args, active=False)}


def _switch(request: Request, args: Args, *, active: bool) -> App:
    """Unlike other mutations, these two ask for no permission of the app itself."""
    request.demand("MANAGE_APPS")
    app = _found(request, args["id"], "id")
    app.is_active = active
    return app


def _create_token(request: Request, args: Args) -> Answer:
    given = args["input"]
    app = _managed(request, given["app"], "app", "You can't manage this app.")
    token = request.state.apps.issue_token(app, given.get("name") or "")
    return {"app_token": token, "auth_token": token.secret}


def _delete_token(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS")
    key = key_of(args["id"], "AppToken")
    for app in request.state.apps.installed():
        for token in app.tokens:
            if str(token.pk) == key:
                _demand_scope(request, app, "id", "You can't delete this app.")
                app.tokens.remove(token)
                return {"app_token": token}
    raise not_found("id", args["id"])


def _verify_token(request: Request, args: Args) -> Answer:
    return {"valid": request.state.apps.by_token(args["token"]) is not None}


def _managed(request: Request, node_id: str, field: str, refusal: str) -> App:
    """Return an app the caller may manage: who manages needs all its permissions."""
    request.demand("MANAGE_APPS")
    app = _found(request, node_id, field)
    _demand_scope(request, app, field, refusal)
    return app


def _demand_scope(request: Request, app: App, field: str, refusal: str) -> None:
    if request.lacks(app.permissions):
        raise UserError(field, refusal, "OUT_OF_SCOPE_APP")


def _found(request: Request, node_id: str, field: str) -> App:
    app = request.state.apps.find(key_of(node_id, "App"))
    if app is None:
        raise not_found(field, node_id)
    return app


def _check(request: Request, given: Args) -> None:
    """Refuse names that are too long, and permissions that nobody here may give."""
    for field, longest in _LENGTHS.items():
        if (length := len(given.get(field) or "")) > longest:
            message = f"Ensure this value has at most {longest} characters (it has {length})."
            raise UserError(field, message, "INVALID")
    wanted = given.get("permissions") or []
    refused = request.lacks(wanted)
    if request.state.version.bans_manage_apps and "MANAGE_APPS" in wanted:
        refused = [*refused, "MANAGE_APPS"] if "MANAGE_APPS" not in refused else refused
    if refused:
        raise UserError(
            "permissions",
            "You can't add permission that you don't have.",
            "OUT_OF_SCOPE_PERMISSION",
            refused,
        )


MUTATIONS = {
    "appActivate": _activate,
    "appCreate": _create,
    "appDeactivate": _deactivate,
    "appDelete": _delete,
    "appTokenCreate": _create_token,
    "appTokenDelete": _delete_token,
    "appTokenVerify": _verify_token,
    "appUpdate": _update,
}
