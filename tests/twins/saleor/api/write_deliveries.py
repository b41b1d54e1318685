"""Mutations that try a webhook, and that send a failed delivery again."""

import json
from collections.abc import Mapping
from typing import Any

from tests.twins.saleor.api.errors import UserError, not_found
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.subscription import Occurrence, Subscription, type_name
from tests.twins.saleor.ids import key_of
from tests.twins.saleor.shop.orders import Order

Args = Mapping[str, Any]
Answer = Mapping[str, Any]


def _dry_run(request: Request, args: Args) -> Answer:
    request.demand("AUTHENTICATED_STAFF_USER")
    state = request.state
    subscription = Subscription.parse(args["query"], state.schema)
    order = _subject(request, args["objectId"])
    occurrence = Occurrence(
        graphql_type=type_name(subscription.events[0]),
        issued_at=state.time.now(),
        version=state.version.text,
        recipient=None,
        subject=order,
    )
    payload, errors = subscription.render(state.schema, occurrence, request)
    shown = (payload or {}) | ({"errors": errors} if errors else {})
    return {"payload": json.dumps(shown)}


def _trigger(request: Request, args: Args) -> Answer:
    request.demand("AUTHENTICATED_STAFF_USER")
    webhook = request.state.apps.find_webhook(key_of(args["webhookId"], "Webhook"))
    if webhook is None:
        raise not_found("webhookId", args["webhookId"])
    order = _subject(request, args["objectId"])
    event = webhook.subscription.events[0]
    return {"delivery": request.state.outbox.deliver(webhook, event, order)}


def _subject(request: Request, node_id: str) -> Order:
    """Return the order an event is tried with, for staff who may see it."""
    if not request.may("MANAGE_ORDERS"):
        message = "The user doesn't have required permission: manage_orders."
        raise UserError(None, message, "MISSING_PERMISSION")
    order = request.state.shop.orders.get(node_id)
    if order is None:
        raise not_found("objectId", node_id)
    return order


def _retry(request: Request, args: Args) -> Answer:
    request.demand("MANAGE_APPS")
    delivery = request.state.outbox.find(args["id"])
    if delivery is None:
        raise not_found("id", args["id"])
    request.state.outbox.retry(delivery)
    return {"delivery": delivery}


MUTATIONS = {
    "eventDeliveryRetry": _retry,
    "webhookDryRun": _dry_run,
    "webhookTrigger": _trigger,
}
