"""The sample shop: four channels, some products, vouchers, and customers."""

from datetime import UTC, datetime
from decimal import Decimal

from tests.twins.saleor.shop.addresses import Address
from tests.twins.saleor.shop.catalogue import (
    Catalogue,
    Category,
    Channel,
    Product,
    ProductType,
    User,
    Variant,
    Voucher,
    VoucherKind,
)

PLN, USD, JPY, KWD = "channel-pln", "default-channel", "channel-jpy", "channel-kwd"
"""Slugs of the channels: prices with tax in zloty and yen, without in dollars and dinars."""

ADDRESSES = {
    PLN: Address(
        first_name="Świętosława",
        last_name="Przykład",
        company_name="Kawa i Ciasto",
        street_address1="ul. Długa 12",
        street_address2="m. 4",
        city="WROCŁAW",
        postal_code="50-072",
        country_code="PL",
        country_name="Poland",
        phone="+48713456789",
    ),
    USD: Address(
        first_name="Sample",
        last_name="Customer",
        street_address1="1200 Market St",
        city="SAN FRANCISCO",
        country_area="CA",
        postal_code="94102",
        country_code="US",
        country_name="United States of America",
        phone="+14155550132",
    ),
}
"""Where orders of a channel go; a channel without an entry uses the American one."""

_RATES = {
    PLN: ("0.23", "0.08"),
    USD: ("0.0825", "0.025"),
    JPY: ("0.1", "0.08"),
    KWD: ("0.05", "0.05"),
}
_SHIPPING = {PLN: "15.99", USD: "9.95", JPY: "800", KWD: "2.125"}

# name | slug | category | tax class | promotion | sku | variant | prices in PLN, USD, JPY, KWD
_PRODUCTS = """
Monospace Tee|ascii-tee|T-shirts|standard||328223582|L|89.97 19.99 1632 4.568
Monospace Tee|ascii-tee|T-shirts|standard||328223583|XL|89.97 19.99 1632 4.568
Banana Juice|banana-juice|Juices|reduced||||5.99 1.99
Mighty Mug|mighty-mug|Homewares|standard|0.125|||29.99 11.99
Blue Hoodie|blue-hoodie|Sweatshirts|standard||118223580|M|119.95 34.95 1965 5.679
White Plimsolls|white-plimsolls|Shoes|standard|0.125|||99.99 29.97
Café Crème|ground-coffee||reduced||COFFEE-500|500 g|41.5 12.35 1299 3.457
Balance Trainers|balance-trainers|Shoes|standard||||319.5 80 7200 24.995
"""
_PRICE_COLUMNS = (PLN, USD, JPY, KWD)
_BRANDS = {"T-shirts": "Monospace", "Shoes": "Sole & Co"}
"""Brands by category; what is of none has no such attribute."""


def catalogue() -> Catalogue:
    """Return everything on offer."""
    return Catalogue(
        channels={channel.slug: channel for channel in _channels()},
        variants=_variants(),
        vouchers={voucher.code: voucher for voucher in _vouchers()},
    )


def customers(count: int = 24) -> dict[str, User]:
    """Return the customers with an account, by email."""
    joined = datetime(2026, 1, 1, tzinfo=UTC)
    accounts = (
        User(
            pk=100 + number,
            email=f"customer{number:02}@example.com",
            date_joined=joined,
            first_name="Customer",
            last_name=f"No {number}",
            default_billing_address=ADDRESSES[USD],
            note="prefers the phone",
        )
        for number in range(1, count + 1)
    )
    return {account.email: account for account in accounts}


def _channels() -> list[Channel]:
    names = {USD: "Channel-USD", PLN: "Channel-PLN", JPY: "Channel-JPY", KWD: "Channel-KWD"}
    return [
        Channel(
            pk=pk,
            slug=slug,
            name=name,
            currency_code=name[-3:],
            with_tax=slug in (PLN, JPY),
            rates=dict(zip(("standard", "reduced"), map(Decimal, _RATES[slug]), strict=True)),
            shipping_method="UPS" if slug == PLN else "Default",
            shipping_price=Decimal(_SHIPPING[slug]),
        )
        for pk, (slug, name) in enumerate(names.items(), 1)
    ]


def _variants() -> list[Variant]:
    categories, products, variants = dict[str, Category](), dict[str, Product](), list[Variant]()
    for row in _PRODUCTS.split("\n")[1:-1]:
        name, slug, category, tax_class, promotion, sku, label, prices = row.split("|")
        if category and category not in categories:
            categories[category] = Category(29 + len(categories), category, category.lower())
        if slug not in products:
            products[slug] = Product(
                pk=134 + len(products),
                name=name,
                slug=slug,
                product_type=ProductType(1, "Simple", "simple"),
                category=categories.get(category),
                tax_class=tax_class,
                promotion=Decimal(promotion) if promotion else None,
                media_pk=17 + len(products),
                attributes={"brand": _BRANDS[category]} if category in _BRANDS else {},
            )
        listed = dict(zip(_PRICE_COLUMNS, map(Decimal, prices.split()), strict=False))
        pk = 350 + len(variants)
        variants.append(Variant(pk, products[slug], listed, sku or None, label or None))
    return variants


def _vouchers() -> list[Voucher]:
    return [
        Voucher("PCT10", percent=Decimal(10)),
        Voucher("FIX777", amounts={PLN: Decimal("17.77"), USD: Decimal("7.77")}),
        Voucher("FREESHIP", VoucherKind.SHIPPING, percent=Decimal(100)),
        Voucher("ONCE15", percent=Decimal(15), once=True),
        Voucher(
            "PRODFIX3",
            VoucherKind.SPECIFIC_PRODUCT,
            amounts={PLN: Decimal("3.33"), USD: Decimal("1.11")},
            products=frozenset({"mighty-mug", "blue-hoodie"}),
        ),
        Voucher("SHIP4", VoucherKind.SHIPPING, amounts={PLN: Decimal("6.5"), USD: Decimal(4)}),
    ]
