"""The properties of a refund message: the amount, and not again the revenue of its order."""

from typing import Any

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import (
    Fields,
    child,
    children,
    count,
    money,
    present,
    text,
)
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.money import line_amounts
from saleor_segment_server.mapping.order import Properties, common_properties
from saleor_segment_server.mapping.products import Product, in_quantity, products
from saleor_segment_server.mapping.settlement import Refund


def refund_properties(
    order: Fields, person: Person, pipeline: Pipeline, refund: Refund
) -> Properties:
    """Return what is told of one refund of ``order``."""
    common = common_properties(order, person, pipeline)
    lines = children(order, "lines") or []
    amount, in_all = float(refund.amount), money(order, "totalRefunded")
    currency = text(child(order, "totalRefunded"), "currency") or common.get("currency")
    return present(
        {
            **common,
            "total": amount,
            "value": amount,
            "currency": currency,
            "total_refunded": None if in_all is None else float(in_all),
            "refund_is_cumulative": True if refund.cumulative else None,
            "products": _refunded_products(order, lines, refund, pipeline),
            "lines": [_line(line) for line in lines],
        }
    )


def _line(line: Fields) -> dict[str, Any]:
    return present(
        {
            "line_id": text(line, "id"),
            "variant_id": text(line, "productVariantId"),
            "variant": text(line, "variantName"),
            "sku": text(line, "productSku"),
        }
    )


def _refunded_products(
    order: Fields, lines: list[Fields], refund: Refund, pipeline: Pipeline
) -> list[Product]:
    """Return the lines that were granted, else all if this refund is the whole order, else none."""
    amounts = [line_amounts(line) for line in lines]
    channel = text(child(order, "channel"), "slug")
    every = products(lines, amounts, options=pipeline.tracking.products, channel=channel)
    granted = _granted_quantities(order, refund)
    if granted:
        return [
            in_quantity(product, granted[product["line_id"]])
            for product in every
            if product.get("line_id") in granted
        ]
    ordered = money(child(order, "total"), "gross")
    return every if ordered is not None and refund.amount >= ordered else []


def _granted_quantities(order: Fields, refund: Refund) -> dict[str, int | None]:
    """Return the quantity by line id of the granted refund that ``refund`` paid out."""
    found: dict[str, int | None] = {}
    for line in _granted_lines(order, refund):
        line_id, quantity = text(child(line, "orderLine"), "id"), count(line, "quantity")
        if line_id is None:
            continue
        before = found.get(line_id)
        # A line may be granted in parts; one without a number adds nothing that is known.
        found[line_id] = before if quantity is None else (before or 0) + quantity
    return found


def _granted_lines(order: Fields, refund: Refund) -> list[Fields]:
    for grant in children(order, "grantedRefunds") or ():
        events = children(grant, "transactionEvents") or ()
        if any(text(event, "id") == refund.event_id for event in events):
            return children(grant, "lines") or []
    return []
