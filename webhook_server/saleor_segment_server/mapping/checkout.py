"""The properties of a checkout message: an order's, as far as a checkout has them.

What a line costs before discounts is one amount in a checkout, with tax where the channel's prices
are entered with it. There it is brought to net with the tax that the line itself bears, rounded
to the currency. Where that cannot be told of every line, prices are those paid, and there is no
``discount``. So the identities of ``money`` hold here too.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.fields import Fields, child, children, money, present, text
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.money import MILLION, Amount, LineAmounts, order_totals
from saleor_segment_server.mapping.order import Properties
from saleor_segment_server.mapping.products import products

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DECIMALS = "BHD JOD KWD LYD OMR TND"
_DECIMALS = dict.fromkeys(_NO_DECIMALS.split(), 0) | dict.fromkeys(_THREE_DECIMALS.split(), 3)
_LISTED = "undiscountedTotalPrice"


def checkout_properties(checkout: Fields, person: Person, pipeline: Pipeline) -> Properties:
    """Return what is told of a checkout."""
    channel = child(checkout, "channel")
    slug, currency = text(channel, "slug"), _currency(checkout)
    return present(
        {
            "checkout_id": text(checkout, "id"),
            "email": person.email,
            "channel_id": text(channel, "id"),
            "channel_slug": slug,
            "channel_name": text(channel, "name"),
            "affiliation": slug,
            "source": pipeline.saleor.shop_url,
            "coupon": text(checkout, "voucherCode"),
            "currency": currency,
            **_lines(checkout, slug, currency, pipeline),
        }
    )


def _lines(
    checkout: Fields, channel: str | None, currency: str | None, pipeline: Pipeline
) -> dict[str, Any]:
    """Return the totals and the products; without a list of lines only what needs none."""
    lines = children(checkout, "lines")
    amounts = None if lines is None else [_amounts(line, checkout, currency) for line in lines]
    as_order = {"shippingPrice": checkout.get("shippingPrice"), "total": checkout.get("totalPrice")}
    totals = order_totals(as_order, amounts)
    if lines is None or amounts is None:
        return totals
    if any(full is None for _, _, full in amounts):
        amounts = [(gross, net, net) for gross, net, _ in amounts]
    options = pipeline.tracking.products
    as_lines = [_order_line(line) for line in lines]
    return totals | {"products": products(as_lines, amounts, options=options, channel=channel)}


def _currency(checkout: Fields) -> str | None:
    return text(child(child(checkout, "totalPrice"), "gross"), "currency")


def _order_line(line: Fields) -> Fields:
    """Return the line as an order would have it."""
    variant = child(line, "variant")
    product = child(variant, "product")
    return {
        "id": line.get("id"),
        "quantity": line.get("quantity"),
        "productName": product.get("name"),
        "variantName": variant.get("name"),
        "productSku": variant.get("sku"),
        "productVariantId": variant.get("id"),
        "thumbnail": product.get("thumbnail"),
        "variant": line.get("variant"),
    }


def _amounts(line: Fields, checkout: Fields, currency: str | None) -> LineAmounts:
    paid = child(line, "totalPrice")
    gross, net = money(paid, "gross"), money(paid, "net")
    full = _full(gross, net, money(line, _LISTED), checkout, currency)
    return _millionths(gross), _millionths(net), _millionths(full)


def _millionths(amount: Decimal | None) -> Amount | None:
    return None if amount is None else amount * MILLION


def _full(
    gross: Decimal | None,
    net: Decimal | None,
    listed: Decimal | None,
    checkout: Fields,
    currency: str | None,
) -> Decimal | None:
    """Return what a line costs before discounts and without tax."""
    with_tax = child(child(checkout, "channel"), "taxConfiguration").get("pricesEnteredWithTax")
    if gross is None or net is None or listed is None or type(with_tax) is not bool:
        return None
    if with_tax and (gross <= 0 or not 0 <= net <= gross):
        return net if listed == 0 else None
    return max(net, _rounded(listed * net / gross, currency) if with_tax else listed)


def _rounded(amount: Decimal, currency: str | None) -> Decimal:
    """Round as Saleor does, to the smallest coin; few currencies have not two decimals."""
    decimals = 2 if currency is None else _DECIMALS.get(currency, 2)
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
