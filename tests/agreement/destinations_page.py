"""``docs/destinations.md``: what presets of destinations read, as data.

The fields are those of the destinations' own definitions, which Segment publishes (the repository
action-destinations). Written anew by ``python -m tests.agreement.pages``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

TEXT, NUMBER, WHOLE, TIME = "text", "number", "whole number", "time"
LIST, OBJECT = "list", "object"


@dataclass(frozen=True)
class Field:
    """A field that a preset reads."""

    path: str
    """Where in the message; ``|`` between two of which one is enough, ``[]`` for each element."""
    type: str
    becomes: str
    """What the destination calls it."""
    required: bool = False
    """Whether the preset refuses the message without it."""


@dataclass(frozen=True)
class Preset:
    """What a destination does by default with one of our messages."""

    destination: str
    action: str
    events: tuple[str, ...]
    fields: tuple[Field, ...]
    by_hand: str = ""
    """What it wants and no shop knows: to be set in the mapping of the destination."""


_PERSON = "userId|anonymousId"
_CURRENCY = Field("properties.currency", TEXT, "currency", required=True)
_PRODUCTS = "properties.products"


_COUPON = Field(f"{_PRODUCTS}[].coupon", TEXT, "coupon")


def _ga4_items(*, required: bool) -> tuple[Field, ...]:
    return (
        Field(_PRODUCTS, LIST, "items", required),
        Field(f"{_PRODUCTS}[].product_id", TEXT, "item_id", required=True),
        Field(f"{_PRODUCTS}[].name", TEXT, "item_name"),
        Field(f"{_PRODUCTS}[].price", NUMBER, "price"),
        Field(f"{_PRODUCTS}[].quantity", WHOLE, "quantity"),
        Field(f"{_PRODUCTS}[].position", WHOLE, "index"),
        Field(f"{_PRODUCTS}[].category", TEXT, "item_category"),
        Field(f"{_PRODUCTS}[].variant", TEXT, "item_variant"),
        Field(f"{_PRODUCTS}[].brand", TEXT, "item_brand"),
    )


_FACEBOOK = (
    Field("timestamp", TIME, "event_time", required=True),
    Field(_PERSON, TEXT, "user_data.externalId", required=True),
    Field("messageId", TEXT, "event_id"),
    Field("context.traits.email", TEXT, "user_data.email"),
    Field("context.traits.phone", TEXT, "user_data.phone"),
    Field("context.traits.firstName", TEXT, "user_data.firstName"),
    Field("context.traits.lastName", TEXT, "user_data.lastName"),
    Field("context.traits.address.city", TEXT, "user_data.city"),
    Field("context.traits.address.state", TEXT, "user_data.state"),
    Field("context.traits.address.postalCode", TEXT, "user_data.zip"),
    Field(f"{_PRODUCTS}[].product_id", TEXT, "contents.id", required=True),
    Field(f"{_PRODUCTS}[].quantity", WHOLE, "contents.quantity"),
    Field(f"{_PRODUCTS}[].price", NUMBER, "contents.item_price"),
)
_BRAZE = (
    Field("userId", TEXT, "external_id"),
    Field("context.traits.email|properties.email", TEXT, "email"),
    Field("context.traits.phone", TEXT, "phone"),
    Field("timestamp", TIME, "time", required=True),
    _CURRENCY,
    Field("properties.source", TEXT, "source", required=True),
    Field("properties.total", NUMBER, "total_value", required=True),
    Field(_PRODUCTS, LIST, "products", required=True),
    Field(f"{_PRODUCTS}[].product_id", TEXT, "product_id", required=True),
    Field(f"{_PRODUCTS}[].name", TEXT, "product_name", required=True),
    Field(f"{_PRODUCTS}[].variant", TEXT, "variant_id", required=True),
    Field(f"{_PRODUCTS}[].quantity", WHOLE, "quantity", required=True),
    Field(f"{_PRODUCTS}[].price", NUMBER, "price", required=True),
    Field(f"{_PRODUCTS}[].image_url", TEXT, "image_url"),
    Field(f"{_PRODUCTS}[].url", TEXT, "product_url"),
)
_BRAZE_REFUND = (*_BRAZE, Field("properties.order_id", TEXT, "order_id", required=True))
_BRAZE_ORDER = (*_BRAZE_REFUND, Field("properties.discount", NUMBER, "total_discounts"))
_FACEBOOK_BY_HAND = "`action_source`, as `website`, which then wants a `client_user_agent` too"

PRESETS = (
    Preset(
        "GA4",
        "purchase",
        ("Order Completed",),
        (
            Field(_PERSON, TEXT, "client_id", required=True),
            _CURRENCY,
            Field("properties.order_id", TEXT, "transaction_id", required=True),
            Field("properties.total", NUMBER, "value"),
            Field("properties.tax", NUMBER, "tax"),
            Field("properties.shipping", NUMBER, "shipping"),
            Field("properties.affiliation", TEXT, "affiliation"),
            Field("properties.coupon", TEXT, "coupon"),
            *_ga4_items(required=True),
            _COUPON,
        ),
        "`client_id` from `properties.tracking_client_id`, to join the visitor's web session",
    ),
    Preset(
        "GA4",
        "refund",
        ("Order Refunded",),
        (
            Field(_PERSON, TEXT, "client_id", required=True),
            _CURRENCY,
            Field("properties.order_id", TEXT, "transaction_id", required=True),
            Field("properties.total", NUMBER, "value", required=True),
            Field("properties.affiliation", TEXT, "affiliation"),
            *_ga4_items(required=False),
            _COUPON,
        ),
    ),
    Preset(
        "GA4",
        "begin_checkout",
        ("Checkout Started",),
        (
            Field(_PERSON, TEXT, "client_id", required=True),
            Field("properties.currency", TEXT, "currency"),
            Field("properties.value", NUMBER, "value"),
            Field("properties.coupon", TEXT, "coupon"),
            *_ga4_items(required=True),
        ),
    ),
    Preset(
        "Facebook CAPI",
        "Purchase",
        ("Order Completed",),
        (_CURRENCY, Field("properties.revenue", NUMBER, "value", required=True), *_FACEBOOK),
        _FACEBOOK_BY_HAND,
    ),
    Preset(
        "Facebook CAPI",
        "InitiateCheckout",
        ("Checkout Started",),
        (
            Field("properties.currency", TEXT, "currency"),
            Field("properties.revenue", NUMBER, "value"),
            *_FACEBOOK,
        ),
        _FACEBOOK_BY_HAND,
    ),
    Preset(
        "Braze",
        "ecommerce.order_placed",
        ("Order Completed",),
        _BRAZE_ORDER,
    ),
    Preset(
        "Braze",
        "ecommerce.order_cancelled",
        ("Order Cancelled",),
        _BRAZE_ORDER,
        "`cancel_reason`: Saleor records none; set a constant",
    ),
    Preset(
        "Braze",
        "ecommerce.order_refunded",
        ("Order Refunded",),
        _BRAZE_REFUND,
    ),
    Preset(
        "Braze",
        "ecommerce.checkout_started",
        ("Checkout Started",),
        (*_BRAZE, Field("properties.checkout_id", TEXT, "checkout_id", required=True)),
    ),
    Preset(
        "Klaviyo",
        "Order Completed, Track Event",
        ("Order Completed", "Order Updated", "Order Cancelled", "Order Refunded"),
        (
            Field(_PERSON, TEXT, "profile.external_id, profile.anonymous_id", required=True),
            Field("properties", OBJECT, "properties", required=True),
            Field("timestamp", TIME, "time"),
            Field("messageId", TEXT, "unique_id"),
        ),
        "`value` from `properties.value`, `profile.email` from `properties.email`, `products` from "
        "`properties.products`",
    ),
)

INTRODUCTION = """\
# Destinations

