"""Every message is one that Segment keeps, and every bad body is refused by name."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping import map_event, parse
from tests.data_plane.mapping.deliveries import (
    PIPELINE,
    Captured,
    Json,
    message_of,
    of_our_events,
    with_options,
)
from tests.data_plane.mapping.forwarded import Forwarded
from tests.data_plane.mapping.golden import OPTION_SETS, every_capture
from tests.data_plane.mapping.options import personal_options
from tests.data_plane.mapping.rules import STEADY, assert_exact, assert_sendable

DELIVERIES = of_our_events("webhooks2")
EVERY = [one for one in every_capture() if one.name not in {"variant-legacy", "variant-any"}]


@pytest.mark.parametrize("one", DELIVERIES, ids=lambda one: one.name)
def test_every_captured_delivery_makes_messages_segment_keeps(one: Captured) -> None:
    messages = map_event(parse(one.event, one.body), PIPELINE, None).messages
    assert messages
    for message in messages:
        decoded = assert_sendable(message)
        assert decoded["properties"]["order_id"] == one.document["order"]["id"]
        assert decoded["timestamp"] == one.document["issuedAt"][:23] + "Z"


@pytest.mark.parametrize("name", OPTION_SETS)
def test_with_each_option_every_captured_delivery_makes_messages_segment_keeps(name: str) -> None:
    forwarded = Forwarded(with_options(**OPTION_SETS[name]))
    for one in EVERY:
        for message in forwarded.map(one.event, one.body):
            assert_sendable(message)
            assert_exact(message)


GENERAL = st.fixed_dictionaries(
    {
        "updates": st.sampled_from(["All", "Changed"]),
        "channels": st.sampled_from([[], ["default-channel"]]),
        "names": st.sampled_from([{}, {"ORDER_CREATED": "Bought"}]),
        "products": st.sampled_from([{}, {"url": "https://x/{slug}", "brandAttribute": "brand"}]),
        "anonymousIdKey": st.sampled_from(["segment_anonymous_id", "other"]),
    }
)
NAMED = st.sampled_from([{}, {"naming": "Spec"}]) | st.fixed_dictionaries(
    {"naming": st.just("Spec"), "completedOn": st.sampled_from(["Confirmed", "FullyPaid"])}
)
EVERY_OPTION = st.builds(
    lambda *parts: {k: v for part in parts for k, v in part.items()},
    personal_options,
    GENERAL,
    NAMED,
)


@settings(STEADY, max_examples=300)
@given(options=EVERY_OPTION, some=st.lists(st.sampled_from(EVERY), min_size=1, max_size=20))
def test_with_any_options_and_memory_messages_are_what_segment_keeps(
    options: Json, some: list[Captured]
) -> None:
    forwarded = Forwarded(with_options(**options))
    for one in some:
        for message in forwarded.map(one.event, one.body):
            assert_sendable(message)
            assert_exact(message)


def test_a_message_has_what_segment_reads() -> None:
    body = {
        "issuedAt": "2026-11-24T20:00:00.123999+01:00",
        "order": {"id": "T3JkZXI6MQ==", "user": {"id": "VXNlcjox", "email": "a@example.net"}},
    }
    message = message_of(Event.ORDER_CANCELLED, body)
    version = message["context"]["library"]["version"]
    assert version
    software = {"name": "saleor-segment-operator", "version": version}
    assert message == {
        "type": "track",
        "event": "Saleor Order Cancelled",
        "userId": "VXNlcjox",
        "messageId": message["messageId"],
        "timestamp": "2026-11-24T19:00:00.123Z",
        "properties": {
            "order_id": "T3JkZXI6MQ==",
            "email": "a@example.net",
            "source": "https://shop.example.com",
        },
        "context": {"app": software, "library": software, "traits": {"email": "a@example.net"}},
    }


def test_the_source_is_the_address_the_shop_is_known_by() -> None:
    assert PIPELINE.saleor.shop_url != "https://shop.example.org:8443"  # looked at before the copy
    saleor = PIPELINE.saleor.model_copy(update={"public_url": "https://Shop.example.org:8443"})
    pipeline = PIPELINE.model_copy(update={"saleor": saleor})
    properties = message_of(Event.ORDER_CREATED, {"order": {"id": "x"}}, pipeline)["properties"]
    assert properties["source"] == "https://shop.example.org:8443"


@pytest.mark.parametrize(
    ("fields", "method"),
    [
        ({"shippingMethodName": "DHL", "collectionPointName": None}, "DHL"),
        ({"shippingMethodName": None, "collectionPointName": "Warehouse"}, "Warehouse"),
        ({"shippingMethodName": "", "collectionPointName": ""}, None),
    ],
)
def test_the_shipping_method_is_a_collection_point_where_the_order_is_picked_up(
    fields: Json, method: str | None
) -> None:
    properties = message_of(Event.ORDER_CREATED, {"order": {"id": "x", **fields}})["properties"]
    assert properties.get("shipping_method") == method


def test_a_deleted_variant_keeps_its_id_as_the_product() -> None:
    line = {"id": "l", "productVariantId": "v", "variant": None, "thumbnail": None}
    message = message_of(Event.ORDER_CREATED, {"order": {"id": "x", "lines": [line]}})
    assert message["properties"]["products"] == [
        {"product_id": "v", "variant_id": "v", "line_id": "l", "position": 1}
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: a container, and a key or an index in it."""
    if isinstance(value, dict):
        own = [(value, key) for key in value]
    else:
        own = [(value, index) for index in range(len(value))]
    inner = [container[key] for container, key in own]
    return own + [p for item in inner if isinstance(item, dict | list) for p in _places(item)]


@STEADY
@given(st.data())
def test_a_damaged_delivery_is_mapped_well_or_refused(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(EVERY).filter(lambda one: len(one.body) < 9000))
    document, forwarded = one.document, Forwarded(with_options(**data.draw(EVERY_OPTION)))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(_places(document)))
        container[key] = data.draw(JSON)
    try:
        messages = forwarded.map(one.event, json.dumps(document).encode())
    except Unmappable:
        return
    for message in messages:
        assert_sendable(message)


def _says_nothing(value: Any) -> bool:
    """Tell whether it has no field of a delivery."""
    fields = {"data", "order", *(event.subject.value for event in Event)}
    return not isinstance(value, dict) or value.keys().isdisjoint(fields)


NOTHING = JSON.filter(_says_nothing).map(lambda value: json.dumps(value).encode())


@STEADY
@given(st.sampled_from(Event), st.binary(max_size=60) | NOTHING)
def test_what_is_no_delivery_is_refused(event: Event, body: bytes) -> None:
    with pytest.raises(Unmappable):
        parse(event, body)
