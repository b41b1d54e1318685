"""Captured deliveries with what the shop that was captured did not have, and every option on."""

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.catalogue import Kind, kind_of
from tests.data_plane.mapping.checkouts import checkout_of, line_of
from tests.data_plane.mapping.deliveries import Json, captured, messages_of, with_options
from tests.data_plane.mapping.people import ACCOUNT, ADDRESS

EVERYTHING: Json = {
    "identify": True,
    "privacy": {"name": "Plain", "phone": "Plain", "address": "Plain"},
    "consent": {"metadataKey": "consent", "categories": {"Advertising": "ads"}},
    "products": {
        "url": "https://shop.example.com/{channel}/{slug}?id={id}",
        "brandAttribute": "brand",
    },
}
PIPELINES = (
    with_options(**EVERYTHING),
    with_options(**EVERYTHING, userId="Email"),
    with_options(**EVERYTHING, guest="Anonymous"),
    with_options(**EVERYTHING).model_copy(update={"since": datetime(2027, 1, 1, tzinfo=UTC)}),
)
"""What is sent at all is sent by one of these."""

_METADATA = {"segment_anonymous_id": "f3a1c0de-web-visitor", "consent": "ads"}
_ORDERS = {
    Event.ORDER_CREATED: (
        "order-created.tax-inclusive.voucher-fixed",
        "order-created.gift-card-full",
        "order-created.click-and-collect.tax-exclusive",
        "order-created.variant-deleted",
        "order-created.large",
    ),
    Event.ORDER_REFUNDED: (),  # all of them
    Event.FULFILLMENT_CREATED: (),
    Event.CUSTOMER_CREATED: (),
}


def bodies_of(kind: Kind) -> Iterator[tuple[Event, Json]]:
    """Yield bodies that hold, among them, everything that such an event may hold."""
    if kind is Kind.CHECKOUT:
        yield from _checkouts()
        return
    for event, names in _ORDERS.items():
        if kind_of(event) is not kind:
            continue
        for folder in ("webhooks", "webhooks2"):
            for one in captured(folder):
                wanted = not names or one.name in names
                if one.event_name == event and wanted and type(one.document) is dict:
                    yield from _variants(event, one.document)


def leaves(messages: list[Json]) -> dict[str, list[Any]]:
    """Return what messages hold by the names of the catalogue; ``properties.`` stays before."""
    found: dict[str, list[Any]] = {}
    for message in messages:
        for name, value in _leaves(message, ""):
            found.setdefault(_general(name, message["type"]), []).append(value)
    return found


def without(body: Any, path: str) -> Any:
    """Return a body without one field, wherever it is in a list."""
    cut = copy.deepcopy(body)
    *way, last = path.split(".")
    for holder in _at(cut, way):
        holder.pop(last, None)
    return cut


def sent(event: Event, body: Json, pipeline: Pipeline) -> list[Json]:
    """Map a body; what cannot be mapped sends nothing."""
    try:
        return messages_of(event, body, pipeline=pipeline)[0]
    except Unmappable:
        return []


def _variants(event: Event, document: Json) -> Iterator[tuple[Event, Json]]:
    """Yield a body with an account, with one that says little, and of a guest."""
    filled = json.loads(json.dumps(document))
    if event.subject is Subject.CUSTOMER:
        yield event, {**filled, "user": {**ACCOUNT, "isStaff": False, "metafields": _METADATA}}
        return
    if filled.get("order") is None:
        return
    order = filled["order"]
    order |= {"metafields": _METADATA, "trackingClientId": "GA1.1.1", "voucherCode": "TEN"}
    order |= {"billingAddress": ADDRESS, "userEmail": "typed@example.net"}
    for line in order.get("lines", []):
        line["voucherCode"] = "TEN"
        _brand(line.get("variant"))
    _grant(order)
    _parcel(filled.get("fulfillment"), order)
    for user in (ACCOUNT, {"id": "VXNlcjox"}, None):
        yield event, {**filled, "order": {**order, "user": user}}
    yield event, _bare(filled)


def _bare(filled: Json) -> Json:
    """Return a body without what other fields stand in for."""
    bare = copy.deepcopy(filled)
    order = bare["order"]
    order |= {"user": None, "metafields": {}, "userEmail": None, "total": {}}
    order |= {"shippingMethodName": None, "collectionPointName": "Warehouse"}
    parts = bare.get("fulfillment", {}).get("lines", [])
    for line in (*order.get("lines", []), *(part["orderLine"] for part in parts)):
        line["variant"] = None
    return bare


def _grant(order: Json) -> None:
    """Say of each granted refund which transaction events paid it out."""
    paid = [each for one in order.get("transactions") or () for each in one.get("events", ())]
    for grant in order.get("grantedRefunds") or ():
        grant["transactionEvents"] = [{"id": each["id"]} for each in paid]


def _parcel(fulfillment: Json | None, order: Json) -> None:
    """Give a parcel the lines of its order, as the subscription asks for them."""
    if fulfillment is None:
        return
    fulfillment |= {"fulfillmentOrder": 1, "created": "2026-11-24T19:33:31.9+00:00"}
    fulfillment["trackingNumber"] = "TRK1"
    lines = {line["id"]: line for line in order.get("lines", [])}
    for part in fulfillment["lines"]:
        part["orderLine"] |= lines.get(part["orderLine"]["id"], {})


def _brand(variant: Json | None) -> None:
    if variant is not None:
        variant["product"]["attribute"] = {"values": [{"name": "Saleor"}]}


def _checkouts() -> Iterator[tuple[Event, Json]]:
    for with_tax in (True, False):
        line = line_of(98.4, 80.0, 123.0, quantity=2)
        _brand(line["variant"])
        checkout = checkout_of([line], with_tax=with_tax)
        checkout |= {"id": "Q2hlY2tvdXQ6MQ==", "metafields": _METADATA, "billingAddress": ADDRESS}
        for user in (ACCOUNT, {"id": "VXNlcjox"}, None):
            event = Event.CHECKOUT_CREATED
            issued = {"issuedAt": "2026-11-24T19:33:31.990936+00:00"}
            yield event, {**issued, "checkout": {**checkout, "user": user}}
            bare = {**line, "variant": {**line["variant"], "product": {"name": "Apple Juice"}}}
            anonymous = {**checkout, "user": user, "metafields": {}, "lines": [bare]}
            yield event, {**issued, "checkout": anonymous}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, f"{path}[]")
    else:
        yield path, value


def _general(name: str, kind: str) -> str:
    """Return a trait's name as in an identify, and the whole of what is explained as one."""
    name = name.removeprefix("context.") if kind == "track" and ".traits." in name else name
    for whole in ("context.app", "context.library", "context.consent.categoryPreferences"):
        if name.startswith(whole + "."):
            return whole
    return name


def _at(value: Any, way: list[str]) -> Iterator[Json]:
    """Yield the objects that are reached by a path, in lists as well."""
    if isinstance(value, list):
        for item in value:
            yield from _at(item, way)
    elif isinstance(value, dict):
        if way:
            yield from _at(value.get(way[0]), way[1:])
        else:
            yield value
