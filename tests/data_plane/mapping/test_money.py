"""The money of an order message: the identities, on real orders and on simulated ones."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import Json, captured, message_of
from tests.data_plane.mapping.orders import EXPONENTS, Simulated, global_id, orders
from tests.data_plane.mapping.rules import STEADY

AMOUNTS = ("subtotal", "revenue", "shipping", "total", "value", "tax", "discount")


def _exact(number: float) -> Decimal:
    """Return the number as it is written in the JSON that Segment gets."""
    return Decimal(json.dumps(number))


def _decimals(number: float) -> int:
    exponent = _exact(number).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _captured_orders() -> list[tuple[str, Json]]:
    """Return each order of ``webhooks2``, whatever event told of it."""
    found = []
    for one in captured("webhooks2"):
        told = one.document.get("orders") or [one.document["order"]]
        found += [(one.name, order) for order in told if "lines" in order]
    return found


def _properties(order: Json) -> Json:
    body = json.dumps({"order": order}, default=float).encode()
    properties: Json = message_of(Event.ORDER_UPDATED, body)["properties"]
    return properties


def _assert_identities(properties: Json, currency: str) -> None:
    amounts = {name: _exact(properties[name]) for name in AMOUNTS}
    assert amounts["subtotal"] + amounts["shipping"] + amounts["tax"] == amounts["total"]
    assert amounts["revenue"] == amounts["subtotal"]
    assert amounts["value"] == amounts["total"]
    assert amounts["discount"] >= 0
    full = sum(_exact(p["price"]) * p["quantity"] for p in properties["products"])
    subtotal = Decimal(full) - amounts["discount"]
    exponent = EXPONENTS[currency]
    assert round(subtotal, exponent) == amounts["subtotal"]
    assert all(_decimals(properties[name]) <= exponent for name in AMOUNTS)
    assert all(_decimals(product["price"]) <= 6 for product in properties["products"])


@pytest.mark.parametrize(("name", "order"), _captured_orders())
def test_the_identities_hold_on_every_captured_order(name: str, order: Json) -> None:
    properties = _properties(order)
    currency = order["total"]["gross"]["currency"]
    assert properties["currency"] == currency, name
    _assert_identities(properties, currency)


@pytest.mark.parametrize(("name", "order"), _captured_orders())
def test_captured_sums_are_saleors_own_where_saleor_has_them(name: str, order: Json) -> None:
    properties = _properties(order)
    assert properties["subtotal"] == order["subtotal"]["net"]["amount"], name
    assert properties["shipping"] == order["shippingPrice"]["net"]["amount"], name
    card = _exact(properties.get("gift_card_amount", 0.0))
    assert _exact(properties["total"]) - card == _exact(order["total"]["gross"]["amount"]), name
    assert ("gift_card_amount" in properties) == ("gift-card" in name), name


@STEADY
@given(orders())
def test_the_identities_hold_on_simulated_orders(simulated: Simulated) -> None:
    properties = _properties(simulated.order)
    _assert_identities(properties, simulated.currency)
    assert _exact(properties["total"]) == simulated.total
    assert _exact(properties["tax"]) == simulated.tax
    assert _exact(properties.get("gift_card_amount", 0.0)) == simulated.gift_card


def _order_of(*lines: Json, **fields: Any) -> Json:
    priced = {"gross": {"amount": 0, "currency": "USD"}, "net": {"amount": 0}}
    return {"id": global_id("Order", 1), "total": priced, "shippingPrice": priced} | {
        "lines": list(lines),
        **fields,
    }


def _line_of(quantity: int, *, net: float, listed: float | None = None) -> Json:
    return {
        "quantity": quantity,
        "totalPrice": {"gross": {"amount": net}, "net": {"amount": net}},
        "undiscountedTotalPrice": {"net": {"amount": net if listed is None else listed}},
    }


def test_no_artefact_of_binary_fractions_is_sent() -> None:
    lines = [_line_of(1, net=19.99), _line_of(3, net=0.3, listed=0.6), _line_of(1, net=0.1)]
    body = json.dumps({"order": _order_of(*lines)}).encode()
    properties = message_of(Event.ORDER_CREATED, body)["properties"]
    assert properties["subtotal"] == 20.39  # 19.99 + 0.3 + 0.1 is 20.39000000000000(2) in floats
    assert properties["discount"] == 0.3
    assert [product["price"] for product in properties["products"]] == [19.99, 0.2, 0.1]


_AMOUNTS = (
    st.integers(-(10**9), 10**9).map(lambda cents: cents / 100)
    | st.integers(-(10**15), 10**15).map(lambda millionths: millionths / 10**6)
    | st.integers(-(10**14), 10**14)
    | st.floats(-1e14, 1e14).filter(lambda amount: not 0 < abs(amount) < 1e-12)
)
"""As Saleor has them, and beyond: with a billion and more, and with many decimals."""


@STEADY
@given(st.lists(st.tuples(_AMOUNTS, st.integers(1, 10**6)), min_size=1, max_size=5))
def test_amounts_of_any_size_are_added_and_divided_as_decimals(pieces: list[Any]) -> None:
    lines = [_line_of(quantity, net=net) for net, quantity in pieces]
    properties = _properties(_order_of(*lines))

    nets = [Decimal(str(net)) for net, _ in pieces]
    assert properties["subtotal"] == properties["total"] == float(sum(nets))
    prices = [product["price"] for product in properties["products"]]
    assert prices == [
        float(round(net / quantity, 6)) for net, (_, quantity) in zip(nets, pieces, strict=True)
    ]


def test_a_price_is_rounded_half_even_at_six_decimals() -> None:
    lines = [_line_of(3, net=10), _line_of(3, net=20), _line_of(2, net=1e-6), _line_of(2, net=3e-6)]
    properties = _properties(_order_of(*lines))
    assert [p["price"] for p in properties["products"]] == [3.333333, 6.666667, 0, 2e-6]


def test_where_rounding_left_the_list_price_below_the_paid_one_nothing_is_discounted() -> None:
    properties = _properties(_order_of(_line_of(1, net=9.35, listed=9.34)))
    assert properties["discount"] == 0
    assert properties["products"][0]["price"] == 9.35


def test_a_line_of_no_pieces_has_no_price() -> None:
    (product,) = _properties(_order_of(_line_of(0, net=0)))["products"]
    assert product == {"quantity": 0, "position": 1}


def test_an_amount_that_cannot_be_computed_is_left_out() -> None:
    unpriced: Json = {"quantity": 1, "totalPrice": {"gross": {"amount": 12.0}}}
    properties = _properties(_order_of(_line_of(1, net=5), unpriced))
    assert properties["total"] == 17
    assert properties.keys().isdisjoint({"subtotal", "revenue", "tax", "discount"})
    assert "price" not in properties["products"][1]


def test_an_order_that_costs_more_than_its_lines_has_no_gift_card() -> None:
    total = {"gross": {"amount": 9, "currency": "USD"}}
    assert "gift_card_amount" not in _properties(_order_of(_line_of(1, net=5), total=total))


def test_without_lines_nothing_is_summed() -> None:
    order = _order_of()
    del order["lines"]
    properties = _properties(order)
    assert properties["shipping"] == 0
    assert properties.keys().isdisjoint({"subtotal", "revenue", "tax", "discount", "total"})
    assert "products" not in properties


def test_the_identities_are_tried_on_the_whole_capture() -> None:
    assert len(_captured_orders()) == 221
