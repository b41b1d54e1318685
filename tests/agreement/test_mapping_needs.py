"""The mapping reads nothing that the subscription does not ask for.

The captured bodies answer a wider subscription; cut down to ours they must map alike.
"""

import json
from typing import Any

import pytest
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse

from saleor_segment_server.contract import Event, Tracking, subscription
from tests.data_plane.mapping.deliveries import Captured, Json, messages_of, of_our_events


def _answer_to(event: Event, document: Json) -> Json:
    """Return what of a body our subscription would have been answered with."""
    (operation,) = parse(subscription(event, Tracking())).definitions
    assert isinstance(operation, OperationDefinitionNode)
    (root,) = operation.selection_set.selections
    assert isinstance(root, FieldNode)
    assert root.selection_set is not None
    asked: Json = _asked(root.selection_set, document)
    return asked


def _asked(selection: SelectionSetNode, value: Any) -> Any:
    if isinstance(value, list):
        return [_asked(selection, item) for item in value]
    if not isinstance(value, dict):
        return value
    kept: Json = {}
    for node in selection.selections:
        if isinstance(node, InlineFragmentNode):
            kept |= _asked(node.selection_set, value)
        elif isinstance(node, FieldNode) and (name := node.name.value) in value:
            inner = node.selection_set
            kept[name] = _asked(inner, value[name]) if inner else value[name]
    return kept


def _without_ids(messages: list[Json]) -> list[Json]:
    """Drop the ids, which may be the hash of the body."""
    return [message | {"messageId": None} for message in messages]


@pytest.mark.parametrize("one", of_our_events("webhooks2"), ids=lambda one: one.name)
def test_a_body_cut_down_to_what_we_ask_maps_alike(one: Captured) -> None:
    asked = json.dumps(_answer_to(one.event, one.document)).encode()
    assert len(asked) < len(one.body)
    whole, row = messages_of(one.event, one.body)
    cut, cut_row = messages_of(one.event, asked)
    assert _without_ids(cut) == _without_ids(whole)
    assert cut_row == row
