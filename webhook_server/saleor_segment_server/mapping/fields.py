"""Typed reading of a body: a field is there, or it is absent, or the body is unmappable.

Saleor leaves a field null where it has nothing and where the app may not read it, and an older
subscription may not have asked for it at all: null, ``""`` and missing are one thing, absent.

What every message reads by the dozen is read at once, by ``texts`` and ``amounts``: field by field
it took half of the forwarder's time.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.places import MOST, NUMBERS, Place

Fields = Mapping[str, Any]
"""The fields of one JSON object."""
Read = Callable[[Any], tuple[Any, ...]]
"""Picks fields out of an object, and out of objects in it, as if everything were there."""

_ABSENT: Fields = MappingProxyType({})
_OBJECT = frozenset({dict})
_TEXT = frozenset({str, type(None)})
_AS_SALEOR_WRITES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII).fullmatch


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
    (amount,) = amounts(parent, lambda fields: (fields[key]["amount"],))
    return None if amount is None else Decimal(str(amount))


def texts(parent: Fields, read: Read) -> tuple[str | None, ...]:
    """Return what ``read`` picks of ``parent``, all of it text; an absent one may be ``""``."""
    try:
        found = read(parent)
        if _TEXT.issuperset(map(type, found)):
            return found
    except (KeyError, TypeError):  # something is absent, or of the wrong kind: go with care
        pass
    return tuple([place.text() for place in read(Place(parent))])


def amounts(parent: Fields, read: Read) -> tuple[float | None, ...]:
    """Return what ``read`` picks of ``parent``, each the ``amount`` of a Saleor ``Money``."""
    try:
        found = read(parent)
        if NUMBERS.issuperset(map(type, found)) and sum(map(abs, found)) < MOST:
            return found
    except (KeyError, TypeError):
        pass
    return tuple([place.amount() for place in read(Place(parent))])


def moment(parent: Fields, key: str) -> datetime | None:
    """Return the time under ``key``, in UTC."""
    value = text(parent, key)
    if value is None:
        return None
    try:
        parsed = datetime.fromisoformat(value)
        if parsed.tzinfo is not None:
            return parsed if parsed.tzinfo is UTC else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise Unmappable(f"{key} is not a time with its zone", parent)


def timestamp(parent: Fields, key: str) -> str | None:
    """Return the time under ``key`` as Segment has it, in UTC and to the millisecond."""
    found = moment(parent, key)
    if found is None:
        return None
    written: str = parent[key]
    if _AS_SALEOR_WRITES(written):  # writing the time anew takes 3 µs more
        return f"{written[:23]}Z"
    return found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def present(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of ``properties`` is there: Segment reads a null as the wish to erase."""
    return {key: value for key, value in properties.items() if value is not None and value != ""}
