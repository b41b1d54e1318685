"""Checkouts: the properties of an order, as far as a checkout has them, and the same identities."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.checkouts import checkout_of, line_of
from tests.data_plane.mapping.deliveries import Captured, Json, captured, message_of
from tests.data_plane.mapping.options import piped
from tests.data_plane.mapping.orders import EXPONENTS, RATES, Channel
from tests.data_plane.mapping.rules import STEADY

CHECKOUTS = [one for one in captured("webhooks") if one.event_name.startswith("CHECKOUT_")]


def _properties(checkout: Json, **tracking: object) -> Json:
    body = {"checkout": {"id": "Q2hlY2tvdXQ6MQ==", **checkout}}
    properties: Json = message_of(Event.CHECKOUT_UPDATED, body, piped(**tracking))["properties"]
    return properties


def test_a_checkout_is_told_as_an_order_is() -> None:
    checkout = checkout_of([line_of(99.0, 90.0, 100.0, quantity=4)])
    assert _properties(checkout) == {
        "checkout_id": "Q2hlY2tvdXQ6MQ==",
        "email": "bob@example.net",
        "channel_id": "c",
        "channel_slug": "channel-usd",
        "channel_name": "USD",
        "affiliation": "channel-usd",
        "source": "https://shop.example.com",
        "coupon": "TEN",
        "currency": "USD",
        "subtotal": 90.0,
        "revenue": 90.0,
        "shipping": 10.0,
        "total": 111.3,
        "value": 111.3,
        "tax": 11.3,
        "discount": 10.0,
        "gift_card_amount": 11.3,
        "products": [
            {
                "product_id": "p",
                "variant_id": "v",
                "line_id": "line",
                "sku": "sku-1",
                "name": "Apple Juice",
                "variant": "1 l",
                "category": "Juices",
                "price": 25.0,
                "quantity": 4,
                "position": 1,
                "image_url": "https://example.com/a.webp",
            }
        ],
    }


def test_a_price_entered_with_tax_is_brought_to_net() -> None:
    properties = _properties(checkout_of([line_of(98.4, 80.0, 123.0)], with_tax=True))
    assert properties["products"][0]["price"] == 100.0
    assert properties["discount"] == 20.0


@pytest.mark.parametrize(("currency", "price"), [("USD", 94.31), ("JPY", 94.0), ("KWD", 94.309)])
def test_what_is_brought_to_net_is_rounded_to_the_currency(currency: str, price: float) -> None:
    checkout = checkout_of([line_of(98.4, 80.0, 116.0)], with_tax=True, currency=currency)
    properties = _properties(checkout)
    assert properties["products"][0]["price"] == price
    assert properties["discount"] == pytest.approx(price - 80)


@pytest.mark.parametrize(
    "checkout",
    [
        checkout_of([line_of(98.4, 80.0, 123.0)], with_tax=None),
        checkout_of([line_of(98.4, 80.0, None)], with_tax=True),
        checkout_of([line_of(80.0, 98.4, 123.0)], with_tax=True),
        checkout_of([line_of(0, 0, 123.0), line_of(98.4, 80.0, 98.4)], with_tax=True),
    ],
)
def test_where_the_list_price_cannot_be_told_the_price_is_the_one_paid(checkout: Json) -> None:
    properties = _properties(checkout)
    assert "discount" not in properties
    paid = sum(line["totalPrice"]["net"]["amount"] for line in checkout["lines"])
    assert sum(product["price"] for product in properties["products"]) == paid


@pytest.mark.parametrize("one", CHECKOUTS, ids=lambda one: one.name)
def test_a_body_without_prices_is_told_without_sums(one: Captured) -> None:
    properties = message_of(one.event, one.body)["properties"]
    assert {"total", "revenue", "discount", "tax"}.isdisjoint(properties)
    assert [product["quantity"] for product in properties["products"]] == [1, 2]
    assert properties["currency"] == "USD"


def test_an_empty_checkout_costs_nothing_but_its_shipping() -> None:
    properties = _properties(checkout_of([]))
    assert properties["products"] == []
    assert properties["subtotal"] == properties["discount"] == 0
    assert properties["total"] == 12.3


def test_brand_and_page_are_told_of_a_checkout_too() -> None:
    line = line_of(99.0, 90.0, 100.0)
    line["variant"]["product"]["attribute"] = {"values": [{"name": "Acme"}]}
    options = {"url": "https://example.com/{channel}/{slug}", "brandAttribute": "brand"}
    (product,) = _properties(checkout_of([line]), products=options)["products"]
    assert product["brand"] == "Acme"
    assert product["url"] == "https://example.com/channel-usd/apple-juice"


@st.composite
def _checkouts(draw: st.DrawFn) -> tuple[Json, int]:
    """Draw a checkout as Saleor's flat rates make it, and the decimals of its currency."""
    channel = Channel(draw(st.sampled_from(sorted(EXPONENTS))), draw(st.booleans()))
    lines = []
    for _ in range(draw(st.integers(0, 6))):
        quantity, rate = draw(st.integers(1, 50)), draw(st.sampled_from(RATES))
        listed = channel.amount(draw(st.integers(0, 10**6))) * quantity
        kept = 100 - draw(st.sampled_from([0, 0, 10, 33, 100]))
        gross, net = channel.taxed(channel.rounded(listed * kept / 100), rate)
        lines.append(line_of(float(gross), float(net), float(listed), quantity))
    with_tax = channel.prices_with_tax
    return checkout_of(lines, with_tax=with_tax, currency=channel.currency), EXPONENTS[
        channel.currency
    ]


@STEADY
@given(_checkouts())
def test_the_sums_of_a_checkout_add_up(drawn: tuple[Json, int]) -> None:
    checkout, decimals = drawn
    told = {
        key: Decimal(str(value))
        for key, value in _properties(checkout).items()
        if isinstance(value, float)
    }
    products = _properties(checkout)["products"]
    assert told["subtotal"] + told["shipping"] + told["tax"] == told["total"] == told["value"]
    priced = sum(
        (Decimal(str(product["price"])) * product["quantity"] for product in products), Decimal(0)
    )
    discount = told.get("discount", Decimal(0))
    assert discount >= 0
    assert abs(priced - discount - told["subtotal"]) < Decimal("0.5").scaleb(-decimals)
    assert discount == discount.quantize(Decimal(1).scaleb(-decimals))
