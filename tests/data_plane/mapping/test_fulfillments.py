"""A fulfillment is told with its lines and quantities, and without the money of its order."""

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.mapping.names import NAMES
from tests.data_plane.mapping.deliveries import Captured, Json, captured, message_of, with_options

FULFILLMENTS = (Event.FULFILLMENT_CREATED, Event.FULFILLMENT_CANCELED)
MONEY = {"revenue", "total", "value", "subtotal", "tax", "shipping", "discount"}


def order_line(number: int, quantity: int) -> Json:
    """Return an order line as the subscription of a fulfillment selects it."""
    return {
        "id": f"line-{number}",
        "quantity": quantity,
        "productName": f"Product {number}",
        "variantName": "M",
        "productSku": f"sku-{number}",
        "productVariantId": f"variant-{number}",
        "totalPrice": {"gross": {"amount": 50.0}, "net": {"amount": 40.0}},
        "undiscountedTotalPrice": {"net": {"amount": 44.0}},
        "variant": {"product": {"id": f"product-{number}", "slug": f"p-{number}"}},
    }


def body() -> Json:
    money = {"amount": 100.0, "currency": "USD"}
    return {
        "order": {
            "id": "T3JkZXI6Nw==",
            "number": "7",
            "status": "PARTIALLY_FULFILLED",
            "user": {"id": "VXNlcjox", "email": "buyer@example.net"},
            "channel": {"slug": "de"},
            "total": {"gross": money, "net": money},
        },
        "fulfillment": {
            "id": "RnVsZmlsbG1lbnQ6MQ==",
            "status": "FULFILLED",
            "fulfillmentOrder": 2,
            "trackingNumber": "TRK1",
            "created": "2026-11-24T12:00:00+00:00",
            "lines": [
                {"quantity": 3, "orderLine": order_line(1, 4)},
                {"quantity": 1, "orderLine": order_line(2, 1)},
            ],
        },
    }


@pytest.mark.parametrize("event", FULFILLMENTS)
def test_a_fulfillment_is_told_with_its_order_and_its_lines(event: Event) -> None:
    message = message_of(event, body())
    assert message["event"] == NAMES[event].saleor
    assert message["userId"] == "VXNlcjox"
    properties = message["properties"]
    products = properties.pop("products")
    assert properties == {
        "order_id": "T3JkZXI6Nw==",
        "order_number": "7",
        "status": "PARTIALLY_FULFILLED",
        "email": "buyer@example.net",
        "channel_slug": "de",
        "affiliation": "de",
        "source": "https://shop.example.com",
        "currency": "USD",
        "fulfillment_id": "RnVsZmlsbG1lbnQ6MQ==",
        "fulfillment_number": 2,
        "fulfillment_status": "FULFILLED",
        "fulfillment_created_at": "2026-11-24T12:00:00+00:00",
        "tracking_number": "TRK1",
    }
    assert [(p["line_id"], p["product_id"], p["quantity"], p["price"]) for p in products] == [
        ("line-1", "product-1", 3, 11.0),
        ("line-2", "product-2", 1, 44.0),
    ]


@pytest.mark.parametrize("event", FULFILLMENTS)
def test_a_fulfillment_without_a_tracking_number_or_lines_says_the_rest(event: Event) -> None:
    without = body()
    without["fulfillment"] |= {"trackingNumber": "", "lines": None}
    properties = message_of(event, without)["properties"]
    assert properties["fulfillment_id"] == "RnVsZmlsbG1lbnQ6MQ=="
    assert properties.keys().isdisjoint({"tracking_number", "products"})


def test_the_pages_of_products_are_told_of_fulfillments_too() -> None:
    pipeline = with_options(products={"url": "https://shop.example.com/{channel}/{slug}"})
    products = message_of(Event.FULFILLMENT_CREATED, body(), pipeline)["properties"]["products"]
    assert products[0]["url"] == "https://shop.example.com/de/p-1"


CAPTURED = [
    one
    for folder in ("webhooks", "webhooks2")
    for one in captured(folder)
    if one.event_name == "FULFILLMENT_CREATED"
]


@pytest.mark.parametrize("one", CAPTURED, ids=lambda one: one.name)
def test_captured_fulfillments_have_no_money_of_their_order(one: Captured) -> None:
    told = one.document["fulfillment"]
    properties = message_of(one.event, one.body)["properties"]
    assert properties.keys().isdisjoint(MONEY | {"total_gross_amount", "total_net_amount"})
    assert properties.get("tracking_number", "") == told["trackingNumber"]
    assert [p["quantity"] for p in properties["products"]] == [
        line["quantity"] for line in told["lines"]
    ]


def test_there_are_captured_fulfillments() -> None:
    assert len(CAPTURED) == 3
