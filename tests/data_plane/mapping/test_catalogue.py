"""The tables of properties say what the mapping does: nothing less, and nothing that is not so."""

import json
from collections.abc import Iterator
from itertools import product

import pytest
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse

from saleor_segment_server.contract import Event, Permission, subscription
from saleor_segment_server.mapping.catalogue import (
    Kind,
    Property,
    envelope,
    kind_of,
    properties,
)
from tests.data_plane.mapping.deliveries import Json, with_options
from tests.data_plane.mapping.filled import (
    EVERYTHING,
    PIPELINES,
    bodies_of,
    leaves,
    sent,
    without,
)
from tests.data_plane.mapping.golden import every_capture, golden_names, golden_path

EVENT_OF = {one.name: one.event for one in every_capture()}
_EMPTY = {"properties.products", "properties.lines"}  # lists that may hold nothing


def _golden() -> Iterator[tuple[Event, list[Json]]]:
    for name in golden_names():
        folder, _, stem = name.partition("/")
        golden = json.loads(golden_path(name).read_text())
        deliveries = golden["deliveries"] if folder == "options" else {stem: golden}
        for delivery, told in deliveries.items():
            messages = told if isinstance(told, list) else told.get("messages", [])
            yield EVENT_OF[delivery], messages


def test_every_property_that_is_sent_is_in_its_table() -> None:
    strangers = {
        (kind_of(event), name)
        for event, messages in _golden()
        for name in leaves(messages).keys() - _EMPTY
        if name.removeprefix("properties.") not in _known(kind_of(event))
    }
    assert strangers == set()


@pytest.mark.parametrize("kind", Kind)
def test_a_full_body_has_every_property_of_its_table(kind: Kind) -> None:
    found: set[str] = set()
    for (event, body), pipeline in product(bodies_of(kind), PIPELINES):
        found |= leaves(sent(event, body, pipeline)).keys()
    missing = _known(kind).keys() - {name.removeprefix("properties.") for name in found}
    assert {name for name in missing if "_truncated" not in name and "_count" not in name} == set()


@pytest.mark.parametrize("kind", Kind)
def test_every_field_that_is_named_makes_a_difference(kind: Kind) -> None:
    left = {(name, path) for name, each in _known(kind).items() for path in each.reads}
    for (event, body), pipeline in product(bodies_of(kind), PIPELINES):
        before = leaves(sent(event, body, pipeline))
        for path in {path for _, path in left}:
            after = leaves(sent(event, without(body, path), pipeline))
            left -= {
                (name, path) for name in _known(kind) if _value(before, name) != _value(after, name)
            }
    assert left == set()


@pytest.mark.parametrize("kind", Kind)
def test_every_field_that_is_named_is_asked_for(kind: Kind) -> None:
    options = with_options(**EVERYTHING).tracking
    for event in (event for event in Event if kind_of(event) is kind):
        asked = set(_asked(subscription(event, options, held=list(Permission))))
        named = {path for each in _known(kind).values() for path in each.reads}
        assert named - asked == set()


def _known(kind: Kind) -> dict[str, Property]:
    return {**envelope(kind), **properties(kind)}


def _value(found: dict[str, list[object]], name: str) -> object:
    return found.get(f"properties.{name}", found.get(name))


def _asked(query: str) -> Iterator[str]:
    (operation,) = parse(query).definitions
    assert isinstance(operation, OperationDefinitionNode)
    for path in _paths(operation.selection_set, ""):
        yield path.removeprefix("event.")


def _paths(selection: SelectionSetNode | None, path: str) -> Iterator[str]:
    for node in selection.selections if selection else ():
        if isinstance(node, InlineFragmentNode):
            yield from _paths(node.selection_set, path)
        elif isinstance(node, FieldNode):
            yield path + node.name.value
            yield from _paths(node.selection_set, f"{path}{node.name.value}.")
