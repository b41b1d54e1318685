"""The money of thousands of simulated orders, to the smallest coin, under both namings."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import Json, of_our_events, with_options
from tests.data_plane.mapping.forwarded import Forwarded
from tests.data_plane.mapping.rules import STEADY
from tests.data_plane.mapping.simulated import (
    EXPONENTS,
    Bought,
    bought,
    carts,
    delivered,
    minor,
    paid_with_gift_cards,
)
from tests.twins.saleor.shop.carts import Cart

MANY = settings(STEADY, max_examples=400)
NAMINGS = {"Saleor": "Saleor Order Created", "Spec": "Order Completed"}
AMOUNTS = ("subtotal", "revenue", "shipping", "total", "value", "tax", "discount")
MAPPED = [
    Event.ORDER_CREATED,
    Event.ORDER_UPDATED,
    Event.ORDER_CONFIRMED,
    Event.ORDER_PAID,
    Event.ORDER_FULLY_PAID,
    Event.ORDER_FULFILLED,
    Event.ORDER_CANCELLED,
    Event.ORDER_EXPIRED,
]


def exact(number: float) -> Decimal:
    """Return the number as it is written in the JSON that Segment gets."""
    return Decimal(json.dumps(number))


def assert_adds_up(properties: Json) -> None:
    """Hold what is told of an order against the identities."""
    amounts = {name: exact(properties[name]) for name in AMOUNTS}
    unit = Decimal(1).scaleb(-EXPONENTS[properties["currency"]])
    assert amounts["subtotal"] + amounts["shipping"] + amounts["tax"] == amounts["total"]
    assert amounts["revenue"] == amounts["subtotal"]
    assert amounts["value"] == amounts["total"]
    assert amounts["discount"] >= 0
    assert all(amount == amount.quantize(unit) for amount in amounts.values())
    full = sum(exact(p["price"]) * p["quantity"] for p in properties["products"])
    assert (full - amounts["discount"]).quantize(unit) == amounts["subtotal"]


def told(one: Bought, naming: str) -> Json:
    """Return the properties that the order's creation is told with."""
    pipeline = with_options(naming=naming)
    body = one.body(Event.ORDER_CREATED, pipeline.tracking)
    (message,) = Forwarded(pipeline).take(Event.ORDER_CREATED, body)
    assert message["event"] == NAMINGS[naming]
    properties: Json = message["properties"]
    return properties


def assert_is_the_shops(one: Bought, properties: Json) -> None:
    """Hold it against what the shop itself says it sold."""
    figures = one.figures
    assert properties["currency"] == one.order.currency
    assert exact(properties["revenue"]) == figures.revenue
    assert exact(properties["shipping"]) == figures.shipping
    assert exact(properties["tax"]) == figures.tax
    assert exact(properties["total"]) == figures.total
    assert exact(properties.get("gift_card_amount", 0)) == one.gift_card
    assert exact(properties["total_gross_amount"]) == one.order.total.gross.amount


@MANY
@given(one=bought(), naming=st.sampled_from(sorted(NAMINGS)))
def test_what_is_told_of_an_order_adds_up_and_is_what_the_shop_says(
    one: Bought, naming: str
) -> None:
    properties = told(one, naming)
    assert_adds_up(properties)
    assert_is_the_shops(one, properties)


@MANY
@given(one=paid_with_gift_cards(), naming=st.sampled_from(sorted(NAMINGS)))
def test_gift_cards_take_nothing_from_what_was_sold(one: Bought, naming: str) -> None:
    properties = told(one, naming)
    assert_adds_up(properties)
    assert_is_the_shops(one, properties)


@MANY
@given(cart=carts(), naming=st.sampled_from(sorted(NAMINGS)))
def test_what_is_told_of_a_checkout_adds_up_to_what_it_costs(cart: Cart, naming: str) -> None:
    pipeline = with_options(naming=naming)
    body = delivered(Event.CHECKOUT_UPDATED, cart, pipeline.tracking)
    (message,) = Forwarded(pipeline).take(Event.CHECKOUT_UPDATED, body)
    properties = message["properties"]
    assert exact(properties["total"]) == cart.total_price.gross.amount
    assert exact(properties["revenue"]) == cart.subtotal_price.net.amount
    assert exact(properties["shipping"]) == cart.shipping_price.net.amount
    assert_adds_up({"discount": 0.0} | properties)


