"""The form of a signature, and that nothing but exactly that form passes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from saleor_segment_server.errors import Unauthorized
from saleor_segment_server.signature import parse
from tests.signing import Signer, b64

BODY = b'{"order": {"id": "T3JkZXI6MQ=="}}'
KEYS = Signer.new()
PUBLIC = KEYS.key().public_key()
GOOD = KEYS.sign(BODY)


def verifies(signer: Signer, body: bytes = BODY) -> bool:
    return parse(signer.sign(BODY)).is_of(PUBLIC, body)


def test_what_the_shop_signed_verifies() -> None:
    assert verifies(KEYS)
    assert parse(KEYS.sign(BODY)).key_id == KEYS.jwk()["kid"]


def test_another_body_does_not() -> None:
    assert not verifies(KEYS, BODY + b"\n")
    assert not verifies(KEYS, b64(BODY).encode())


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": None},
        {"b64": True},
        {"b64": None},
        {"b64": 0},
        {"crit": None},
        {"crit": []},
        {"crit": ["b64", "exp"]},
        {"kid": None},
        {"kid": ""},
        {"kid": 7},
    ],
)
def test_another_header_is_refused_even_if_signed_by_the_shop(header: dict[str, object]) -> None:
    with pytest.raises(Unauthorized):
        verifies(Signer(KEYS.pem, header))


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
def test_keys_that_a_header_brings_along_are_not_looked_at(name: str) -> None:
    stranger = Signer.new()
    brought = {"kid": KEYS.jwk()["kid"], name: stranger.jwk()}
    assert not verifies(Signer(stranger.pem, brought))


def test_a_payload_in_the_middle_is_refused() -> None:
    protected, _, value = GOOD.split(".")
    with pytest.raises(Unauthorized):
        parse(f"{protected}.{b64(BODY)}.{value}")


def test_a_very_long_header_is_refused() -> None:
    with pytest.raises(Unauthorized):
        parse("e30.." + "A" * 5000)


@given(st.text())
@example("e30..")
@example("W10..AA")
@example("//8..AA")
def test_any_text_is_refused_and_never_crashes(text: str) -> None:
    with pytest.raises(Unauthorized):
        parse(text)


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_one_changed_character_never_verifies(place: int, character: str) -> None:
    bad = GOOD[:place] + character + GOOD[place + 1 :]
    if bad == GOOD:
        return
    try:
        signature = parse(bad)
    except Unauthorized:
        return
    spelled_alike = signature.value == parse(GOOD).value  # the last character's unused bits
    assert spelled_alike or not signature.is_of(PUBLIC, BODY)
