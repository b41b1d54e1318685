"""Simulated orders: what Saleor's flat tax rates make of prices, discounts and gift cards."""

import base64
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import strategies as st

from tests.data_plane.mapping.deliveries import Json

EXPONENTS = {"USD": 2, "PLN": 2, "JPY": 0, "KWD": 3}
RATES = [Decimal(rate) / 100 for rate in ("0", "2.5", "5", "8", "8.25", "10", "19", "23", "25.5")]


def global_id(kind: str, number: int) -> str:
    return base64.b64encode(f"{kind}:{number}".encode()).decode()


@dataclass(frozen=True)
class Channel:
    """What the arithmetic of an order depends on."""

    currency: str
    prices_with_tax: bool

    def rounded(self, amount: Decimal) -> Decimal:
        return amount.quantize(Decimal(1).scaleb(-EXPONENTS[self.currency]), ROUND_HALF_UP)

    def amount(self, minor_units: int) -> Decimal:
        return Decimal(minor_units).scaleb(-EXPONENTS[self.currency])

    def taxed(self, base: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
        """Return gross and net of a price as the channel's staff entered it."""
        if self.prices_with_tax:
            return base, self.rounded(base / (1 + rate))
        return self.rounded(base * (1 + rate)), base


@dataclass(frozen=True)
class Simulated:
    """An order, and what its message must say."""

    order: Json
    currency: str
    total: Decimal
    tax: Decimal
    gift_card: Decimal


@st.composite
def orders(draw: st.DrawFn) -> Simulated:
    """Draw an order: 0 to 8 lines, line discounts, a voucher on all of it, a gift card."""
    channel = Channel(draw(st.sampled_from(sorted(EXPONENTS))), draw(st.booleans()))
    voucher = draw(st.sampled_from([0, 0, 10, 33, 100]))
    lines, gross, tax = [], Decimal(0), Decimal(0)
    for number in range(draw(st.integers(0, 8))):
        line = _line(draw, channel, number, voucher)
        paid = line["totalPrice"]
        lines.append(line)
        gross += paid["gross"]["amount"]
        tax += paid["gross"]["amount"] - paid["net"]["amount"]
    shipping = channel.taxed(
        channel.amount(draw(st.integers(0, 5000))), draw(st.sampled_from(RATES))
    )
    total = gross + shipping[0]
    gift_card = min(total, channel.amount(draw(st.sampled_from([0, 0, 1, 777, 10**9]))))
    order = _order(channel, lines, shipping, total - gift_card)
    return Simulated(order, channel.currency, total, tax + shipping[0] - shipping[1], gift_card)


def _line(draw: st.DrawFn, channel: Channel, number: int, voucher: int) -> Json:
    rate, quantity = draw(st.sampled_from(RATES)), draw(st.integers(1, 100))
    listed = channel.amount(draw(st.integers(0, 10**7))) * quantity
    discount = 1 - Decimal(draw(st.sampled_from([0, 0, 15, 50, 100]))) / 100
    paid = channel.rounded(listed * discount * (100 - voucher) / 100)
    gross, net = channel.taxed(paid, rate)
    undiscounted = channel.taxed(listed, rate)[1]
    return {
        "id": global_id("OrderLine", number),
        "quantity": quantity,
        "productName": f"Product {number}",
        "variantName": "",
        "productSku": None,
        "productVariantId": global_id("ProductVariant", number),
        "voucherCode": None,
        "totalPrice": {"gross": {"amount": gross}, "net": {"amount": net}},
        "undiscountedTotalPrice": {"net": {"amount": undiscounted}},
        "thumbnail": None,
        "variant": None,
    }


def _order(
    channel: Channel, lines: list[Json], shipping: tuple[Decimal, Decimal], total: Decimal
) -> Json:
    currency = channel.currency
    return {
        "id": global_id("Order", 1),
        "userEmail": "buyer@example.net",
        "total": {
            "gross": {"amount": total, "currency": currency},
            "net": {"amount": total, "currency": currency},
        },
        "shippingPrice": {"gross": {"amount": shipping[0]}, "net": {"amount": shipping[1]}},
        "lines": lines,
    }