@STEADY
@given(one=bought(), event=st.sampled_from(MAPPED), naming=st.sampled_from(sorted(NAMINGS)))
def test_every_event_of_an_order_tells_the_same_money(
    one: Bought, event: Event, naming: str
) -> None:
    pipeline = with_options(naming=naming)
    (message,) = Forwarded(pipeline).take(event, one.body(event, pipeline.tracking))
    created = told(one, naming)
    assert {n: message["properties"][n] for n in AMOUNTS} == {n: created[n] for n in AMOUNTS}


@pytest.mark.parametrize("naming", NAMINGS)
def test_the_identities_hold_on_every_captured_delivery(naming: str) -> None:
    forwarded = Forwarded(with_options(naming=naming))
    held = 0
    for one in of_our_events("webhooks2"):
        for message in forwarded.take(one.event, one.body):
            if one.event.startswith("ORDER_") and one.event is not Event.ORDER_REFUNDED:
                assert_adds_up(message["properties"])
                held += 1
    assert held > 150


@st.composite
def refunded(draw: st.DrawFn) -> tuple[Bought, list[Decimal], list[bytes], str]:
    """Draw an order that is paid back in parts: what, and each delivery that tells of it."""
    one = draw(bought())
    naming = draw(st.sampled_from(sorted(NAMINGS)))
    options, order = with_options(naming=naming).tracking, one.order
    left = int(order.total.gross.amount.scaleb(EXPONENTS[order.currency]))
    by_hand = draw(st.booleans())
    if not left:
        return one, [], [], naming
    if by_hand:
        one.shop.mark_as_paid(order)
    else:
        one.shop.pay(order)
    parts, bodies = list[Decimal](), list[bytes]()
    for _ in range(draw(st.integers(1, 5))):
        if not left:
            break
        units = draw(st.integers(1, left))
        left -= units
        parts.append(minor(order.channel, units))
        (one.shop.refund_manually if by_hand else one.shop.refund)(order, parts[-1])
        bodies.append(one.body(Event.ORDER_REFUNDED, options))
    return one, parts, bodies, naming


@MANY
@given(drawn=refunded(), data=st.data())
def test_refunds_in_any_order_and_doubled_add_up_to_what_was_paid_back(
    drawn: tuple[Bought, list[Decimal], list[bytes], str], data: st.DataObject
) -> None:
    one, parts, bodies, naming = drawn
    forwarded = Forwarded(with_options(naming=naming))
    for body in data.draw(st.permutations(bodies * 2)):
        forwarded.take(Event.ORDER_REFUNDED, body)
    amounts = [exact(message["properties"]["total"]) for message in forwarded.sent]
    assert sum(amounts, Decimal(0)) == sum(parts, Decimal(0)) == one.figures.refunded
    assert all(amount > 0 for amount in amounts)
    assert len({message["messageId"] for message in forwarded.sent}) == len(amounts)
    (row,) = forwarded.rows.values() or [None]
    assert row is None or row.refunded == one.figures.refunded


@MANY
@given(data=st.data(), one=bought())
def test_with_refunds_taken_back_the_ledger_ends_right_in_any_order(
    data: st.DataObject, one: Bought
) -> None:
    """Segment then keeps what it was told, as documented; it never has less than was paid back."""
    order, shop, options = one.order, one.shop, with_options().tracking
    whole = order.total.gross.amount
    bodies = list[bytes]()
    if whole:
        shop.pay(order)
    for back in data.draw(st.lists(st.booleans(), max_size=5)) if whole else ():
        left = order.total_refunded.amount if back else whole - order.total_refunded.amount
        if left:
            units = int(left.scaleb(EXPONENTS[order.currency]))
            amount = minor(order.channel, data.draw(st.integers(1, units)))
            (shop.reverse_refund if back else shop.refund)(order, amount)
        bodies.append(one.body(Event.ORDER_REFUNDED, options))
    forwarded = Forwarded(with_options())
    for body in data.draw(st.permutations(bodies * 2)):
        forwarded.take(Event.ORDER_REFUNDED, body)
    final = one.figures.refunded
    told = sum((exact(m["properties"]["total"]) for m in forwarded.sent), Decimal(0))
    assert told >= final
    for row in forwarded.rows.values():
        assert row.refunded == final
