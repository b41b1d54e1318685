"""What is told of customers: traits by Segment's names, and an identify call where they change."""

import json

import pytest

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.mapping.traits import digest
from tests.data_plane.mapping.deliveries import Json, messages_of
from tests.data_plane.mapping.options import piped, private
from tests.data_plane.mapping.people import ACCOUNT, ADDRESS, body_about

OPEN = {"name": "Plain", "phone": "Plain", "address": "Plain"}
GUEST_TRAITS = {
    "email": "bob@example.org",
    "firstName": "Billa",
    "lastName": "Guest",
    "name": "Billa Guest",
    "phone": "+48123456789",
    "address": {
        "street": "Long Street 1, Flat 2",
        "city": "GDAŃSK",
        "state": "Pomerania",
        "postalCode": "80-001",
        "country": "PL",
    },
}
ACCOUNT_TRAITS = {
    "email": "Ann@Example.net",
    "firstName": "Žaneta",
    "lastName": "Núñez",
    "name": "Žaneta Núñez",
    "phone": "+48987654321",
    "address": {**GUEST_TRAITS["address"], "city": "SOPOT"},  # type: ignore[dict-item]
    "createdAt": "2024-02-29T12:00:00.123Z",
}


def _messages(event: Event, body: Json, pipeline: Pipeline) -> list[Json]:
    return messages_of(event, body, pipeline=pipeline)[0]


def test_a_guest_is_what_the_order_says() -> None:
    body = body_about(Event.ORDER_CREATED, user=None, typed="bob@example.org")
    (message,) = _messages(Event.ORDER_CREATED, body, private(**OPEN))
    assert message["context"]["traits"] == GUEST_TRAITS


def test_an_account_is_what_it_holds_itself_and_not_what_was_typed_for_an_order() -> None:
    body = body_about(Event.ORDER_CREATED, user=ACCOUNT, typed="bob@example.org")
    identify, track = _messages(Event.ORDER_CREATED, body, piped(privacy=OPEN, identify=True))
    assert track["context"]["traits"] == identify["traits"] == ACCOUNT_TRAITS


def test_an_account_has_the_same_traits_in_an_order_and_in_its_own_event() -> None:
    pipeline = piped(privacy=OPEN, identify=True)
    order = body_about(Event.ORDER_CREATED, user=ACCOUNT, typed=None)
    customer = body_about(Event.CUSTOMER_UPDATED, user=ACCOUNT, typed=None)
    before = _messages(Event.ORDER_CREATED, order, pipeline)[0]["traits"]
    (after,) = _messages(Event.CUSTOMER_UPDATED, customer, pipeline)
    assert digest(before) == digest(after["traits"])


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("name", {"firstName", "lastName", "name"}),
        ("phone", {"phone"}),
        ("address", {"address"}),
    ],
)
def test_each_kind_is_told_by_its_own_option(kind: str, keys: set[str]) -> None:
    body = body_about(Event.ORDER_CREATED, user=ACCOUNT, typed=None)
    (message,) = _messages(Event.ORDER_CREATED, body, private(**{kind: "Plain"}))
    assert message["context"]["traits"].keys() == keys | {"email"}


def test_by_default_the_email_is_all_that_is_told() -> None:
    body = body_about(Event.ORDER_CREATED, user=ACCOUNT, typed=None)
    (message,) = _messages(Event.ORDER_CREATED, body, piped())
    assert message["context"]["traits"] == {"email": "Ann@Example.net"}


@pytest.mark.parametrize("absent", [None, "", "  "])
def test_what_is_not_known_is_left_out(absent: str | None) -> None:
    address = dict.fromkeys(ADDRESS, absent) | {"country": None}
    body = body_about(Event.ORDER_CREATED, user=None, typed="bob@example.org")
    body["order"]["billingAddress"] = address
    (message,) = _messages(Event.ORDER_CREATED, body, private(**OPEN))
    assert message["context"]["traits"] == {"email": "bob@example.org"}
    body["order"]["billingAddress"] = None
    (message,) = _messages(Event.ORDER_CREATED, body, private(**OPEN))
    assert message["context"]["traits"] == {"email": "bob@example.org"}


def test_an_identify_call_has_what_segment_reads() -> None:
    body = body_about(Event.ORDER_CREATED, user=None, typed="bob@example.org")
    body["issuedAt"] = "2026-11-24T20:00:00.123999+01:00"
    identify, track = _messages(Event.ORDER_CREATED, body, piped(identify=True))
    assert identify == {
        "type": "identify",
        "userId": "bob@example.org",
        "messageId": identify["messageId"],
        "timestamp": "2026-11-24T19:00:00.123Z",
        "traits": {"email": "bob@example.org"},
        "context": {key: track["context"][key] for key in ("app", "library")},
    }
    assert len(identify["messageId"]) == 64
    assert identify["messageId"] != track["messageId"]


def test_the_hash_of_traits_knows_no_order_and_every_change() -> None:
    turned = dict(reversed(GUEST_TRAITS.items()))
    assert digest(turned) == digest(GUEST_TRAITS)
    assert digest(GUEST_TRAITS | {"phone": "+48"}) != digest(GUEST_TRAITS)


def test_an_identify_call_is_small_whatever_an_address_holds() -> None:
    long = dict.fromkeys(ADDRESS, "\x01" * 20000) | {"country": {"code": "\x01" * 300}}
    body = body_about(Event.ORDER_CREATED, user=None, typed="bob@example.org")
    body["order"]["billingAddress"] = long
    messages = _messages(Event.ORDER_CREATED, body, piped(privacy=OPEN, identify=True))
    assert messages[0]["traits"] == {"email": "bob@example.org"}
    body["order"]["billingAddress"] = dict.fromkeys(ADDRESS, "\x01" * 256) | {"country": None}
    messages = _messages(Event.ORDER_CREATED, body, piped(privacy=OPEN, identify=True))
    assert len(json.dumps(messages[0])) < 32_000
    assert messages[0]["traits"]["name"] == "\x01" * 256 + " " + "\x01" * 256


def test_an_identify_call_that_is_too_large_is_refused_by_name() -> None:
    user = {**ACCOUNT, "email": "a" * 32_000 + "@example.net"}
    body = body_about(Event.CUSTOMER_UPDATED, user=user, typed=None)
    with pytest.raises(Unmappable, match="32,000 bytes"):
        _messages(Event.CUSTOMER_UPDATED, body, piped())
