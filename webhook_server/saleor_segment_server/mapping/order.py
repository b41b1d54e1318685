"""The properties of an order message, and those that any message of an order has."""

from typing import Any

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import Fields, child, children, money, present, text
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.money import line_amounts, number, order_totals
from saleor_segment_server.mapping.products import products

Properties = dict[str, Any]
"""The ``properties`` of a track call."""


def order_properties(order: Fields, person: Person, pipeline: Pipeline) -> Properties:
    """Return what is told of an order that was placed, changed, paid or cancelled."""
    lines = children(order, "lines")
    amounts = None if lines is None else [line_amounts(line) for line in lines]
    method = text(order, "shippingMethodName") or text(order, "collectionPointName")
    common = common_properties(order, person, pipeline)
    options, channel = pipeline.tracking.products, common["channel_slug"]
    return present(
        {
            **common,
            "shipping_method": method,
            **order_totals(order, amounts),
            "products": None
            if lines is None or amounts is None
            else products(lines, amounts, options=options, channel=channel),
        }
    )


def common_properties(order: Fields, person: Person, pipeline: Pipeline) -> Properties:
    """Return identifiers, email, channel, coupon and Saleor's own totals, absent ones as ``None``.

    Saleor's totals are sent as they are, after gift cards: they are what the documentation lists.
    """
    channel, total = child(order, "channel"), child(order, "total")
    slug, currency = text(channel, "slug"), text(child(total, "gross"), "currency")
    return {
        "order_id": text(order, "id"),
        "order_number": text(order, "number"),
        "checkout_id": text(order, "checkoutId"),
        "status": text(order, "status"),
        "email": person.email,
        "order_email": person.order_email,
        "channel_id": text(channel, "id"),
        "channel_slug": slug,
        "channel_name": text(channel, "name"),
        "affiliation": slug,
        "source": pipeline.saleor.shop_url,
        "coupon": text(order, "voucherCode"),
        "tracking_client_id": text(order, "trackingClientId"),
        "currency": currency,
        "total_gross_amount": number(money(total, "gross")),
        "total_gross_currency": currency,
        "total_net_amount": number(money(total, "net")),
        "total_net_currency": text(child(total, "net"), "currency"),
    }
