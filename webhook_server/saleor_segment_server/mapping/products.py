"""The products of a message, one for each order line."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from urllib.parse import quote

from saleor_segment_server.contract.tracking import ProductOptions
from saleor_segment_server.mapping.fields import Fields, child, children, count, present, text
from saleor_segment_server.mapping.money import LineAmounts, number

_SIX_DECIMALS = Decimal("0.000001")

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
    found = [
        _product(line, of_line, position)
        for position, (line, of_line) in enumerate(zip(lines, amounts, strict=True), start=1)
    ]
    if options is not None and (options.url is not None or options.brand_attribute is not None):
        for product, line in zip(found, lines, strict=True):
            product.update(_besides(child(child(line, "variant"), "product"), options, channel))
    return found


def in_quantity(product: Product, quantity: int | None) -> Product:
    """Return a product of which only so many pieces are meant; ``None``: it is not known."""
    return present({**product, "quantity": quantity})


def _product(line: Fields, amounts: LineAmounts, position: int) -> Product:
    quantity = count(line, "quantity")
    product = child(child(line, "variant"), "product")
    variant_id = text(line, "productVariantId")
    return present(
        {
            "product_id": text(product, "id") or variant_id,
            "variant_id": variant_id,
            "line_id": text(line, "id"),
            "sku": text(line, "productSku"),
            "name": text(line, "productName"),
            "variant": text(line, "variantName"),
            "category": text(child(product, "category"), "name"),
            "coupon": text(line, "voucherCode"),
            "price": _unit_price(amounts.full, quantity),
            "quantity": quantity,
            "position": position,
            "image_url": text(child(line, "thumbnail"), "url"),
        }
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


def _unit_price(full: Decimal | None, quantity: int | None) -> float | None:
    """Return the price of one, before discounts and tax.

    The only rounded amount. Its error grows with the quantity and stays below half a cent up to
    10,000 pieces of a line (1,000 where the currency has three decimals).
    """
    if full is None or quantity is None or quantity <= 0:
        return None
    return number((full / quantity).quantize(_SIX_DECIMALS, ROUND_HALF_EVEN))
