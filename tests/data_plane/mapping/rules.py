"""What holds of every message, whatever it was made of."""

import json
from typing import Any

from hypothesis import settings

from saleor_segment_server.message import Message
from tests.data_plane.mapping.deliveries import Json

STEADY = settings(deadline=None, derandomize=True)
"""The same examples in every run, on a machine however busy."""


def assert_sendable(message: Message) -> Json:
    """Hold a message against what Segment takes in silence and then drops; return it decoded."""
    assert len(message.payload) <= 32_000
    decoded: Json = json.loads(message.payload, parse_constant=_refuse)
    assert decoded["type"] == "track"
    assert decoded["event"].startswith("Saleor Order ")
    assert decoded["messageId"] == message.id
    assert len(message.id) == 64
    assert decoded.get("userId") or decoded.get("anonymousId")
    assert {"app", "library"} <= decoded["context"].keys()
    _assert_nothing_empty(decoded)
    return decoded


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def _assert_nothing_empty(value: Any) -> None:
    assert value is not None
    assert value != ""
    if isinstance(value, dict):
        for item in value.values():
            _assert_nothing_empty(item)
    if isinstance(value, list):
        for item in value:
            _assert_nothing_empty(item)
