"""What a body holds and the subscription does not ask for, and the other way round."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from saleor_segment_server.contract import Event, Tracking, subscription
from saleor_segment_server.contract.events import Permission

Asked = Mapping[str, Any]
"""Fields with what is asked of each; nothing is asked of a scalar."""


class Differences(NamedTuple):
    """Fields as paths from the body's root; what is in a list is named like an object's field."""

    unknown: tuple[str, ...]
    """In the body, and not asked for: an older or another subscription."""
    missing: tuple[str, ...]
    """Asked for, and not in the body."""
    empty: tuple[str, ...]
    """Asked for, and null or without text: Saleor has nothing, or the app may not read it."""


def differences(
    fields: Mapping[str, Any], event: Event, tracking: Tracking, held: Sequence[Permission]
) -> Differences:
    """Hold the fields of an event against the subscription of these options.

    Args:
        fields: The event's own fields.
        event: The event.
        tracking: The options.
        held: What the app may read.
    """
    asked = _asked(subscription(event, tracking, held=held))
    absent = list(_absent([fields], asked, ""))
    return Differences(
        unknown=tuple(dict.fromkeys(_unknown(fields, asked, ""))),
        missing=tuple(path for path, is_there in absent if not is_there),
        empty=tuple(path for path, is_there in absent if is_there),
    )


def _unknown(value: Any, asked: Asked, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _unknown(item, asked, path)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name not in asked:
                yield path + name
            elif asked[name]:
                yield from _unknown(inner, asked[name], f"{path}{name}.")


def _absent(objects: Sequence[Mapping[str, Any]], asked: Asked, path: str) -> Iterator[Any]:
    """Yield what none of the objects holds: its path, and whether any has the field at all."""
    for name, inner in asked.items():
        values = [value for each in objects if (value := each.get(name)) not in (None, "")]
        if not values:
            yield path + name, any(name in each for each in objects)
        elif inner and (below := list(_objects(values))):
            yield from _absent(below, inner, f"{path}{name}.")


def _objects(values: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for value in values:
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            yield from _objects(value)


def _asked(query: str) -> Asked:
    # Imported here: no other command that needs no shop loads it.
    from graphql import OperationDefinitionNode, parse  # noqa: PLC0415

    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)  # noqa: S101 - it is our own
    tree = _tree(operation.selection_set)
    return next(iter(tree.values()))


def _tree(selection: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for node in selection.selections if selection else ():
        name = getattr(node, "alias", None) or getattr(node, "name", None)
        inner = _tree(node.selection_set)
        tree |= inner if name is None else {name.value: inner}
    return tree
