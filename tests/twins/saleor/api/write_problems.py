"""Mutations of the problems an app reports about itself (3.22)."""

from collections.abc import Mapping
from typing import Any

from tests.twins.saleor.api.errors import RefusalError, UserError, not_found
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.apps import App, AppProblem
from tests.twins.saleor.ids import key_of

Args = Mapping[str, Any]
Answer = Mapping[str, Any]

_SHORTEST, _LONGEST_KEY, _LONGEST_MESSAGE = 3, 128, 2048


def _create(request: Request, args: Args) -> Answer:
    request.demand("AUTHENTICATED_APP")
    assert request.app
    given = args["input"]
    if errors := [*_length_errors(given)]:
        raise RefusalError(errors)
    problem = request.state.apps.report(
        request.app,
        given["key"],
        given["message"][:_LONGEST_MESSAGE],
        minutes=given["aggregationPeriod"],
    )
    threshold = given.get("criticalThreshold")
    problem.is_critical = threshold is not None and problem.count >= threshold
    return {"app_problem": problem}


def _length_errors(given: Args) -> list[UserError]:
    errors = [
        UserError(field, f"String should have at least {_SHORTEST} characters", "INVALID")
        for field in ("message", "key")
        if len(given[field]) < _SHORTEST
    ]
    if len(given["key"]) > _LONGEST_KEY:
        message = f"String should have at most {_LONGEST_KEY} characters"
        errors.append(UserError("key", message, "INVALID"))
    return errors


def _dismiss(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS", "AUTHENTICATED_APP")
    branches = {name: value for name, value in args["input"].items() if value is not None}
    if len(branches) != 1:
        raise UserError(None, "Exactly one input must be given.", "INVALID")
    ((branch, chosen),) = branches.items()
    if request.app and branch != "byApp":
        message = "App callers cannot use this input. Use 'byApp' instead."
        raise UserError(branch, message, "INVALID")
    if not request.app and branch == "byApp":
        raise UserError(branch, "Only app callers can use this input.", "INVALID")
    for problem in _problems(request, chosen):
        problem.dismissed_by = "APP" if request.app else "USER"
        problem.dismisser_email = request.staff.email if request.staff else None
    return {}


def _problems(request: Request, chosen: Args) -> list[AppProblem]:
    """Return the problems that are named; unknown names are passed over in silence."""
    apps = [request.app] if request.app else request.state.apps.installed()
    if "app" in chosen:
        apps = [_found(request, chosen["app"])]
    keys, ids = chosen.get("keys") or (), chosen.get("ids") or ()
    return [
        problem
        for app in apps
        for problem in app.problems
        if problem.key in keys or problem.id in ids
    ]


def _found(request: Request, node_id: str) -> App:
    app = request.state.apps.find(key_of(node_id, "App"))
    if app is None:
        raise not_found("app", node_id)
    return app


MUTATIONS = {"appProblemCreate": _create, "appProblemDismiss": _dismiss}
