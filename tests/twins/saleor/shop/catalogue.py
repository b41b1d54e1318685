"""What the shop sells and to whom: channels, products, vouchers, customers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import ClassVar

from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.addresses import Address


@dataclass(eq=False)
class WithMetadata:
    """Something that carries public and private metadata."""

    metadata: dict[str, str] = field(default_factory=dict, kw_only=True)
    private_metadata: dict[str, str] = field(default_factory=dict, kw_only=True)


@dataclass(eq=False)
class Channel(WithMetadata):
    """A sales channel: one currency, one way to enter prices."""

    graphql_type: ClassVar = "Channel"
    pk: int
    slug: str
    name: str
    currency_code: str
    with_tax: bool
    """Prices are entered, and shown, with tax."""
    rates: Mapping[str, Decimal]
    """Tax rate by tax class; ``standard`` also taxes the shipping."""
    shipping_method: str
    shipping_price: Decimal
    is_active: bool = True

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Channel", self.pk)

    @property
    def tax_configuration(self) -> dict[str, object]:
        """Saleor's ``TaxConfiguration``."""
        node_id = global_id("TaxConfiguration", self.pk)
        return {"id": node_id, "pricesEnteredWithTax": self.with_tax}

    def rate(self, tax_class: str) -> Decimal:
        """The tax rate of a class of products."""
        return self.rates.get(tax_class, self.rates["standard"])


@dataclass(eq=False)
class Category(WithMetadata):
    """A product category."""

    graphql_type: ClassVar = "Category"
    pk: int
    name: str
    slug: str

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Category", self.pk)


@dataclass(eq=False)
class ProductType(WithMetadata):
    """A product type."""

    graphql_type: ClassVar = "ProductType"
    pk: int
    name: str
    slug: str

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("ProductType", self.pk)


@dataclass(eq=False)
class Product(WithMetadata):
    """A product; its picture is the thumbnail of every line that holds it."""

    graphql_type: ClassVar = "Product"
    pk: int
    name: str
    slug: str
    product_type: ProductType
    category: Category | None
    tax_class: str = "standard"
    promotion: Decimal | None = None
    """Share of the price that the running catalogue promotion takes off."""
    media_pk: int | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The value of each attribute, by its slug."""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Product", self.pk)


@dataclass(eq=False)
class Variant(WithMetadata):
    """What is bought. Without a sku and a name where the product has no variants."""

    graphql_type: ClassVar = "ProductVariant"
    pk: int
    product: Product
    prices: Mapping[str, Decimal]
    """Price by channel slug, as entered."""
    sku: str | None = None
    label: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("ProductVariant", self.pk)

    @property
    def name(self) -> str:
        """The variant's name; Saleor shows the global id of a nameless one."""
        return self.label or self.id


class VoucherKind(StrEnum):
    """What a voucher lowers."""

    ENTIRE_ORDER = "ENTIRE_ORDER"
    SPECIFIC_PRODUCT = "SPECIFIC_PRODUCT"
    SHIPPING = "SHIPPING"


@dataclass(frozen=True)
class Voucher:
    """A voucher: a share or a fixed amount, off the whole order, single pieces or the shipping."""

    code: str
    kind: VoucherKind = VoucherKind.ENTIRE_ORDER
    percent: Decimal | None = None
    amounts: Mapping[str, Decimal] = field(default_factory=dict)
    """Fixed amount by channel slug; of a piece for single products."""
    products: frozenset[str] = frozenset()
    """Slugs of the single products."""
    once: bool = False
    """It lowers the cheapest piece of the order, and nothing else."""

    def off(self, price: Decimal, channel: Channel) -> Decimal:
        """How much of a price it takes off, before rounding; never more than the price."""
        if self.percent is not None:
            return price * self.percent / 100
        return min(self.amounts.get(channel.slug, Decimal(0)), price)


@dataclass(eq=False)
class User(WithMetadata):
    """An account: a customer or one of the staff."""

    graphql_type: ClassVar = "User"
    pk: int
    email: str
    date_joined: datetime
    first_name: str = ""
    last_name: str = ""
    note: str | None = None
    is_staff: bool = False
    is_active: bool = True
    is_superuser: bool = False
    permissions: Sequence[str] = ()
    password: str = ""
    default_billing_address: Address | None = None
    default_shipping_address: Address | None = None
    jwt_token_key: str = ""
    """Changing it voids every token issued before."""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("User", self.pk)


@dataclass(eq=False)
class Catalogue:
    """Everything on offer, by the names the tests use."""

    channels: dict[str, Channel] = field(default_factory=dict)
    variants: list[Variant] = field(default_factory=list)
    vouchers: dict[str, Voucher] = field(default_factory=dict)

    def on_sale(self, channel: Channel) -> list[Variant]:
        """The variants with a price in this channel."""
        return [variant for variant in self.variants if channel.slug in variant.prices]
