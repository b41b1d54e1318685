"""An event is mapped with the rows that decide what is sent of it, and with no others."""

import json

import pytest

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.mapping import NO_KEYS, LedgerKeys, ledger_keys, parse
from tests.data_plane.mapping.deliveries import PIPELINE, Json, with_options

ORDERS = {event for event in Event if event.subject is Subject.ORDER}
REFUNDED = {Event.ORDER_REFUNDED}
SPEC = {"naming": "Spec"}


def keys(event: Event, pipeline: Pipeline, **subject: object) -> LedgerKeys:
    fields = {"id": "U3ViamVjdDox", **subject}
    body: Json = {"order": {"id": "T3JkZXI6MQ=="}} | {event.subject.value: fields}
    return ledger_keys(parse(event, json.dumps(body).encode()), pipeline)


@pytest.mark.parametrize(
    ("options", "with_a_row"),
    [
        ({}, REFUNDED),
        ({"channels": ["de"], "guest": "Anonymous"}, REFUNDED),
        (SPEC, REFUNDED | {Event.ORDER_CREATED}),
        (SPEC | {"completedOn": "Confirmed"}, REFUNDED | {Event.ORDER_CONFIRMED}),
        (SPEC | {"completedOn": "FullyPaid"}, REFUNDED | {Event.ORDER_FULLY_PAID}),
        ({"updates": "Changed"}, ORDERS),
    ],
)
def test_an_order_is_remembered_where_that_decides_anything(
    options: Json, with_a_row: set[Event]
) -> None:
    for event in Event:
        expected = LedgerKeys(order="U3ViamVjdDox") if event in with_a_row else NO_KEYS
        assert keys(event, with_options(**options)) == expected


@pytest.mark.parametrize("event", Event)
def test_a_customer_is_remembered_where_they_are_introduced(event: Event) -> None:
    found = keys(event, with_options(identify=True), user={"id": "VXNlcjox"}).user
    assert found is not None
    assert found.startswith("user:")
    assert "VXNlcjox" not in found


def test_a_customer_is_the_same_in_orders_and_in_events_of_their_own() -> None:
    pipeline = with_options(identify=True)
    own = keys(Event.CUSTOMER_UPDATED, pipeline, id="VXNlcjox", email="a@example.net").user
    for email in ("a@example.net", "typed@example.net"):
        user = {"id": "VXNlcjox", "email": "a@example.net"}
        assert keys(Event.ORDER_CREATED, pipeline, user=user, userEmail=email).user == own


def test_no_email_can_be_told_from_a_key() -> None:
    pipeline = with_options(identify=True)
    installations = [pipeline, pipeline.model_copy(update={"salt": PIPELINE.salt[::-1]})]
    found = {
        keys(Event.ORDER_CREATED, one, userEmail="a@example.net").user for one in installations
    }
    assert len(found) == 2


def test_what_is_gone_has_no_rows() -> None:
    parsed = parse(Event.ORDER_REFUNDED, b'{"order": null}')
    assert ledger_keys(parsed, with_options(identify=True)) is NO_KEYS
