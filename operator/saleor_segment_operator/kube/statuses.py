"""A status as two field managers write it, each its own part, by server-side apply.

``stats`` has the figures of delivery and the two conditions that come of them, which change all the
time; ``reconciler`` has the rest. What a manager applies no longer, and nobody else has, is gone.
"""

from collections.abc import Mapping
from typing import Any

from saleor_segment_operator.resource import ConditionType, Status

Part = Mapping[str, Any]

RECONCILER = "reconciler"
"""The manager of what a pass finds."""
STATS = "stats"
"""The manager of what the servers count."""

_COUNTED = frozenset({ConditionType.DELIVERING, ConditionType.PUBLIC_URL_REACHABLE})
_KEYS = {"conditions": "type", "webhooks": "event"}
"""The lists that are maps to the API server, which keeps an order of its own."""


def parts(status: Status) -> Mapping[str, Part]:
    """Return what each manager applies, those first that others build on."""
    document = _filled(status.document())
    conditions = document.pop("conditions", [])
    counted = [each for each in conditions if each["type"] in _COUNTED]
    found = [each for each in conditions if each["type"] not in _COUNTED]
    stats = {"conditions": counted}
    if "delivery" in document:
        stats["delivery"] = document.pop("delivery")
    # The stats go first: whoever waits for Ready finds the other conditions there.
    return {STATS: stats, RECONCILER: document | {"conditions": found}}


def differ(old: Part, new: Part) -> bool:
    """Tell whether two parts say different things, whatever the order of their conditions."""
    return bool(_unordered(old) != _unordered(new))


def pressing(old: Part, new: Part) -> bool:
    """Tell whether a change of the stats is more than other figures."""
    return _gist(old) != _gist(new)


def _filled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is empty: the API server makes null of it where there was something before."""
    filled = {
        name: _filled(value) if isinstance(value, Mapping) else value
        for name, value in document.items()
    }
    return {name: value for name, value in filled.items() if value not in ({}, [])}


def _gist(stats: Part) -> tuple[Any, ...]:
    conditions = sorted(
        (each["type"], each["status"], each["observedGeneration"]) for each in stats["conditions"]
    )
    # Whoever reads of new dead letters compares with what the status said last.
    return conditions, (stats.get("delivery") or {}).get("deadLettered", 0)


def _unordered(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        name: {each[_KEYS[name]]: each for each in content}
        if name in _KEYS
        else _unordered(content)
        for name, content in value.items()
    }
