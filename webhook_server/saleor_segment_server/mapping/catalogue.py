"""What each property of a message is made of: for the pages and the preview, not for the mapping.

A test holds the tables and the mapping together: every property that is sent is here, and every
field that is named here makes a difference to it.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject


class Kind(StrEnum):
    """Messages with the same properties."""

    ORDER = "order"
    REFUND = "refund"
    FULFILLMENT = "fulfillment"
    CHECKOUT = "checkout"
    CUSTOMER = "customer"


class Property(NamedTuple):
    """Something that is sent, and where it comes from."""

    name: str
    """Its path: below ``properties`` if it is one, as in ``products[].price``, else as in
    ``context.app``. Traits are named as in an identify, as in ``traits.email``."""
    reads: tuple[str, ...] = ()
    """The fields of a body that make a difference to it; what is in a list is named like a field of
    an object."""
    how: str = ""
    """What is made of them, ``{0}`` for the first; empty: the first that is there."""

    def source(self, mark: str = "") -> str:
        """Return where it comes from, for people, with ``mark`` around each field."""
        fields = [f"{mark}{field}{mark}" for field in self.reads]
        return self.how.format(*fields) if self.how else ", else ".join(fields)


def kind_of(event: Event) -> Kind:
    """Return what the messages of ``event`` are like."""
    if event is Event.ORDER_REFUNDED:
        return Kind.REFUND
    return _KINDS[event.subject]


@cache
def properties(kind: Kind) -> Mapping[str, Property]:
    """Return what the ``properties`` of such messages may hold, by name; none of an identify."""
    return {each.name: each for each in _TABLES[kind]}


@cache
def envelope(kind: Kind) -> Mapping[str, Property]:
    """Return what such messages may hold around their properties, by name."""
    return {each.name: each for each in _envelope(kind)}


def _common(order: str) -> tuple[Property, ...]:
    return (
        Property("order_id", (f"{order}.id",)),
        Property("order_number", (f"{order}.number",)),
        Property("checkout_id", (f"{order}.checkoutId",)),
        Property("status", (f"{order}.status",)),
        Property("email", (f"{order}.user.email", f"{order}.userEmail")),
        Property(
            "order_email",
            (f"{order}.userEmail", f"{order}.user.email"),
            "{0} where it is not {1}",
        ),
        *_channel(order),
        Property("coupon", (f"{order}.voucherCode",)),
        Property("tracking_client_id", (f"{order}.trackingClientId",)),
    )


def _channel(subject: str) -> tuple[Property, ...]:
    return (
        Property("channel_id", (f"{subject}.channel.id",)),
        Property("channel_slug", (f"{subject}.channel.slug",)),
        Property("channel_name", (f"{subject}.channel.name",)),
        Property("affiliation", (f"{subject}.channel.slug",)),
        Property("source", (), "the shop's own address, as in https://shop.example.com"),
    )


_CURRENCY = Property("currency", ("order.total.gross.currency",))
_SALEOR_TOTALS = (
    Property("total_gross_amount", ("order.total.gross.amount",)),
    Property("total_gross_currency", ("order.total.gross.currency",)),
    Property("total_net_amount", ("order.total.net.amount",)),
    Property("total_net_currency", ("order.total.net.currency",)),
)


def _money(subject: str, paid: str) -> tuple[Property, ...]:
    """Return the sums over the lines; ``paid``: the field with what is left to pay."""
    net, gross = (
        f"{subject}.lines.totalPrice.net.amount",
        f"{subject}.lines.totalPrice.gross.amount",
    )
    shipping = f"{subject}.shippingPrice.net.amount"
    shipping_gross = f"{subject}.shippingPrice.gross.amount"
    return (
        Property("subtotal", (net,), "Σ {0}"),
        Property("revenue", (net,), "Σ {0}"),
        Property("shipping", (shipping,)),
        Property("total", (gross, shipping_gross), "Σ {0} + {1}"),
        Property("value", (gross, shipping_gross), "Σ {0} + {1}"),
        Property("tax", (gross, shipping_gross, net, shipping), "total - subtotal - shipping"),
        Property(
            "gift_card_amount", (paid, gross, shipping_gross), "total - {0}, where that is above 0"
        ),
    )


def _products(line: str, *, quantity: tuple[str, ...], channel: str) -> tuple[Property, ...]:
    """Return what is told of each product, from an order's line."""
    product = f"{line}.variant.product"
    full, net = f"{line}.undiscountedTotalPrice.net.amount", f"{line}.totalPrice.net.amount"
    named = {
        "product_id": (f"{product}.id", f"{line}.productVariantId"),
        "variant_id": (f"{line}.productVariantId",),
        "line_id": (f"{line}.id",),
        "sku": (f"{line}.productSku",),
        "name": (f"{line}.productName",),
        "variant": (f"{line}.variantName",),
        "category": (f"{product}.category.name",),
        "coupon": (f"{line}.voucherCode",),
    }
    return (
        *(Property(f"products[].{name}", reads) for name, reads in named.items()),
        Property(
            "products[].price",
            (full, net, f"{line}.quantity"),
            "max({0}, {1}) ÷ {2}, to six decimals",
        ),
        Property("products[].quantity", quantity),
        *_of_lines(line.removesuffix(".orderLine")),
        Property("products[].image_url", (f"{line}.thumbnail.url",)),
        *_besides(product, channel),
    )


