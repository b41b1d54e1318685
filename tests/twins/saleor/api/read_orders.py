"""Fields of orders and of what hangs on them, and who may read which."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.twins.saleor.api.errors import PermissionDenied
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.apps import App
from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.carts import Cart
from tests.twins.saleor.shop.catalogue import Product, User, WithMetadata
from tests.twins.saleor.shop.orders import Order, OrderLine

Args = Mapping[str, Any]
Field = Callable[[Any, Request, Args], Any]

_ORDER_USER = ("MANAGE_USERS", "MANAGE_ORDERS", "HANDLE_PAYMENTS", "HANDLE_TAXES")

PRIVATE_METADATA = {
    "App": "MANAGE_APPS",
    "Order": "MANAGE_ORDERS",
    "Checkout": "MANAGE_CHECKOUTS",
    "CheckoutLine": "MANAGE_CHECKOUTS",
    "Fulfillment": "MANAGE_ORDERS",
    "OrderLine": "MANAGE_ORDERS",
    "User": "MANAGE_USERS",
    "Channel": "MANAGE_CHANNELS",
    "Product": "MANAGE_PRODUCTS",
    "ProductVariant": "MANAGE_PRODUCTS",
    "Category": "MANAGE_PRODUCTS",
    "ProductType": "MANAGE_PRODUCT_TYPES_AND_ATTRIBUTES",
    "TransactionItem": "HANDLE_PAYMENTS",
    "Payment": "HANDLE_PAYMENTS",
}
"""Who may read, and write, the private metadata of a type."""


def _thumbnail(line: OrderLine, request: Request, args: Args) -> dict[str, str | None] | None:
    return _picture(line.variant.product, request, args) if line.variant else None


def _picture(product: Product, request: Request, args: Args) -> dict[str, str | None] | None:
    if product.media_pk is None:
        return None
    parts = [request.state.public_url, "thumbnail", global_id("ProductMedia", product.media_pk)]
    parts.append(str(args.get("size") or 4096))
    if args.get("format", "ORIGINAL") != "ORIGINAL":
        parts.append(args["format"].lower())
    return {"url": "/".join(parts) + "/", "alt": ""}


def _user(order: Order, request: Request, args: Args) -> User | None:
    if order.user is not None:
        request.demand(*_ORDER_USER)
    return order.user


def _checkout_user(cart: Cart, request: Request, args: Args) -> User | None:
    if cart.user is not None:
        request.demand("MANAGE_USERS", "HANDLE_PAYMENTS")
    return cart.user


def _attribute(product: Product, request: Request, args: Args) -> dict[str, object] | None:
    value = product.attributes.get(args["slug"])
    if value is None:
        return None
    slug = value.lower().replace(" ", "-")
    return {"values": [{"id": global_id("AttributeValue", slug), "name": value, "slug": slug}]}


def _note(user: User, request: Request, args: Args) -> str | None:
    request.demand("MANAGE_USERS", "MANAGE_STAFF")
    return user.note


def _guarded(attribute: str, *one_of: str) -> Field:
    def field(node: Any, request: Request, args: Args) -> Any:
        request.demand(*one_of)
        return getattr(node, attribute)

    return field


def _items(metadata: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in metadata.items()]


def _some(metadata: Mapping[str, str], keys: list[str] | None) -> dict[str, str]:
    return {key: metadata[key] for key in (metadata if keys is None else keys) if key in metadata}


def _private(node: WithMetadata, request: Request) -> Mapping[str, str]:
    kind: str = node.graphql_type  # type: ignore[attr-defined]  # every type with metadata has one
    owned = isinstance(node, App) and request.owns(node)
    if not owned and not request.may(PRIVATE_METADATA[kind]):
        raise PermissionDenied("You do not have permission to perform this action")
    return node.private_metadata


METADATA: dict[str, Field] = {
    "metadata": lambda node, *_: _items(node.metadata),
    "metafield": lambda node, _, args: node.metadata.get(args["key"]),
    "metafields": lambda node, _, args: _some(node.metadata, args.get("keys")),
    "privateMetadata": lambda node, request, _: _items(_private(node, request)),
    "privateMetafield": lambda node, request, args: _private(node, request).get(args["key"]),
    "privateMetafields": lambda node, request, args: _some(
        _private(node, request), args.get("keys")
    ),
}
"""Fields of every type with metadata."""

FIELDS: dict[str, dict[str, Field]] = {
    "Money": {"amount": lambda money, *_: float(money.amount)},
    "Order": {
        "user": _user,
        "shippingTaxRate": lambda order, *_: float(order.shipping_tax_rate),
        "transactions": _guarded("transactions", "MANAGE_ORDERS", "HANDLE_PAYMENTS"),
        "payments": _guarded("payments", "MANAGE_ORDERS"),
    },
    "OrderLine": {
        "taxRate": lambda line, *_: float(line.tax_rate),
        "thumbnail": _thumbnail,
    },
    "Checkout": {"user": _checkout_user},
    "Product": {"attribute": _attribute, "thumbnail": _picture},
    "User": {"note": _note},
}
"""Resolvers of fields: ``(object, request, args)``."""
