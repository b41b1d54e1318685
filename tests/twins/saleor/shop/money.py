"""Money as Saleor reckons it: decimals, flat tax rates, half-up rounding to the currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

ZERO = Decimal(0)
_EXPONENTS = {"JPY": Decimal(1), "KWD": Decimal("0.001")}
_CENT = Decimal("0.01")


def quantize(amount: Decimal, currency: str) -> Decimal:
    """Round to the currency's smallest unit (saleor/core/prices.py ``quantize_price``)."""
    return amount.quantize(_EXPONENTS.get(currency, _CENT), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount; GraphQL shows it as a float."""

    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class TaxedMoney:
    """An amount without and with tax."""

    net: Money
    gross: Money

    @classmethod
    def of(cls, net: Decimal, gross: Decimal, currency: str) -> "TaxedMoney":
        """Round both amounts and pair them."""
        return cls(
            Money(quantize(net, currency), currency), Money(quantize(gross, currency), currency)
        )

    @classmethod
    def flat(cls, price: Decimal, rate: Decimal, currency: str, *, with_tax: bool) -> "TaxedMoney":
        """Tax a price (saleor/tax/calculations ``calculate_flat_rate_tax``)."""
        if with_tax:
            return cls.of(price / (1 + rate), price, currency)
        return cls.of(price, price * (1 + rate), currency)

    @property
    def currency(self) -> str:
        """The currency of both amounts."""
        return self.gross.currency

    @property
    def tax(self) -> Money:
        """The difference between gross and net."""
        return Money(self.gross.amount - self.net.amount, self.currency)

    def __add__(self, other: "TaxedMoney") -> "TaxedMoney":
        return self.of(
            self.net.amount + other.net.amount,
            self.gross.amount + other.gross.amount,
            self.currency,
        )

    def scaled(self, part: Decimal, whole: Decimal) -> "TaxedMoney":
        """Return this share of both amounts, rounded."""
        return self.of(
            self.net.amount * part / whole, self.gross.amount * part / whole, self.currency
        )


def spread(discount: Decimal, prices: Sequence[Decimal], currency: str) -> list[Decimal]:
    """Split a discount over line totals: rounded shares, and the last line takes the rest."""
    total, rest, shares = sum(prices, ZERO), discount, list[Decimal]()
    for price in prices[:-1]:
        share = min(quantize(discount * price / total, currency), price) if total else ZERO
        shares.append(share)
        rest -= share
    return [*shares, min(rest, prices[-1])] if prices else []