def _of_lines(lines: str) -> tuple[Property, ...]:
    return (
        Property("products[].position", (lines,), "place in {0}, from 1"),
        Property("products_truncated", (), "true where not all products fit into the message"),
        Property("products_count", (), "how many there are, where not all fit"),
    )


def _besides(product: str, channel: str) -> tuple[Property, ...]:
    """Return what options add."""
    return (
        Property(
            "products[].brand",
            (f"{product}.attribute.values.name",),
            "{0} of tracking.products.brandAttribute",
        ),
        Property(
            "products[].url",
            (channel, f"{product}.slug", f"{product}.id"),
            "tracking.products.url with {0}, {1} and {2} put in",
        ),
    )


_DISCOUNT = Property(
    "discount",
    ("order.lines.undiscountedTotalPrice.net.amount", "order.lines.totalPrice.net.amount"),
    "Σ max({0}, {1}) - subtotal",
)

_ORDER = (
    *_common("order"),
    Property("shipping_method", ("order.shippingMethodName", "order.collectionPointName")),
    _CURRENCY,
    *_SALEOR_TOTALS,
    *_money("order", "order.total.gross.amount"),
    _DISCOUNT,
    *_products("order.lines", quantity=("order.lines.quantity",), channel="order.channel.slug"),
)

_REFUND_EVENTS = "order.transactions.events"
_AMOUNT = (
    f"{_REFUND_EVENTS}.amount.amount",
    "order.totalRefunded.amount",
)
_EACH = "{0} of a refund, else {1} less what Segment was told before"
_REFUND = (
    *_common("order"),
    *_SALEOR_TOTALS,
    Property("total", _AMOUNT, _EACH),
    Property("value", _AMOUNT, _EACH),
    Property("currency", ("order.totalRefunded.currency", "order.total.gross.currency")),
    Property("total_refunded", ("order.totalRefunded.amount",)),
    Property(
        "refund_is_cumulative",
        ("order.created", _REFUND_EVENTS),
        "true where refunds from before the integration may be part of it, by {0} and {1}",
    ),
    *_products(
        "order.lines",
        quantity=("order.grantedRefunds.lines.quantity", "order.lines.quantity"),
        channel="order.channel.slug",
    ),
    Property("lines[].line_id", ("order.lines.id",)),
    Property("lines[].variant_id", ("order.lines.productVariantId",)),
    Property("lines[].variant", ("order.lines.variantName",)),
    Property("lines[].sku", ("order.lines.productSku",)),
    Property("lines_truncated", (), "true where not all lines fit into the message"),
    Property("lines_count", (), "how many there are, where not all fit"),
)

_FULFILLMENT = (
    *_common("order"),
    _CURRENCY,
    Property("fulfillment_id", ("fulfillment.id",)),
    Property("fulfillment_number", ("fulfillment.fulfillmentOrder",)),
    Property("fulfillment_status", ("fulfillment.status",)),
    Property("fulfillment_created_at", ("fulfillment.created",)),
    Property("tracking_number", ("fulfillment.trackingNumber",)),
    *_products(
        "fulfillment.lines.orderLine",
        quantity=("fulfillment.lines.quantity",),
        channel="order.channel.slug",
    ),
)

