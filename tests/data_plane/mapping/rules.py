"""What holds of every message, whatever it was made of."""

import json
from decimal import Decimal
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
    if decoded["type"] == "track":
        assert decoded["event"]
        assert "properties" in decoded
    else:
        assert decoded["type"] == "identify"
        assert decoded["traits"]
    assert decoded["messageId"] == message.id
    assert len(message.id) == 64
    assert decoded.get("userId") or decoded.get("anonymousId")
    assert {"app", "library"} <= decoded["context"].keys()
    _assert_nothing_empty(decoded)
    return decoded


def assert_exact(message: Message) -> None:
    """Hold every number against what arithmetic with floats leaves, as in 19.989999999999998."""
    json.loads(message.payload, parse_float=_exact, object_pairs_hook=_priced)


def _exact(number: str) -> Decimal:
    exact = Decimal(number)
    assert exact == exact.quantize(Decimal("0.000001")), number
    return exact


def _priced(pairs: list[tuple[str, Any]]) -> Json:
    """Check amounts: no currency has more than three decimals; only prices are divided."""
    for key, value in pairs:
        if isinstance(value, Decimal) and key != "price":
            assert value == value.quantize(Decimal("0.001")), key
    return dict(pairs)


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
