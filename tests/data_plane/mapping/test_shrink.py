"""Messages that would be too large: what is dropped, in which order, and that money stays."""

import json
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping import map_event, parse
from tests.data_plane.mapping.checkouts import checkout_of, line_of
from tests.data_plane.mapping.deliveries import PIPELINE, Json, captured, message_of, messages_of
from tests.data_plane.mapping.options import piped
from tests.data_plane.mapping.people import ACCOUNT
from tests.data_plane.mapping.rules import assert_sendable

LARGE = next(one for one in captured("webhooks2") if one.name == "order-created.large")


def _order_of(lines: int, **fields: Any) -> Json:
    """Return the captured large order with so many lines, each a line of its own."""
    document: Json = LARGE.document
    order = document["order"]
    originals = order["lines"]
    order["lines"] = [
        originals[number % len(originals)] | {"id": f"T3JkZXJMaW5lOj{number:03}"}
        for number in range(lines)
    ]
    order |= fields
    return document


def _mapped(
    document: Json, event: Event = Event.ORDER_CREATED, pipeline: Pipeline = PIPELINE
) -> Json:
    raw = json.dumps(document).encode()
    (message,) = map_event(parse(event, raw), pipeline, None).messages
    properties: Json = assert_sendable(message)["properties"]
    return properties


def _sum(order: Json, price: str, side: str) -> Decimal:
    return sum((Decimal(str(line[price][side]["amount"])) for line in order["lines"]), Decimal(0))


def test_the_captured_large_order_fits_whole() -> None:
    properties = message_of(LARGE.event, LARGE.body)["properties"]
    assert len(properties["products"]) == 71
    assert all("image_url" in product for product in properties["products"])
    assert "products_truncated" not in properties


def test_a_200_line_order_shrinks_and_its_money_stays_right() -> None:
    document = _order_of(200)
    order = document["order"]
    properties = _mapped(document)
    shipping = {
        side: Decimal(str(order["shippingPrice"][side]["amount"])) for side in ("net", "gross")
    }
    net, gross = (_sum(order, "totalPrice", side) for side in ("net", "gross"))
    assert properties["subtotal"] == properties["revenue"] == float(net)
    assert properties["total"] == properties["value"] == float(gross + shipping["gross"])
    assert properties["shipping"] == float(shipping["net"])
    assert properties["tax"] == float(gross + shipping["gross"] - net - shipping["net"])
    assert properties["discount"] == float(_sum(order, "undiscountedTotalPrice", "net") - net)
    assert properties["products_truncated"] is True
    assert properties["products_count"] == 200
    kept = properties["products"]
    assert 80 < len(kept) < 200
    assert [product["line_id"] for product in kept] == [
        line["id"] for line in order["lines"][: len(kept)]
    ]
    assert all({"price", "quantity", "product_id"} <= product.keys() for product in kept)


def _stages(pipeline: Pipeline, orders: Iterable[Json], keys: tuple[str, ...]) -> list[Json]:
    """Return what ever larger orders keep of these keys, each state once."""
    stages: list[Json] = []
    for order in orders:
        properties = _mapped(order, pipeline=pipeline)
        kept = {key for product in properties["products"] for key in product}
        stage = {key: key in kept for key in keys}
        stage["every line"] = "products_truncated" not in properties
        if not stages or stages[-1] != stage:
            stages.append(stage)
    return stages


def _dropping(*stages: tuple[str, ...]) -> list[Json]:
    """Return the states in which one group of keys after another goes."""
    state = dict.fromkeys((key for stage in stages for key in stage), True)
    return [state, *(state := state | dict.fromkeys(stage, False) for stage in stages)]


def test_what_counts_least_is_dropped_first_and_as_little_as_will_do() -> None:
    orders = (_order_of(lines) for lines in range(60, 220, 4))
    keys = ("image_url", "category", "position", "name")
    assert _stages(PIPELINE, orders, keys) == _dropping(
        ("image_url",), ("category", "position"), ("name",), ("every line",)
    )


def test_pages_go_after_pictures_and_brands_with_categories() -> None:
    options = {"url": "https://shop.example.com/{channel}/{slug}", "brandAttribute": "brand"}
    pipeline = piped(products=options)
    keys = ("image_url", "url", "category", "position", "brand", "name")
    orders = (_branded(_order_of(lines)) for lines in range(40, 220, 4))
    assert _stages(pipeline, orders, keys) == _dropping(
        ("image_url",), ("url",), ("category", "position", "brand"), ("name",), ("every line",)
    )


def _branded(document: Json) -> Json:
    attribute = {"attribute": {"values": [{"name": "Acme"}]}}
    for line in document["order"]["lines"]:
        if line["variant"]:
            product = line["variant"]["product"] | attribute
            line["variant"] = line["variant"] | {"product": product}
    return document


def test_with_every_option_a_200_line_order_and_its_customer_arrive() -> None:
    pipeline = piped(
        identify=True,
        privacy={"name": "Plain", "phone": "Plain", "address": "Plain"},
        products={"url": "https://shop.example.com/{slug}", "brandAttribute": "brand"},
        consent={"metadataKey": "consent", "categories": {"Ads": "ads"}, "unknown": "Deny"},
    )
    document = _branded(_order_of(200, user=ACCOUNT))
    raw = json.dumps(document).encode()
    messages = map_event(parse(Event.ORDER_CREATED, raw), pipeline, None).messages
    assert [json.loads(message.payload)["type"] for message in messages] == ["identify", "track"]
    assert all(len(message.payload) <= 32_000 for message in messages)
    track = json.loads(messages[1].payload)
    assert track["properties"]["products_count"] == 200
    assert track["context"]["traits"]["address"]["city"] == "SOPOT"


def test_a_200_line_checkout_arrives() -> None:
    lines = [line_of(98.4, 80.0, 123.0) | {"id": f"line-{number:03}" * 8} for number in range(200)]
    body = {"checkout": {"id": "c", **checkout_of(lines, with_tax=True)}}
    ((message,), _) = messages_of(Event.CHECKOUT_UPDATED, body)
    assert message["properties"]["products_count"] == 200
    assert message["properties"]["subtotal"] == 16_000.0
    assert message["properties"]["discount"] == 4_000.0


def test_a_truncated_message_is_nearly_full() -> None:
    raw = json.dumps(_order_of(300)).encode()
    (message,) = map_event(parse(Event.ORDER_CREATED, raw), PIPELINE, None).messages
    assert 31_500 < len(message.payload) <= 32_000


def test_letters_count_in_bytes() -> None:
    document = _order_of(60)
    for line in document["order"]["lines"]:
        line["productName"] = "é" * 200
    properties = _mapped(document)
    assert "image_url" not in properties["products"][0]


def test_a_large_refund_gives_up_its_list_of_lines_before_its_products() -> None:
    document = _order_of(120, totalRefunded={"amount": 5.0, "currency": "USD"})
    document["__typename"] = "OrderRefunded"
    document["order"]["total"]["gross"]["amount"] = 5.0
    properties = _mapped(document, Event.ORDER_REFUNDED)
    assert properties["total"] == 5.0
    assert properties["lines_truncated"] is True
    assert properties["lines_count"] == 120
    assert len(properties["products"]) == 120
    assert "products_truncated" not in properties


def test_a_message_too_large_without_lines_is_refused_by_name() -> None:
    order = {"id": "x", "userEmail": "a" * 32_000 + "@example.net", "lines": []}
    with pytest.raises(Unmappable, match="32,000 bytes"):
        message_of(Event.ORDER_CREATED, {"order": order})