_LINE = "checkout.lines"
_VARIANT = f"{_LINE}.variant"
_LISTED, _NET = f"{_LINE}.undiscountedTotalPrice.amount", f"{_LINE}.totalPrice.net.amount"
_UNTAXED = (_LISTED, _NET, "checkout.channel.taxConfiguration.pricesEnteredWithTax")
_CHECKOUT = (
    Property("checkout_id", ("checkout.id",)),
    Property("email", ("checkout.user.email", "checkout.email")),
    *_channel("checkout"),
    Property("coupon", ("checkout.voucherCode",)),
    Property("currency", ("checkout.totalPrice.gross.currency",)),
    *_money("checkout", "checkout.totalPrice.gross.amount"),
    Property("discount", _UNTAXED, "Σ max({0} without tax, {1}) - subtotal"),
    Property("products[].product_id", (f"{_VARIANT}.product.id", f"{_VARIANT}.id")),
    Property("products[].variant_id", (f"{_VARIANT}.id",)),
    Property("products[].line_id", (f"{_LINE}.id",)),
    Property("products[].sku", (f"{_VARIANT}.sku",)),
    Property("products[].name", (f"{_VARIANT}.product.name",)),
    Property("products[].variant", (f"{_VARIANT}.name",)),
    Property("products[].category", (f"{_VARIANT}.product.category.name",)),
    Property(
        "products[].price",
        (*_UNTAXED, f"{_LINE}.quantity"),
        "max({0} without tax, {1}) ÷ {3}, to six decimals",
    ),
    Property("products[].quantity", (f"{_LINE}.quantity",)),
    *_of_lines(_LINE),
    Property("products[].image_url", (f"{_VARIANT}.product.thumbnail.url",)),
    *_besides(f"{_VARIANT}.product", "checkout.channel.slug"),
)

_KINDS = {
    Subject.ORDER: Kind.ORDER,
    Subject.FULFILLMENT: Kind.FULFILLMENT,
    Subject.CHECKOUT: Kind.CHECKOUT,
    Subject.CUSTOMER: Kind.CUSTOMER,
}
_TABLES: Mapping[Kind, tuple[Property, ...]] = {
    Kind.ORDER: _ORDER,
    Kind.REFUND: _REFUND,
    Kind.FULFILLMENT: _FULFILLMENT,
    Kind.CHECKOUT: _CHECKOUT,
    Kind.CUSTOMER: (),
}


def _envelope(kind: Kind) -> Iterator[Property]:
    subject = {Kind.CHECKOUT: "checkout", Kind.CUSTOMER: "user"}.get(kind, "order")
    yield Property("type", (), "track" if kind is not Kind.CUSTOMER else "identify")
    if kind is not Kind.CUSTOMER:
        yield Property("event", (), "the event, by tracking.naming and tracking.names")
    yield from _ids(subject)
    yield Property("messageId", (), "what the message is about: the same whenever it is sent again")
    yield Property("timestamp", ("issuedAt",))
    yield Property("context.app", (), "this software")
    yield Property("context.library", (), "this software")
    yield Property(
        "context.consent.categoryPreferences",
        (f"{subject}.metafields",),
        "{0} under tracking.consent.metadataKey",
    )
    yield from _traits(subject)


def _ids(subject: str) -> Iterator[Property]:
    if subject == "user":
        yield Property("userId", ("user.id",), "{0}, by tracking.userId")
        return
    typed = "email" if subject == "checkout" else "userEmail"
    account = (f"{subject}.user.id", f"{subject}.user.email", f"{subject}.{typed}")
    yield Property("userId", account, "{0}, else {1} or {2}, by tracking.userId and tracking.guest")
    yield Property(
        "anonymousId",
        (f"{subject}.metafields", f"{subject}.id"),
        "{0} under tracking.anonymousIdKey, else made of {1} where there is no userId",
    )


def _traits(subject: str) -> Iterator[Property]:
    account = subject if subject == "user" else f"{subject}.user"
    home = f"{account}.defaultBillingAddress"
    guest = () if subject == "user" else (f"{subject}.billingAddress",)
    typed = {"checkout": ("checkout.email",), "order": ("order.userEmail",)}.get(subject, ())
    yield Property("traits.email", (f"{account}.email", *typed))
    for name in ("firstName", "lastName"):
        yield Property(f"traits.{name}", tuple(f"{each}.{name}" for each in (account, *guest)))
    names = tuple(f"{each}.{n}" for each in (account, *guest) for n in ("firstName", "lastName"))
    yield Property("traits.name", names, "firstName and lastName")
    places = (home, *guest)
    yield Property("traits.phone", tuple(f"{each}.phone" for each in places))
    for name, fields in _ADDRESS.items():
        reads = tuple(f"{each}.{field}" for each in places for field in fields)
        how = "{0}, {1}" if len(fields) > 1 and not guest else ""
        if len(fields) > 1 and guest:
            how = "{0}, {1}, else {2}, {3}"
        yield Property(f"traits.address.{name}", reads, how)
    yield Property("traits.createdAt", (f"{account}.dateJoined",))


_ADDRESS = {
    "street": ("streetAddress1", "streetAddress2"),
    "city": ("city",),
    "state": ("countryArea",),
    "postalCode": ("postalCode",),
    "country": ("country.code",),
}
