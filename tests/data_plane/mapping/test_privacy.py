"""Nobody is without an id, and nothing personal is told against the options."""

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import PIPELINE, Json, messages_of
from tests.data_plane.mapping.options import personal_options, piped, private
from tests.data_plane.mapping.people import ABOUT, ACCOUNT, ADDRESS, body_about
from tests.data_plane.mapping.rules import STEADY

ADDRESSES = ["Ann@Example.net", " bob@example.org ", "planted+x@example.com", "", None]
PERSONAL = {
    "name": ["Žaneta", "Núñez", "Billa", "Guest"],
    "phone": ["+48123456789", "+48987654321"],
    "address": ["Long Street", "Flat 2", "GDAŃSK", "SOPOT", "80-001", "Pomerania"],
}


def _told(value: Any) -> list[str]:
    """Return every text in a message, the keys too."""
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_told(item))]
    if isinstance(value, list):
        return [text for item in value for text in _told(item)]
    return [value] if isinstance(value, str) else []


def _messages(event: Event, body: Json, tracking: Json) -> list[Json]:
    return messages_of(event, body, pipeline=piped(**tracking))[0]


@STEADY
@given(st.data(), personal_options, st.sampled_from(list(ABOUT)))
def test_every_message_is_about_somebody_and_tells_what_it_may(
    data: st.DataObject, tracking: Json, event: Event
) -> None:
    account = data.draw(st.sampled_from(ADDRESSES))
    typed = data.draw(st.sampled_from(ADDRESSES))
    left = data.draw(st.sampled_from([None, "web-1", "planted@example.com"]))
    user = data.draw(st.sampled_from([None, {**ACCOUNT, "email": account}]))
    metafields = {"segment_anonymous_id": left, "consent": data.draw(st.sampled_from(["ads", ""]))}
    body = body_about(event, user=user, typed=typed, metafields=metafields)
    for message in _messages(event, body, tracking):
        assert message.get("userId") or message.get("anonymousId")
        texts = _told(message)
        assert "" not in texts
        if tracking["privacy"]["email"] != "Plain":
            assert not [text for text in texts if "@" in text]
        for kind, personal in PERSONAL.items():
            if tracking["privacy"][kind] == "Omit":
                assert not [text for text in texts for one in personal if one in text]


@STEADY
@given(personal_options, st.sampled_from(list(ABOUT)))
def test_properties_never_tell_names_phones_and_addresses(tracking: Json, event: Event) -> None:
    body = body_about(event, user=ACCOUNT, typed="ann@example.net")
    for message in _messages(event, body, tracking):
        texts = _told(message.get("properties"))
        for personal in PERSONAL.values():
            assert not [text for text in texts for one in personal if one in text]


def test_a_hashed_email_is_a_keyed_hash_of_the_address_trimmed_and_in_lower_case() -> None:
    key = bytes.fromhex(PIPELINE.salt)
    expected = hmac.new(key, b"bob@example.org", hashlib.sha256).hexdigest()
    for typed in ("bob@example.org", " Bob@Example.ORG "):
        body = body_about(Event.ORDER_CREATED, user=None, typed=typed)
        (message,), _ = messages_of(Event.ORDER_CREATED, body, pipeline=private(email="Hashed"))
        assert message["userId"] == expected
        assert "anonymousId" not in message
        assert "email" not in message["properties"]
        assert "traits" not in message["context"]


def test_an_omitted_email_leaves_a_guest_anonymous_and_an_account_its_id() -> None:
    guest = body_about(Event.ORDER_CREATED, user=None, typed="bob@example.org")
    (message,), _ = messages_of(Event.ORDER_CREATED, guest, pipeline=private(email="Omit"))
    assert "userId" not in message
    # uuid5 of the salt as namespace and the order's id as name
    assert message["anonymousId"] == "2c576593-805f-509e-9dc9-af8ad86dc9bd"
    known = body_about(Event.ORDER_CREATED, user=ACCOUNT, typed=None)
    (message,), _ = messages_of(Event.ORDER_CREATED, known, pipeline=private(email="Omit"))
    assert message["userId"] == ACCOUNT["id"]


@pytest.mark.parametrize("email", ["Hashed", "Omit"])
def test_an_address_in_the_place_of_an_anonymous_id_is_an_address(email: str) -> None:
    body = body_about(
        Event.ORDER_CREATED,
        user=None,
        typed=None,
        metafields={"segment_anonymous_id": "bob@example.org"},
    )
    (message,), _ = messages_of(Event.ORDER_CREATED, body, pipeline=private(email=email))
    assert "bob" not in json.dumps(message)
    assert message["anonymousId"]


def test_what_saleor_obfuscated_is_told_to_nobody() -> None:
    hidden = {**ADDRESS, "firstName": "B...", "phone": "+...", "city": "G..."}
    pipeline = private(name="Plain", phone="Plain", address="Plain")
    body = body_about(Event.ORDER_CREATED, user=None, typed="b...@example.com")
    body["order"]["billingAddress"] = hidden
    (message,), _ = messages_of(Event.ORDER_CREATED, body, pipeline=pipeline)
    traits = message["context"]["traits"]
    assert traits["name"] == traits["lastName"] == "Guest"
    assert {"email", "firstName", "phone"}.isdisjoint(traits)
    assert "city" not in traits["address"]
