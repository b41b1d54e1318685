"""Where in a body the field is that cannot be mapped.

Mapping knows an object and a key of it, and keeps no path: that is looked for once it is needed.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from saleor_segment_server.errors import Unmappable

_Place = tuple[Any, str | int]
"""The place around it, and the step from there: written out for one object only."""
_LONGEST = 256  # characters: what is longer is no path of a subscription


def located(error: Unmappable, body: bytes) -> str:
    """Return what the error says, with the whole path of its field where that can be found.

    Args:
        error: Why the body cannot be mapped.
        body: The body, as it was received.
    """
    if error.within is None:
        return str(error)
    try:
        found = (place for place, each in _objects(orjson.loads(body)) if each == error.within)
        path = _written(next(found, None))
    except RecursionError:  # by comparing what is nested a thousand deep
        path = ""
    return f"{path}{error}" if len(path) <= _LONGEST else str(error)


def _objects(document: Any) -> Iterator[tuple[_Place | None, Any]]:
    """Yield every object and where it is, outer ones first."""
    level: list[tuple[_Place | None, Any]] = [(None, document)]
    while level:
        yield from (each for each in level if isinstance(each[1], dict))
        level = [((place, step), inner) for place, each in level for step, inner in _inside(each)]


def _inside(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


def _written(place: _Place | None) -> str:
    """Return it as what goes before a field's name, as in ``order.lines[0].``."""
    steps: list[str] = []
    while place is not None:
        place, step = place
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps)).removeprefix(".") + "." if steps else ""
