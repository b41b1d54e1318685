"""The products of a message: what the options add, and what an older body lacks."""

import pytest

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import Json, message_of
from tests.data_plane.mapping.options import piped

TEMPLATE = "https://shop.example.com/{channel}/{slug}"


def _product(
    options: Json, product: Json | None, channel: Json | None = None, event: Event | None = None
) -> Json:
    line = {"id": "line", "quantity": 1, "productVariantId": "v", "variant": {"product": product}}
    order = {
        "id": "o",
        "channel": {"slug": "default-channel"} if channel is None else channel,
        "lines": [line],
        "total": {"gross": {"amount": 5}},
        "totalRefunded": {"amount": 5},
    }
    parcel = {"id": "f", "lines": [{"quantity": 1, "orderLine": line}]}
    body = {"order": order, "fulfillment": parcel}
    message = message_of(event or Event.ORDER_CREATED, body, piped(products=options))
    (mapped,) = message["properties"]["products"]
    assert isinstance(mapped, dict)
    return mapped


def _attribute(*names: str | None) -> Json:
    return {"id": "p", "attribute": {"values": [{"name": name} for name in names]}}


@pytest.mark.parametrize(
    ("template", "page"),
    [
        (TEMPLATE, "https://shop.example.com/default-channel/apple-juice"),
        (
            "https://{channel}.example.com/p?id={id}",
            "https://default-channel.example.com/p?id=UDox%3D%3D",
        ),
        ("https://example.com/{slug}#{slug}", "https://example.com/apple-juice#apple-juice"),
    ],
)
def test_a_products_page_is_made_by_the_template(template: str, page: str) -> None:
    product = {"id": "UDox==", "slug": "apple-juice"}
    assert _product({"url": template}, product)["url"] == page


def test_what_is_put_into_an_address_is_quoted_and_not_filled_again() -> None:
    product = {"id": "{slug}", "slug": "a/b?c=ü&{id}"}
    page = _product({"url": "https://example.com/{id}/{slug}"}, product)["url"]
    assert page == "https://example.com/%7Bslug%7D/a%2Fb%3Fc%3D%C3%BC%26%7Bid%7D"


@pytest.mark.parametrize("product", [None, {"id": "p"}, {"id": "p", "slug": ""}])
def test_a_product_without_a_part_of_its_address_has_no_page(product: Json | None) -> None:
    assert "url" not in _product({"url": TEMPLATE}, product)


def test_only_the_parts_in_the_template_are_needed() -> None:
    options = {"url": "https://example.com/{id}"}
    assert _product(options, {"id": "p"}, channel={})["url"] == "https://example.com/p"
    assert "url" not in _product({"url": TEMPLATE}, {"id": "p", "slug": "s"}, channel={})


@pytest.mark.parametrize(
    ("product", "brand"),
    [
        (_attribute("Acme"), "Acme"),
        (_attribute("Acme", "Sons"), "Acme, Sons"),
        (_attribute(), None),
        (_attribute(None, ""), None),
        ({"id": "p", "attribute": None}, None),
        ({"id": "p"}, None),
        (None, None),
    ],
)
def test_the_brand_is_what_the_attribute_holds(product: Json | None, brand: str | None) -> None:
    assert _product({"brandAttribute": "brand"}, product).get("brand") == brand


@pytest.mark.parametrize(
    "event", [Event.ORDER_UPDATED, Event.ORDER_REFUNDED, Event.FULFILLMENT_CREATED]
)
def test_brand_and_page_are_told_wherever_there_are_products(event: Event) -> None:
    product = {**_attribute("Acme"), "slug": "s"}
    mapped = _product({"url": TEMPLATE, "brandAttribute": "brand"}, product, event=event)
    assert mapped["brand"] == "Acme"
    assert mapped["url"] == "https://shop.example.com/default-channel/s"


def test_without_the_options_neither_is_told() -> None:
    mapped = _product({}, {**_attribute("Acme"), "slug": "s"})
    assert {"brand", "url"}.isdisjoint(mapped)