Written by `.venv/bin/python -m tests.agreement.pages`; a test holds every captured delivery against
the tables.

Presets of destinations match events by Segment's names, so set `tracking.naming: Spec`: under
Saleor's names none of Segment's destinations has a preset, and each needs mappings by hand. The
tables say what the presets read, by the definitions that Segment publishes. What is required is in
every message of that name, with the right type, unless it was shortened; the rest is sent where the
shop knows it. What is named under a table is to be set by hand, in the mapping of the destination.

- GA4 and Braze read `total`, Facebook `revenue`, many others `value`: all are sent. `value` is
  `total`, with tax and shipping; `revenue` is without both.
- A refund that Saleor does not assign to lines has `products: []` and its amount. Google takes it;
  Braze may refuse it, since it wants products.
- An order that exceeds 32,000 bytes loses pictures first and names of products last but one.
- Phone, names and address are sent only with `tracking.privacy` `Plain`, in the clear: advertising
  destinations hash them by themselves, and what is hashed before never matches. With `email:
  Hashed` or `Omit` they match by id alone.
- `brand` and `url` need `tracking.products`.
- Braze takes `variant` for the variant's id. It is the variant's name, as the spec has it: map
  `variant_id` there if your catalog goes by ids. A variant without a name goes by its id in Saleor.
"""


def page() -> str:
    """Return the page."""
    return "\n".join((INTRODUCTION, *_presets()))


def _presets() -> Iterator[str]:
    for number, preset in enumerate(PRESETS):
        if number:
            yield ""
        yield f"## {preset.destination}: {preset.action}"
        yield ""
        yield f"From {', '.join(preset.events)}."
        yield ""
        yield "| path | type | becomes | |"
        yield "| --- | --- | --- | --- |"
        for field in preset.fields:
            path = " or ".join(f"`{each}`" for each in field.path.split("|"))
            required = "required" if field.required else ""
            yield f"| {path} | {field.type} | {field.becomes} | {required} |"
        if preset.by_hand:
            yield ""
            yield f"By hand: {preset.by_hand}."
    yield ""
