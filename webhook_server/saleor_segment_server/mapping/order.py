"""The properties of an order message, and those that any message of an order has."""

from typing import Any

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import (
    Fields,
    amounts,
    children,
    text,
    texts,
)
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.money import line_amounts, order_totals
from saleor_segment_server.mapping.products import products

Properties = dict[str, Any]
"""The ``properties`` of a track call."""


def order_properties(order: Fields, person: Person, pipeline: Pipeline) -> Properties:
    """Return what is told of an order that was placed, changed, paid or cancelled."""
    properties = common_properties(order, person, pipeline)
    method = text(order, "shippingMethodName") or text(order, "collectionPointName")
    if method is not None:
        properties["shipping_method"] = method
    lines = children(order, "lines")
    of_lines = None if lines is None else [line_amounts(line) for line in lines]
    properties |= order_totals(order, of_lines)
    if lines is not None and of_lines is not None:
        options, channel = pipeline.tracking.products, properties.get("channel_slug")
        properties["products"] = products(lines, of_lines, options=options, channel=channel)
    return properties


def common_properties(  # noqa: C901, PLR0912 - a branch a property
    order: Fields, person: Person, pipeline: Pipeline
) -> Properties:
    """Return identifiers, email, channel, coupon and Saleor's own totals, as far as they are there.

    Saleor's totals are sent as they are, after gift cards: they are what the documentation lists.
    """
    found = texts(order, _texts)
    order_id, number, checkout, status, channel, slug, name, coupon, client, currency, net = found
    gross_amount, net_amount = amounts(order, _amounts)
    # Field by field: clearing a literal of what is absent takes twice as long.
    properties: Properties = {"order_id": order_id}
    if number:
        properties["order_number"] = number
    if checkout:
        properties["checkout_id"] = checkout
    if status:
        properties["status"] = status
    if person.email:
        properties["email"] = person.email
    if person.order_email:
        properties["order_email"] = person.order_email
    if channel:
        properties["channel_id"] = channel
    if slug:
        properties["channel_slug"] = slug
    if name:
        properties["channel_name"] = name
    if slug:
        properties["affiliation"] = slug
    properties["source"] = pipeline.saleor.shop_url
    if coupon:
        properties["coupon"] = coupon
    if client:
        properties["tracking_client_id"] = client
    if currency:
        properties["currency"] = currency
    if gross_amount is not None:
        properties["total_gross_amount"] = float(gross_amount)
    if currency:
        properties["total_gross_currency"] = currency
    if net_amount is not None:
        properties["total_net_amount"] = float(net_amount)
    if net:
        properties["total_net_currency"] = net
    return properties


def _texts(order: Any) -> tuple[Any, ...]:
    channel, total = order["channel"], order["total"]
    return (
        order["id"],
        order["number"],
        order["checkoutId"],
        order["status"],
        channel["id"],
        channel["slug"],
        channel["name"],
        order["voucherCode"],
        order["trackingClientId"],
        total["gross"]["currency"],
        total["net"]["currency"],
    )


def _amounts(order: Any) -> tuple[Any, ...]:
    total = order["total"]
    return total["gross"]["amount"], total["net"]["amount"]
