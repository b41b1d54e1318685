"""Queries: the shop, apps, webhooks and their deliveries, and who may read what of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

from tests.twins.saleor.api.errors import needs
from tests.twins.saleor.api.paging import Connection, paginate
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.apps import App, AppProblem, Webhook
from tests.twins.saleor.ids import key_of, parse_global_id
from tests.twins.saleor.sending.deliveries import Attempt, Delivery
from tests.twins.saleor.shop.catalogue import User

Args = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """A permission or an event: its code and its name in words."""

    code: str

    @property
    def name(self) -> str:
        """The code in words."""
        return self.code.replace("_", " ").capitalize() + "."

    @property
    def event_type(self) -> str:
        """The code, where it is an event's."""
        return self.code


def checked_id(text: str, kind: str) -> str | None:
    """Return the key in an id argument; raise what Saleor raises for a malformed one."""
    if parse_global_id(text) is None:
        raise GraphQLError(f"Invalid ID: {text}. Expected: {kind}.")
    return key_of(text, kind)


def _shop(request: Request, args: Args) -> Request:
    return request


def _app(request: Request, args: Args) -> App | None:
    request.demand("AUTHENTICATED_STAFF_USER", "AUTHENTICATED_APP")
    if args.get("id") is None:
        return request.app
    key = checked_id(args["id"], "App")
    if request.app and str(request.app.pk) == key:
        return request.app
    request.demand("MANAGE_APPS")
    return request.state.apps.find(key)


def _apps(request: Request, args: Args) -> Connection:
    request.demand("AUTHENTICATED_STAFF_USER", "MANAGE_APPS")
    wanted = args.get("filter") or {}
    apps = [app for app in request.state.apps.installed() if _matches(app, wanted)]
    if sorting := args.get("sortBy"):
        by_date = sorting["field"] == "CREATION_DATE"
        apps.sort(
            key=lambda app: (app.created if by_date else app.name, app.pk),
            reverse=sorting["direction"] == "DESC",
        )
    return paginate(apps, args, "apps")


def _matches(app: App, wanted: Args) -> bool:
    return (
        (wanted.get("search") or "").lower() in app.name.lower()
        and wanted.get("isActive") in (None, app.is_active)
        and wanted.get("type") in (None, app.type)
    )


def _webhook(request: Request, args: Args) -> Webhook | None:
    found = request.state.apps.find_webhook(checked_id(args["id"], "Webhook"))
    if request.app:
        return found if found and request.owns(found) else None
    request.demand("MANAGE_APPS")
    return found


def _me(request: Request, args: Args) -> User | None:
    return request.user


def _for_owner(read: Callable[[App], Any]) -> Callable[[App, Request, Args], Any]:
    """Let only the app itself, and who manages apps, read a field."""

    def field(app: App, request: Request, args: Args) -> Any:
        if not request.owns(app) and not request.may("MANAGE_APPS"):
            raise needs("MANAGE_APPS", "OWNER")
        return read(app)

    return field


def _problems(app: App, request: Request, args: Args) -> list[AppProblem]:
    if not request.owns(app):
        request.demand("MANAGE_APPS")
    return app.problems[: args.get("limit") or None]


def _dismissed(problem: AppProblem, request: Request, args: Args) -> dict[str, str | None] | None:
    if problem.dismissed_by is None:
        return None
    return {"by": problem.dismissed_by, "userEmail": problem.dismisser_email}


def _codes(codes: Sequence[str]) -> list[Code]:
    return [Code(code) for code in codes]


def _deliveries(webhook: Webhook, request: Request, args: Args) -> Connection:
    wanted = args.get("filter") or {}
    found = [
        delivery
        for delivery in request.state.outbox.kept(webhook)
        if wanted.get("status") in (None, delivery.status)
        and wanted.get("eventType") in (None, delivery.event)
    ]
    return _listed(found, args, "eventDeliveries")


def _attempts(delivery: Delivery, request: Request, args: Args) -> Connection:
    return _listed(delivery.attempts, args, "attempts")


def _listed(records: Sequence[Delivery | Attempt], args: Args, name: str) -> Connection:
    """Page them by creation, newest first unless asked otherwise."""
    descending = (args.get("sortBy") or {}).get("direction") != "ASC"
    ordered = sorted(records, key=lambda record: record.created_at, reverse=descending)
    return paginate(ordered, args, name, rank=_moment, descending=descending)


def _moment(record: Delivery | Attempt) -> str:
    """Write all moments equally long, so that they sort as text."""
    return record.created_at.isoformat(timespec="microseconds")


def _version(request: Request) -> str:
    request.demand("AUTHENTICATED_STAFF_USER", "AUTHENTICATED_APP")
    return request.state.version.text


ROOTS = {
    "Query": {"shop": _shop, "app": _app, "apps": _apps, "webhook": _webhook, "me": _me},
}
"""Resolvers of root fields: ``(request, args)``."""

FIELDS: dict[str, dict[str, Callable[[Any, Request, Args], Any]]] = {
    "Shop": {
        "name": lambda _, request, __: request.state.site.name,
        "description": lambda *_: "",
        "version": lambda _, request, __: _version(request),
        "schemaVersion": lambda _, request, __: request.state.version.schema,
        "domain": lambda _, request, __: {
            "host": request.state.domain,
            "sslEnabled": request.state.public_url.startswith("https:"),
            "url": request.state.public_url + "/",
        },
        "allowStorefrontTraffic": lambda _, r, __: r.state.site.allow_storefront_traffic,
        "passwordLoginMode": lambda _, request, __: request.state.site.password_login_mode,
        "useLegacyUpdateWebhookEmission": lambda *_: True,
    },
    "App": {
        "permissions": lambda app, *_: _codes(app.permissions),
        "tokens": _for_owner(lambda app: app.tokens),
        "webhooks": _for_owner(lambda app: app.webhooks),
        "problems": _problems,
    },
    "AppProblem": {"dismissed": _dismissed},
    "Webhook": {
        "asyncEvents": lambda webhook, *_: _codes(webhook.events),
        "syncEvents": lambda *_: [],
        "eventDeliveries": _deliveries,
    },
    "EventDelivery": {
        "eventType": lambda delivery, *_: delivery.event,
        "attempts": _attempts,
    },
    "User": {"userPermissions": lambda user, *_: _codes(user.permissions)},
}
"""Resolvers of fields: ``(object, request, args)``."""
