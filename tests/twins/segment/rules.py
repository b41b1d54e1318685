"""What Segment checks: pure, and named as the reasons its silent drops would have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

TYPES = ("track", "identify", "page", "screen", "group", "alias")
SHORTEST_KEY = 10
"""Below it a key counts as malformed, the one kind of wrong key that Segment answers 400."""
LONGEST_MESSAGE_ID = 99

NEEDED = {"track": "event", "group": "groupId", "alias": "previousId"}


@dataclass(frozen=True)
class Limits:
    """Documented limits; bytes are counted before compression."""

    item: int = 32 * 1024
    batch: int = 500 * 1024
    events: int = 2500


class Refused(Exception):  # noqa: N818 - it is the answer's name
    """Raised for what Segment answers 400."""


def parse(raw: bytes, path_type: str, limits: Limits) -> tuple[dict[str, Any], list[Any]]:
    """Return the body and its items, or raise ``Refused``."""
    if len(raw) > limits.batch:
        raise Refused("Request body is too large")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refused("Malformed JSON") from None
    if not isinstance(body, dict):
        raise Refused("Malformed JSON")
    if path_type not in {"batch", "import"}:
        return body, [{**body, "type": path_type}]
    items = body.get("batch")
    if not isinstance(items, list):
        raise Refused("batch must be an array")
    return body, items


def encode(body: Mapping[str, Any], items: list[Any], limits: Limits) -> Iterator[bytes]:
    """Yield each item as JSON, what stands above the batch merged in; refuse one too large."""
    shared = {key: body[key] for key in ("context", "integrations") if key in body}
    for item in items:
        data = orjson.dumps(item)
        if len(data) > limits.item:
            raise Refused("Message is too large")
        if shared and isinstance(item, dict) and "batch" in body:
            merged = {key: {**value, **item.get(key, {})} for key, value in shared.items()}
            data = orjson.dumps({**item, **merged})
        yield data


def flaw(item: Any) -> str | None:
    """Return why an item is dropped behind a 200, or ``None``."""
    if not isinstance(item, dict) or item.get("type") not in TYPES:
        return "unknown_type"
    if not (item.get("userId") or item.get("anonymousId")):
        return "missing_id"
    needed = NEEDED.get(item["type"])
    if needed and not item.get(needed):
        return f"missing_{needed}"
    if len(str(item.get("messageId", ""))) > LONGEST_MESSAGE_ID:
        return "message_id_too_long"
    return None
