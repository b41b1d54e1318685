"""Making a message fit: Segment refuses a message over 32 KB, and the batch around it.

What is dropped does not count in money, which was summed before: pictures, then pages, then
category, position and brand, then names, then the last lines. A refund's plain list of lines goes
before its products.
"""

from typing import Any, Final

import orjson

from saleor_segment_server.errors import Unmappable

LIMIT: Final = 32_000
"""Bytes of a message; Segment says 32 KB, and the strictest of its own clients counts so."""

_DISPENSABLE = (("image_url",), ("url",), ("category", "position", "brand"), ("name",))
_LISTS = ("lines", "products")


def shrunk(item: dict[str, Any]) -> bytes:
    """Encode ``item``, which is over the limit, without what does not fit.

    Raises:
        Unmappable: It exceeds the limit even without a single line.
    """
    properties = dict(item["properties"])
    item = item | {"properties": properties}
    for keys in _DISPENSABLE:
        properties |= {"products": _without(keys, properties.get("products", []))}
        if len(payload := orjson.dumps(item)) <= LIMIT:
            return payload
    for name in _LISTS:
        _truncate(item, properties, name)
        if len(payload := orjson.dumps(item)) <= LIMIT:
            return payload
    raise Unmappable("the message exceeds 32,000 bytes even without its lines")


def _without(keys: tuple[str, ...], products: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: product[key] for key in product if key not in keys} for product in products]


def _truncate(item: dict[str, Any], properties: dict[str, Any], name: str) -> None:
    """Keep as many of the first elements as fit, and say how many there were."""
    elements = properties.get(name)
    if not elements:
        return
    properties |= {name: [], f"{name}_truncated": True, f"{name}_count": len(elements)}
    left = LIMIT - len(orjson.dumps(item))
    for element in elements:
        left -= len(orjson.dumps(element)) + 1  # its comma
        if left < 0:
            break
        properties[name].append(element)
