"""Reading a body: what is an order event, and what the reason says where it is none."""

import json
from typing import Any

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping import Mapped, map_event, parse
from tests.data_plane.mapping.deliveries import PIPELINE, Captured, Json, captured, message_of
from tests.data_plane.mapping.rules import assert_sendable

ORDER = {"id": "T3JkZXI6MQ=="}
OLD_CAPTURE = {one.name: one for one in captured("webhooks")}
NOT_ORDER_EVENTS = {"variant-legacy", "variant-any"}
OF_OUR_EVENTS = [
    one
    for one in captured("webhooks")
    if one.event_name in Event.__members__ and one.name not in NOT_ORDER_EVENTS
]


def _parse(document: Any, event: Event = Event.ORDER_CREATED) -> str | None:
    return parse(event, json.dumps(document).encode()).order_id


def _reason(document: Any, event: Event = Event.ORDER_CREATED) -> str:
    with pytest.raises(Unmappable) as refused:
        map_event(parse(event, json.dumps(document).encode()), PIPELINE, None)
    return str(refused.value)


def test_a_bare_event_is_read() -> None:
    assert _parse({"order": ORDER}) == ORDER["id"]


@pytest.mark.parametrize("event", Event)
def test_a_root_field_event_is_read(event: Event) -> None:
    field = event.type_name[0].lower() + event.type_name[1:]
    assert _parse({"data": {field: {"__typename": event.type_name, "order": ORDER}}}, event)


def test_a_null_order_has_no_id_and_makes_no_message() -> None:
    parsed = parse(Event.ORDER_CREATED, b'{"order": null}')
    assert parsed.order_id is None
    assert map_event(parsed, PIPELINE, None) == Mapped(messages=(), ledger=None)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([ORDER], "legacy payload"),
        ("text", "not a JSON object"),
        ({}, "order is missing"),
        ({"data": {}}, "order is missing"),
        ({"data": {"orderUpdated": {"order": ORDER}}}, "order is missing"),
        ({"data": [1]}, "data is not an object"),
        ({"order": []}, "order is not an object"),
        ({"order": {}}, "order.id is missing"),
        ({"order": {"id": 7}}, "id is not text"),
        ({"__typename": "OrderUpdated", "order": ORDER}, "__typename is not OrderCreated"),
        ({"issuedAt": "yesterday", "order": ORDER}, "issuedAt is not a time"),
        ({"issuedAt": "2026-11-24T12:00:00", "order": ORDER}, "issuedAt is not a time"),
        ({"issuedAt": "0001-01-01T00:00:00+09:00", "order": ORDER}, "issuedAt is not a time"),
    ],
)
def test_what_is_no_order_event_is_refused_with_the_field(document: Any, reason: str) -> None:
    assert reason in _reason(document)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(Unmappable, match="not JSON"):
        parse(Event.ORDER_CREATED, b"{")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lines": {}}, "lines is not a list of objects"),
        ({"lines": [None]}, "lines is not a list of objects"),
        ({"user": "secret@example.net"}, "user is not an object"),
        ({"userEmail": ["secret@example.net"]}, "userEmail is not text"),
        ({"total": {"gross": {"amount": "12 secret"}}}, "gross.amount is not an amount"),
        ({"total": {"gross": {"amount": True}}}, "gross.amount is not an amount"),
        ({"total": {"gross": {"amount": 1e15}}}, "gross.amount is not an amount"),
        ({"lines": [{"quantity": 1.5}]}, "quantity is not a whole number"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named_without_its_value(fields: Json, reason: str) -> None:
    told = _reason({"order": ORDER | fields})
    assert reason in told
    assert "secret" not in told


def test_saleors_legacy_payload_is_refused_with_the_reason() -> None:
    legacy = OLD_CAPTURE["variant-legacy"]
    with pytest.raises(Unmappable, match="the webhook has no subscription"):
        parse(legacy.event, legacy.body)


def test_another_event_on_the_same_webhook_is_refused() -> None:
    with pytest.raises(Unmappable, match="__typename"):
        parse(Event.ORDER_CREATED, OLD_CAPTURE["variant-any"].body)


@pytest.mark.parametrize("one", OF_OUR_EVENTS, ids=lambda one: one.name)
def test_an_older_delivery_maps_to_what_it_holds(one: Captured) -> None:
    (message,) = map_event(parse(one.event, one.body), PIPELINE, None).messages
    properties = assert_sendable(message)["properties"]
    told = one.document
    for root in told.get("data", {}).values():
        told = root
    order = told["order"]
    assert properties["order_id"] == order["id"]
    assert properties["order_number"] == order["number"]
    assert "subtotal" not in properties  # they were not asked for net amounts
    if one.event is not Event.ORDER_REFUNDED and "lines" in order:
        gross = sum(line["totalPrice"]["gross"]["amount"] for line in order["lines"])
        delivery = order["shippingPrice"]["gross"]["amount"]
        assert properties["total"] == pytest.approx(gross + delivery)
        assert [p["quantity"] for p in properties["products"]] == [
            line["quantity"] for line in order["lines"]
        ]


def test_the_older_capture_has_all_our_events() -> None:
    assert {one.event for one in OF_OUR_EVENTS} == set(Event)
    assert {"variant-rootfield", "variant-secret"} <= {one.name for one in OF_OUR_EVENTS}


def test_without_issued_at_the_time_is_left_to_segment() -> None:
    assert "timestamp" not in message_of(Event.ORDER_CREATED, {"order": ORDER})
