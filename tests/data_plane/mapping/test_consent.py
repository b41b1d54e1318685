"""What a customer agreed to goes with every message, and decides whether there is one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.contract import Event, Pipeline
from tests.data_plane.mapping.deliveries import Json, messages_of
from tests.data_plane.mapping.options import piped
from tests.data_plane.mapping.rules import STEADY

CATEGORIES = {"Advertising": "ads", "Analytics": "stats"}
NOT_RECORDED = [None, "", "  ", ",", "[", "[1]", '["ads", null]', '{"ads": 1}', '{"ads"', "[[]]"]
NOT_RECORDED += ["null", "true", "false", "1", "0.5", '"yes"', '"ads, stats"', '"ads', '""']
NOT_RECORDED += ["ads;stats", "no", "ADS", "necessary", "ads: true", "Advertising"]


def _piped(unknown: str = "Send") -> Pipeline:
    return piped(
        consent={"metadataKey": "consent", "categories": CATEGORIES, "unknown": unknown},
        identify=True,
    )


def _order(recorded: object) -> Json:
    return {
        "id": "o",
        "userEmail": "bob@example.net",
        "metafields": {"consent": recorded},
        "totalRefunded": {"amount": 5, "currency": "USD"},
    }


def _preferences(recorded: object, unknown: str = "Send") -> list[Json | None]:
    messages, _ = messages_of(
        Event.ORDER_CREATED, {"order": _order(recorded)}, pipeline=_piped(unknown)
    )
    contexts = [message["context"] for message in messages]
    return [
        context["consent"]["categoryPreferences"] if "consent" in context else None
        for context in contexts
    ]


@pytest.mark.parametrize(
    ("recorded", "ads", "stats"),
    [
        ('["ads"]', True, False),
        ('[" stats ", "ads", "other"]', True, True),
        ("[]", False, False),
        ('{"ads": true, "stats": false}', True, False),
        ('{"stats": true}', False, True),
        ("{}", False, False),
        ("ads", True, False),
        (" ads , stats,", True, True),
        ("necessary,stats", False, True),
        ('["necessary"]', False, False),
        ('{"necessary": true}', False, False),
        ('"ads"', True, False),
        (' " stats "', False, True),
    ],
)
def test_consent_is_read_in_each_way_it_may_be_recorded(
    recorded: str, *, ads: bool, stats: bool
) -> None:
    expected = {"Advertising": ads, "Analytics": stats}
    assert _preferences(recorded) == [expected, expected]  # the identify, the track


@pytest.mark.parametrize("recorded", NOT_RECORDED)
def test_without_a_record_the_option_decides(recorded: str | None) -> None:
    denied = dict.fromkeys(CATEGORIES, False)
    assert _preferences(recorded, "Send") == [None, None]
    assert _preferences(recorded, "Deny") == [denied, denied]
    assert _preferences(recorded, "Drop") == []


def test_a_record_is_heeded_whatever_is_done_without_one() -> None:
    for unknown in ("Send", "Deny", "Drop"):
        assert _preferences("ads", unknown)[0] == {"Advertising": True, "Analytics": False}


def test_a_refund_that_may_not_be_told_of_is_in_the_ledger_all_the_same() -> None:
    pipeline = _piped("Drop")
    messages, row = messages_of(
        Event.ORDER_REFUNDED, {"order": _order(None) | {"created": None}}, pipeline=pipeline
    )
    assert messages == []
    assert row is not None
    assert row.refunded == 5


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (Event.CHECKOUT_CREATED, "checkout"),
        (Event.CUSTOMER_UPDATED, "user"),
    ],
)
def test_checkouts_and_customers_have_their_own_record(event: Event, field: str) -> None:
    about = {"id": "x", "email": "bob@example.net", "metafields": {"consent": "ads"}}
    messages, _ = messages_of(event, {field: about}, pipeline=_piped())
    assert messages
    for message in messages:
        assert message["context"]["consent"] == {
            "categoryPreferences": {"Advertising": True, "Analytics": False}
        }
    without = {**about, "metafields": {}}
    assert messages_of(event, {field: without}, pipeline=_piped("Drop"))[0] == []


def test_without_the_option_nothing_is_said_of_consent() -> None:
    messages, _ = messages_of(Event.ORDER_CREATED, {"order": _order("ads")})
    assert "consent" not in messages[0]["context"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@STEADY
@given(st.text(max_size=30) | JSON.map(json.dumps) | JSON)
def test_whatever_is_recorded_makes_booleans_of_every_category_or_nothing(recorded: object) -> None:
    for preferences in _preferences(recorded):
        if preferences is not None:
            assert preferences.keys() == CATEGORIES.keys()
            assert {type(agreed) for agreed in preferences.values()} == {bool}
