"""Whom a message is about."""

import pytest

from saleor_segment_server.contract import Event, Tracking
from tests.data_plane.mapping.deliveries import PIPELINE, Json, captured, message_of, messages_of
from tests.data_plane.mapping.options import piped

ACCOUNT = {"id": "VXNlcjox", "email": "Ann@example.net"}


def _message(**fields: object) -> Json:
    return message_of(Event.ORDER_CREATED, {"order": {"id": "T3JkZXI6MQ==", **fields}})


def _by(tracking: Json, **fields: object) -> Json:
    body = {"order": {"id": "T3JkZXI6MQ==", **fields}}
    return message_of(Event.ORDER_CREATED, body, piped(**tracking))


def _checkout(tracking: Json, **fields: object) -> Json:
    body = {"checkout": {"id": "Q2hlY2tvdXQ6MQ==", **fields}}
    return message_of(Event.CHECKOUT_CREATED, body, piped(**tracking))


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


def test_an_account_may_be_known_by_shop_and_id_since_ids_repeat_between_shops() -> None:
    message = _by({"userId": "Namespaced"}, user=ACCOUNT, userEmail="ann@example.net")
    assert message["userId"] == "shop.example.com:VXNlcjox"
    guest = _by({"userId": "Namespaced"}, user=None, userEmail="bob@example.net")
    assert guest["userId"] == "bob@example.net"


def test_the_shop_before_an_id_is_the_host_it_is_known_by() -> None:
    saleor = PIPELINE.saleor.model_copy(update={"public_url": "https://Shop.example.org:8443"})
    pipeline = piped(userId="Namespaced").model_copy(update={"saleor": saleor})
    message = message_of(Event.ORDER_CREATED, {"order": {"id": "x", "user": ACCOUNT}}, pipeline)
    assert message["userId"] == "shop.example.org:VXNlcjox"


def test_an_account_may_be_known_by_its_own_email() -> None:
    message = _by({"userId": "Email"}, user=ACCOUNT, userEmail="other@example.net")
    assert message["userId"] == "ann@example.net"


@pytest.mark.parametrize("email", [None, "", "a...@example.net"])
def test_an_account_without_an_email_is_known_by_its_id_all_the_same(email: str | None) -> None:
    message = _by({"userId": "Email"}, user={**ACCOUNT, "email": email}, userEmail="b@example.net")
    assert message["userId"] == "VXNlcjox"


def test_guests_may_be_anonymous() -> None:
    message = _by({"guest": "Anonymous"}, user=None, userEmail="bob@example.net")
    assert "userId" not in message
    assert message["anonymousId"] == "2c576593-805f-509e-9dc9-af8ad86dc9bd"
    assert message["properties"]["email"] == _trait(message) == "bob@example.net"
    known = _by({"guest": "Anonymous"}, user=ACCOUNT, userEmail="bob@example.net")
    assert known["userId"] == "VXNlcjox"


@pytest.mark.parametrize("user_id", ["SaleorId", "Namespaced", "Email"])
@pytest.mark.parametrize("guest", ["Email", "Anonymous"])
def test_a_customer_is_the_same_person_in_orders_checkouts_and_of_itself(
    user_id: str, guest: str
) -> None:
    tracking = {"userId": user_id, "guest": guest}
    order = _by(tracking, user=ACCOUNT, userEmail="ann@example.net")
    checkout = _checkout(tracking, user=ACCOUNT, email="ann@example.net")
    customer = message_of(Event.CUSTOMER_UPDATED, {"user": ACCOUNT}, piped(**tracking))
    assert order["userId"] == checkout["userId"] == customer["userId"]


def test_a_checkout_that_does_not_tell_its_account_is_not_taken_for_a_guests() -> None:
    unknown = _checkout({}, email="ann@example.net")
    assert "userId" not in unknown
    assert unknown["anonymousId"]
    assert unknown["properties"]["email"] == _trait(unknown) == "ann@example.net"
    assert _checkout({}, email="bob@example.net", user=None)["userId"] == "bob@example.net"


def test_an_email_that_is_everybodys_id_is_that_of_a_checkout_too() -> None:
    assert _checkout({"userId": "Email"}, email="Ann@example.net")["userId"] == "ann@example.net"
    anonymous = {"userId": "Email", "guest": "Anonymous"}
    assert "userId" not in _checkout(anonymous, email="ann@example.net")


def test_the_storefronts_anonymous_id_is_sent_with_a_checkout() -> None:
    metafields = {"segment_anonymous_id": "web-1"}
    assert _checkout({}, email="a@example.net", metafields=metafields)["anonymousId"] == "web-1"


def test_staff_are_no_customers() -> None:
    for event in (Event.CUSTOMER_CREATED, Event.CUSTOMER_UPDATED):
        assert messages_of(event, {"user": {**ACCOUNT, "isStaff": True}})[0] == []
        assert messages_of(event, {"user": {**ACCOUNT, "isStaff": False}})[0] != []
