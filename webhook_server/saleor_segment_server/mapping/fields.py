"""Typed reading of a body: a field is there, or it is absent, or the body is unmappable.

Saleor leaves a field null where it has nothing and where the app may not read it, and an older
subscription may not have asked for it at all: null, ``""`` and missing are one thing, absent.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from saleor_segment_server.errors import Unmappable

Fields = Mapping[str, Any]
"""The fields of one JSON object."""

_ABSENT: Fields = MappingProxyType({})
_OBJECT = {dict}
_TOO_LARGE = 10**15  # beyond it a double no longer holds the cents


def child(parent: Fields, key: str) -> Fields:
    """Return the object under ``key``; an absent one has no fields."""
    value = parent.get(key)
    if type(value) is dict:
        return value
    if value is None:
        return _ABSENT
    raise Unmappable(f"{key} is not an object", parent)


def children(parent: Fields, key: str) -> list[Fields] | None:
    """Return the objects under ``key``, or ``None`` where the list is absent."""
    value = parent.get(key)
    if value is None:
        return None
    if type(value) is not list or not _OBJECT.issuperset(map(type, value)):
        raise Unmappable(f"{key} is not a list of objects", parent)
    return value


def text(parent: Fields, key: str) -> str | None:
    """Return the text under ``key``."""
    value = parent.get(key)
    if type(value) is str:
        return value or None
    if value is None:
        return None
    raise Unmappable(f"{key} is not text", parent)


def count(parent: Fields, key: str) -> int | None:
    """Return the whole number under ``key``."""
    value = parent.get(key)
    if value is None or type(value) is int:
        return value
    raise Unmappable(f"{key} is not a whole number", parent)


def money(parent: Fields, key: str) -> Decimal | None:
    """Return the amount of the Saleor ``Money`` under ``key``, exact."""
    value = parent.get(key)
    amount = (value if type(value) is dict else child(parent, key)).get("amount")
    if amount is None:
        return None
    # The type, not isinstance: to Python a bool is a number. The comparison fails for NaN too.
    if type(amount) in {float, int} and -_TOO_LARGE < amount < _TOO_LARGE:
        return Decimal(str(amount))
    raise Unmappable(f"{key}.amount is not an amount of money", parent)


def moment(parent: Fields, key: str) -> datetime | None:
    """Return the time under ``key``, in UTC."""
    value = text(parent, key)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unmappable(f"{key} is not a time with its zone", parent)


def present(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of ``properties`` is there: Segment reads a null as the wish to erase."""
    return {key: value for key, value in properties.items() if value is not None}
