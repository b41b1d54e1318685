"""The products of a message, one for each order line."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from saleor_segment_server.contract.tracking import ProductOptions
from saleor_segment_server.mapping.fields import (
    Fields,
    child,
    children,
    count,
    present,
    text,
    texts,
)
from saleor_segment_server.mapping.money import LineAmounts, unit_price

Product = dict[str, Any]
"""One item of ``properties.products``."""


def products(
    lines: Sequence[Fields],
    amounts: Sequence[LineAmounts],
    *,
    options: ProductOptions | None = None,
    channel: str | None = None,
) -> list[Product]:
    """Return every line of the order as a product, in the order's sequence.

    Args:
        lines: Saleor's order lines.
        amounts: The money of each.
        options: What is told of a product besides.
        channel: Slug of the order's channel, for the address of a product's page.
    """
    found = list(map(_product, lines, amounts, range(1, len(lines) + 1)))
    if options is not None and (options.url is not None or options.brand_attribute is not None):
        for product, line in zip(found, lines, strict=True):
            product.update(_besides(child(child(line, "variant"), "product"), options, channel))
    return found


def in_quantity(product: Product, quantity: int | None) -> Product:
    """Return a product of which only so many pieces are meant; ``None``: it is not known."""
    return present({**product, "quantity": quantity})


def _product(line: Fields, amounts: LineAmounts, position: int) -> Product:  # noqa: C901 - a branch a property
    # Field by field: clearing a literal of what is absent takes three times as long.
    of, variant_id, line_id, sku, name, variant, category, coupon, image = texts(line, _of_line)
    quantity, full = count(line, "quantity"), amounts[2]
    product: Product = {}
    if of or variant_id:
        product["product_id"] = of or variant_id
    if variant_id:
        product["variant_id"] = variant_id
    if line_id:
        product["line_id"] = line_id
    if sku:
        product["sku"] = sku
    if name:
        product["name"] = name
    if variant:
        product["variant"] = variant
    if category:
        product["category"] = category
    if coupon:
        product["coupon"] = coupon
    if quantity is not None:
        if quantity > 0 and full is not None:
            product["price"] = unit_price(full, quantity)
        product["quantity"] = quantity
    product["position"] = position
    if image:
        product["image_url"] = image
    return product


def _of_line(line: Any) -> tuple[Any, ...]:
    product = line["variant"]["product"]
    return (
        product["id"],
        line["productVariantId"],
        line["id"],
        line["productSku"],
        line["productName"],
        line["variantName"],
        product["category"]["name"],
        line["voucherCode"],
        line["thumbnail"]["url"],
    )


def _besides(product: Fields, options: ProductOptions, channel: str | None) -> Product:
    return present({"brand": _brand(product), "url": _page(product, options.url, channel)})


def _brand(product: Fields) -> str | None:
    """Return the values of the attribute that the subscription asks for, several by commas."""
    values = children(child(product, "attribute"), "values") or ()
    return ", ".join(name for value in values if (name := text(value, "name"))) or None


def _page(product: Fields, template: str | None, channel: str | None) -> str | None:
    """Fill the template; a product that lacks a part of its address has no page."""
    if template is None:
        return None
    parts = {"channel": channel, "slug": text(product, "slug"), "id": text(product, "id")}
    for name, value in parts.items():
        place = "{" + name + "}"
        if place not in template:
            continue
        if value is None:
            return None
        template = template.replace(place, quote(value, safe=""))
    return template
