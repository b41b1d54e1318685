"""Whom a message is about."""

import pytest

from saleor_segment_server.contract import Event, Tracking
from tests.data_plane.mapping.deliveries import PIPELINE, Json, captured, message_of

ACCOUNT = {"id": "VXNlcjox", "email": "Ann@example.net"}


def _message(**fields: object) -> Json:
    return message_of(Event.ORDER_CREATED, {"order": {"id": "T3JkZXI6MQ==", **fields}})


def _trait(message: Json) -> str | None:
    email: str | None = message["context"].get("traits", {}).get("email")
    return email


def test_an_account_is_known_by_its_saleor_id() -> None:
    message = _message(user=ACCOUNT, userEmail="ann@example.net")
    assert message["userId"] == "VXNlcjox"
    assert "anonymousId" not in message
    assert message["properties"]["email"] == _trait(message) == "Ann@example.net"
    assert "order_email" not in message["properties"]


def test_another_email_typed_for_an_order_is_no_trait_of_the_account() -> None:
    message = _message(user=ACCOUNT, userEmail="Other@example.net")
    assert message["userId"] == "VXNlcjox"
    assert message["properties"]["email"] == _trait(message) == "Ann@example.net"
    assert message["properties"]["order_email"] == "Other@example.net"


def test_an_account_without_an_email_gets_none_as_a_trait() -> None:
    message = _message(user={"id": "VXNlcjox", "email": None}, userEmail="other@example.net")
    assert message["userId"] == "VXNlcjox"
    assert message["properties"]["email"] == "other@example.net"
    assert _trait(message) is None


def test_a_guest_is_known_by_the_email_in_lower_case() -> None:
    message = _message(user=None, userEmail=" Bob@Example.net ")
    assert message["userId"] == "bob@example.net"
    assert message["properties"]["email"] == _trait(message) == "Bob@Example.net"


@pytest.mark.parametrize("email", [None, "", "  ", "b...@example.com"])
def test_without_account_and_email_the_order_is_an_anonymous_person(email: str | None) -> None:
    message = _message(user=None, userEmail=email)
    assert "userId" not in message
    # uuid5 of the salt as namespace and the order's id as name
    assert message["anonymousId"] == "2c576593-805f-509e-9dc9-af8ad86dc9bd"
    assert "email" not in message["properties"]
    assert _trait(message) is None


def test_the_anonymous_person_is_the_same_in_every_message_of_the_order() -> None:
    body = {"order": {"id": "T3JkZXI6MQ=="}}
    paid = message_of(Event.ORDER_FULLY_PAID, body)
    assert paid["anonymousId"] == message_of(Event.ORDER_CREATED, body)["anonymousId"]


@pytest.mark.parametrize("user", [ACCOUNT, None])
def test_the_storefronts_anonymous_id_is_sent_along(user: Json | None) -> None:
    message = _message(
        user=user, userEmail="bob@example.net", metafields={"segment_anonymous_id": " web-1 "}
    )
    assert message["anonymousId"] == "web-1"
    assert message["userId"] == ("VXNlcjox" if user else "bob@example.net")


def test_the_storefronts_anonymous_id_is_better_than_a_derived_one() -> None:
    message = _message(metafields={"segment_anonymous_id": "web-1"})
    assert message["anonymousId"] == "web-1"
    assert "userId" not in message


def test_the_metadata_key_is_an_option() -> None:
    tracking = Tracking(anonymous_id_key="ajs")
    pipeline = PIPELINE.model_copy(update={"tracking": tracking})
    order = {"id": "x", "metafields": {"ajs": "web-2", "segment_anonymous_id": "web-1"}}
    assert message_of(Event.ORDER_CREATED, {"order": order}, pipeline)["anonymousId"] == "web-2"


@pytest.mark.parametrize("left", ["", "  ", "x" * 256])
def test_what_cannot_be_an_anonymous_id_is_none(left: str) -> None:
    message = _message(userEmail="bob@example.net", metafields={"segment_anonymous_id": left})
    assert "anonymousId" not in message


def test_captured_orders_keep_the_person_of_the_delivery() -> None:
    deliveries = {one.name: one for one in captured("webhooks2")}
    guest = deliveries["order-created.guest.email-of-customer"]
    changed = deliveries["order-updated.registered.email-changed"]
    for one in (guest, changed):
        order = one.document["order"]
        user, email = order["user"], order["userEmail"]
        expected = user["id"] if user else email.lower()
        assert message_of(one.event, one.body)["userId"] == expected
    assert guest.document["order"]["user"] is not None
    assert changed.document["order"]["user"] is None
