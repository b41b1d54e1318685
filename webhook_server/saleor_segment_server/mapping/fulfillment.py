"""The properties of a fulfillment message: a parcel of an order, and none of the order's money."""

from typing import Final

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import Fields, child, children, count, present, text
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.money import line_amounts
from saleor_segment_server.mapping.order import Properties, common_properties
from saleor_segment_server.mapping.products import Product, in_quantity, products

_TOTALS: Final = frozenset(
    {"total_gross_amount", "total_gross_currency", "total_net_amount", "total_net_currency"}
)


def fulfillment_properties(
    fulfillment: Fields, order: Fields, person: Person, pipeline: Pipeline
) -> Properties:
    """Return what is told of one fulfillment of ``order``.

    An order has as many fulfillments as it has parcels: its totals, added up over them, would be
    wrong, so they are left out. What a product cost is there.
    """
    common = common_properties(order, person, pipeline)
    return present(
        {
            **{key: value for key, value in common.items() if key not in _TOTALS},
            "fulfillment_id": text(fulfillment, "id"),
            "fulfillment_number": count(fulfillment, "fulfillmentOrder"),
            "fulfillment_status": text(fulfillment, "status"),
            "fulfillment_created_at": text(fulfillment, "created"),
            "tracking_number": text(fulfillment, "trackingNumber"),
            "products": _products(fulfillment, pipeline, common.get("channel_slug")),
        }
    )


def _products(fulfillment: Fields, pipeline: Pipeline, channel: str | None) -> list[Product] | None:
    """Return the lines of the parcel, each as a product with the quantity in the parcel."""
    parts = children(fulfillment, "lines")
    if parts is None:
        return None
    lines = [child(part, "orderLine") for part in parts]
    amounts = [line_amounts(line) for line in lines]
    whole = products(lines, amounts, options=pipeline.tracking.products, channel=channel)
    return [
        in_quantity(product, count(part, "quantity"))
        for product, part in zip(whole, parts, strict=True)
    ]
