"""The products of a message, one for each order line."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from saleor_segment_server.mapping.fields import Fields, child, count, present, text
from saleor_segment_server.mapping.money import LineAmounts, number

_SIX_DECIMALS = Decimal("0.000001")

Product = dict[str, Any]
"""One item of ``properties.products``."""


def products(lines: Sequence[Fields], amounts: Sequence[LineAmounts]) -> list[Product]:
    """Return every line of the order as a product, in the order's sequence."""
    return [
        _product(line, of_line, position)
        for position, (line, of_line) in enumerate(zip(lines, amounts, strict=True), start=1)
    ]


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


def _unit_price(full: Decimal | None, quantity: int | None) -> float | None:
    """Return the price of one, before discounts and tax.

    The only rounded amount. Its error grows with the quantity and stays below half a cent up to
    10,000 pieces of a line (1,000 where the currency has three decimals).
    """
    if full is None or quantity is None or quantity <= 0:
        return None
    return number((full / quantity).quantize(_SIX_DECIMALS, ROUND_HALF_EVEN))
