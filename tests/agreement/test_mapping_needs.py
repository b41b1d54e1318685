"""The mapping reads nothing that the subscription does not ask for.

The captured bodies answer a wider subscription; cut down to ours they must map alike.
"""

import json
from typing import Any

import pytest
from graphql import FieldNode, InlineFragmentNode, OperationDefinitionNode, SelectionSetNode, parse

from saleor_segment_server.contract import Event, Pipeline, Tracking, subscription
from saleor_segment_server.contract.events import Permission, Subject
from tests.data_plane.mapping.checkouts import checkout_of, line_of
from tests.data_plane.mapping.deliveries import Captured, Json, messages_of, of_our_events
from tests.data_plane.mapping.options import piped
from tests.data_plane.mapping.people import ABOUT, ACCOUNT, body_about

PIPELINES = {
    "default": piped(),
    "open": piped(
        identify=True,
        privacy={"name": "Plain", "phone": "Plain", "address": "Plain"},
        products={"url": "https://example.com/{channel}/{slug}"},
    ),
    "hashed": piped(privacy={"email": "Hashed"}, userId="Email"),
    "omitted": piped(privacy={"email": "Omit"}, guest="Anonymous"),
}


def _answer_to(event: Event, document: Json, tracking: Tracking) -> Json:
    """Return what of a body our subscription would have been answered with.

    The app that captured them might read customers.
    """
    query = subscription(event, tracking, held=[Permission.MANAGE_USERS])
    (operation,) = parse(query).definitions
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


every_pipeline = pytest.mark.parametrize("pipeline", PIPELINES.values(), ids=PIPELINES)


@every_pipeline
@pytest.mark.parametrize("one", of_our_events("webhooks2"), ids=lambda one: one.name)
def test_a_body_cut_down_to_what_we_ask_maps_alike(one: Captured, pipeline: Pipeline) -> None:
    answer = _answer_to(one.event, one.document, pipeline.tracking)
    asked = json.dumps(answer).encode()
    assert len(asked) < len(one.body)
    whole, row = messages_of(one.event, one.body, pipeline=pipeline)
    cut, cut_row = messages_of(one.event, asked, pipeline=pipeline)
    assert _without_ids(cut) == _without_ids(whole)
    assert cut_row == row


@every_pipeline
@pytest.mark.parametrize("event", ABOUT)
def test_nothing_of_a_person_or_a_checkout_is_read_without_being_asked_for(
    event: Event, pipeline: Pipeline
) -> None:
    checkout = checkout_of([line_of(98.4, 80.0, 123.0)], with_tax=True)
    body = body_about(event, user=ACCOUNT, typed="bob@example.org", **checkout)
    if event.subject is Subject.ORDER:
        body["order"]["lines"] = []  # those of a checkout look different
    asked = _answer_to(event, body, pipeline.tracking)
    whole, _ = messages_of(event, body, pipeline=pipeline)
    cut, _ = messages_of(event, asked, pipeline=pipeline)
    untold = event.subject is Subject.CUSTOMER and pipeline.tracking.privacy.tells_nothing
    assert bool(whole) == (not untold)
    assert _without_ids(cut) == _without_ids(whole)
