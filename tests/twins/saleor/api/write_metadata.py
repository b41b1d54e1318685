"""Mutations of metadata, of apps and of orders."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.twins.saleor.api.errors import not_found
from tests.twins.saleor.api.read_orders import PRIVATE_METADATA
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.apps import App
from tests.twins.saleor.ids import parse_global_id
from tests.twins.saleor.shop.orders import Order

Args = Mapping[str, Any]
Change = Callable[[dict[str, str], Args], None]
Mutation = Callable[[Request, Args], Mapping[str, Any]]


def _mutation(attribute: str, change: Change) -> Mutation:
    def mutate(request: Request, args: Args) -> Mapping[str, Any]:
        node = _writable(request, args["id"])
        change(getattr(node, attribute), args)
        if isinstance(node, Order):
            request.state.outbox.emit("ORDER_METADATA_UPDATED", node)
        return {"item": node}

    return mutate


def _writable(request: Request, node_id: str) -> App | Order:
    kind, key = parse_global_id(node_id) or ("", "")
    node: App | Order | None = None
    if kind == "App":
        node = request.state.apps.find(key)
    elif kind == "Order":
        node = request.state.shop.orders.get(node_id)
    if node is None:
        raise not_found("id", node_id)
    if not (isinstance(node, App) and request.owns(node)):
        request.demand(PRIVATE_METADATA[kind])
    return node


def _set(metadata: dict[str, str], args: Args) -> None:
    metadata.update((item["key"], item["value"]) for item in args["input"])


def _remove(metadata: dict[str, str], args: Args) -> None:
    for key in args["keys"]:
        metadata.pop(key, None)


MUTATIONS = {
    "updateMetadata": _mutation("metadata", _set),
    "updatePrivateMetadata": _mutation("private_metadata", _set),
    "deleteMetadata": _mutation("metadata", _remove),
    "deletePrivateMetadata": _mutation("private_metadata", _remove),
}
