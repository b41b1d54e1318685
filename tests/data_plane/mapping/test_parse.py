"""Reading a body: what is an order event, and what the reason says where it is none."""

import json
from typing import Any

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping import (
    CheckoutEvent,
    CustomerEvent,
    FulfillmentEvent,
    Mapped,
    NullEvent,
    OrderEvent,
    Parsed,
    map_event,
    parse,
)
from tests.data_plane.mapping.deliveries import (
    PIPELINE,
    Captured,
    Json,
    captured,
    message_of,
    of_our_events,
)
from tests.data_plane.mapping.rules import assert_sendable

ORDER = {"id": "T3JkZXI6MQ=="}
TYPED = {
    Subject.ORDER: OrderEvent,
    Subject.FULFILLMENT: FulfillmentEvent,
    Subject.CHECKOUT: CheckoutEvent,
    Subject.CUSTOMER: CustomerEvent,
}
OLD_CAPTURE = {one.name: one for one in captured("webhooks")}
NOT_ORDER_EVENTS = {"variant-legacy", "variant-any"}
OF_OUR_EVENTS = [one for one in of_our_events("webhooks") if one.name not in NOT_ORDER_EVENTS]
OF_ORDERS = [one for one in OF_OUR_EVENTS if one.event.subject is Subject.ORDER]


def _parse(document: Any, event: Event = Event.ORDER_CREATED) -> Parsed:
    return parse(event, json.dumps(document).encode())


def _about(event: Event, subject: Json | None) -> Json:
    """Return an event's own fields."""
    return {"order": ORDER} | {event.subject.value: subject}


def _reason(document: Any, event: Event = Event.ORDER_CREATED) -> str:
    with pytest.raises(Unmappable) as refused:
        map_event(parse(event, json.dumps(document).encode()), PIPELINE, None)
    return str(refused.value)


def test_a_bare_event_is_read() -> None:
    parsed = _parse({"order": ORDER})
    assert isinstance(parsed, OrderEvent)
    assert parsed.order == ORDER


@pytest.mark.parametrize("event", Event)
def test_a_root_field_event_is_read_by_what_it_is_about(event: Event) -> None:
    field = event.type_name[0].lower() + event.type_name[1:]
    about = _about(event, {"id": "T3JkZXI6Nw=="})
    parsed = _parse({"data": {field: {"__typename": event.type_name, **about}}}, event)
    assert isinstance(parsed, TYPED[event.subject])
    assert not isinstance(parsed, NullEvent)
    assert parsed.subject_id == "T3JkZXI6Nw=="


@pytest.mark.parametrize("event", Event)
def test_what_is_null_makes_no_message(event: Event) -> None:
    parsed = _parse(_about(event, None), event)
    assert isinstance(parsed, NullEvent)
    assert map_event(parsed, PIPELINE, None) == Mapped()


def test_a_fulfillment_of_an_order_that_is_gone_makes_no_message() -> None:
    document = {"fulfillment": {"id": "RnVsZmlsbG1lbnQ6MQ=="}, "order": None}
    assert isinstance(_parse(document, Event.FULFILLMENT_CREATED), NullEvent)


@pytest.mark.parametrize("event", Event)
def test_what_an_event_is_about_must_be_there_with_an_id(event: Event) -> None:
    subject = event.subject.value
    assert f"{subject} is missing" in _reason({"issuedAt": None}, event)
    assert f"{subject}.id is missing" in _reason(_about(event, {"id": None}), event)


def test_a_fulfillment_must_say_of_which_order_it_is() -> None:
    document = {"fulfillment": {"id": "RnVsZmlsbG1lbnQ6MQ=="}}
    assert "order is missing" in _reason(document, Event.FULFILLMENT_CREATED)


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


@pytest.mark.parametrize("one", OF_ORDERS, ids=lambda one: one.name)
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
    never_captured = {Event.FULFILLMENT_CANCELED, Event.CUSTOMER_UPDATED}
    assert {one.event for one in OF_OUR_EVENTS} == set(Event) - never_captured
    assert {"variant-rootfield", "variant-secret"} <= {one.name for one in OF_OUR_EVENTS}


def test_without_issued_at_the_time_is_left_to_segment() -> None:
    assert "timestamp" not in message_of(Event.ORDER_CREATED, {"order": ORDER})
