"""Mutations of webhooks: whose they are, which events they hear, what is refused."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from tests.twins.saleor.api.errors import UserError, not_found
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.subscription import Subscription
from tests.twins.saleor.apps import App, Webhook
from tests.twins.saleor.ids import key_of

Args = Mapping[str, Any]
Answer = Mapping[str, Any]

_SCHEMES = {"http", "https", "awssqs", "gcpubsub"}
_LENGTHS = {"name": 255, "targetUrl": 255, "identifier": 256}
_HEADER = re.compile(r"x-|authorization|brokerproperties$", re.IGNORECASE)
_MOST_HEADERS = 5
_LONGEST_HEADER = 996


def _create(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS", "AUTHENTICATED_APP")
    given = args["input"]
    app = _owner(request, given.get("app"))
    changes = _checked(request, app, given)
    for name in ("targetUrl", "query"):  # without a query Saleor would send its legacy payload
        if not given.get(name):
            raise UserError(name, "This field is required.", "REQUIRED")
    webhook = request.state.apps.add_webhook(app, **({"name": None} | changes))
    return {"webhook": webhook}


def _update(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS", "AUTHENTICATED_APP")
    webhook = _addressed(request, args, "id", "NOT_FOUND")
    for name, value in _checked(request, webhook.app, args["input"], webhook).items():
        setattr(webhook, name, value)
    return {"webhook": webhook}


def _delete(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS", "AUTHENTICATED_APP")
    missing = (None, "GRAPHQL_ERROR") if request.app else ("id", "NOT_FOUND")
    webhook = _addressed(request, args, *missing)
    webhook.is_active = False
    if any(delivery.in_flight for delivery in request.state.outbox.kept(webhook)):
        message = "Webhook couldn't be deleted at this time due to running task."
        raise UserError(None, message, "DELETE_FAILED")
    request.state.outbox.drop(webhook)
    webhook.app.webhooks.remove(webhook)
    return {"webhook": webhook}


def _owner(request: Request, app_id: str | None) -> App:
    """An app writes its own webhooks, whatever ``app`` says; staff have to name one."""
    if request.app:
        return request.app
    if app_id is None:
        message = "Missing app id. Fill in the app field or run the mutation by the app"
        raise UserError(None, message, "INVALID")
    app = request.state.apps.find(key_of(app_id, "App"))
    if app is None or not app.is_active:
        raise UserError("app", "App doesn't exist or is disabled", "NOT_FOUND")
    return app


def _addressed(request: Request, args: Args, field: str | None, code: str) -> Webhook:
    """Return the webhook that ``id`` or, for an app's own, ``identifier`` names."""
    if (identifier := args.get("identifier")) is not None:
        return _by_identifier(request, identifier)
    if args.get("id") is None:
        raise UserError(
            None, "At least one of arguments is required: 'id', 'identifier'.", "REQUIRED"
        )
    webhook = request.state.apps.find_webhook(key_of(args["id"], "Webhook"))
    if webhook is None or (request.app and not request.owns(webhook)):
        raise not_found(field, args["id"], code)
    return webhook


def _by_identifier(request: Request, identifier: str) -> Webhook:
    if request.app is None:
        message = (
            "Webhook identifier can only be used by an app to reference its own webhook. "
            "Use `id` instead."
        )
        raise UserError("identifier", message, "INVALID")
    for webhook in request.app.webhooks:
        if webhook.identifier == identifier:
            return webhook
    raise not_found("identifier", identifier)


def _checked(
    request: Request, app: App, given: Args, present: Webhook | None = None
) -> dict[str, Any]:
    """Return the members that the input changes. Raise ``UserError`` for what is refused."""
    _check_lengths(given)
    changes = dict[str, Any]()
    if (query := given.get("query")) is not None:
        changes["subscription"] = Subscription.parse(query, request.state.schema)
    if events := _events(given, changes.get("subscription")):
        changes["events"] = events
    if given.get("customHeaders") is not None:
        changes["headers"] = _headers(given["customHeaders"])
    if (url := given.get("targetUrl")) is not None:
        changes["target_url"] = _url(url)
    if "identifier" in given:
        changes["identifier"] = _identifier(app, given["identifier"], present)
    plain = {"name": "name", "isActive": "is_active", "secretKey": "secret_key"}
    changes |= {
        member: given[name] for name, member in plain.items() if given.get(name) is not None
    }
    return changes


def _events(given: Args, subscription: Subscription | None) -> tuple[str, ...]:
    """Events given count first; a query alone brings its own, and an empty list nothing."""
    if given.get("syncEvents"):
        raise UserError("syncEvents", "The twin has no synchronous events.", "INVALID")
    if named := given.get("events") or given.get("asyncEvents"):
        return tuple(named)
    return subscription.events if subscription else ()


def _check_lengths(given: Args) -> None:
    for field, longest in _LENGTHS.items():
        if (length := len(given.get(field) or "")) > longest:
            message = f"Ensure this value has at most {longest} characters (it has {length})."
            raise UserError(field, message, "INVALID")


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise UserError("targetUrl", "Enter a valid URL.", "INVALID")
    return url


def _identifier(app: App, wanted: str | None, present: Webhook | None) -> str | None:
    for webhook in app.webhooks:
        if wanted and webhook is not present and webhook.identifier == wanted:
            message = "Webhook with this App and Identifier already exists."
            raise UserError(None, message, "UNIQUE")
    return wanted or None


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return custom headers in lower case (saleor/webhook/validators.py)."""
    if len(given) > _MOST_HEADERS:
        message = f"Number of headers exceeds the limit: {_MOST_HEADERS}."
        raise UserError("customHeaders", message, "INVALID_CUSTOM_HEADERS")
    for key, value in given.items():
        if not _HEADER.match(key):
            message = (
                f'"{key}" does not match allowed key pattern: '
                '"X-*", "Authorization*", or "BrokerProperties".'
            )
            raise UserError("customHeaders", message, "INVALID_CUSTOM_HEADERS")
        if len(key) + len(value) > _LONGEST_HEADER or not f"{key}{value}".isascii():
            message = f'"{key}" is too long or not ASCII.'
            raise UserError("customHeaders", message, "INVALID_CUSTOM_HEADERS")
    return {key.lower(): value for key, value in given.items()}


MUTATIONS = {"webhookCreate": _create, "webhookDelete": _delete, "webhookUpdate": _update}
