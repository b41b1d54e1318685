"""Deliveries that no shop signed, made out of captured ones that a real Saleor did.

All is drawn from one generator: the same seed brings the same requests.
"""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.fault.wire import Request, delivery

FIXTURES = Path("tests/fixtures/saleor")


@dataclass(frozen=True)
class Signed:
    """A body and the signature that is its own, or is said to be."""

    body: bytes
    signature: str

    def parts(self) -> tuple[str, str, str]:
        protected, _, rest = self.signature.strip(" \t").partition(".")  # as HTTP does
        middle, _, value = rest.partition(".")
        return protected, middle, value

    def identity(self) -> tuple[bytes, str, str, bytes]:
        """Return what a verifier sees; base64 can be spelled in more than one way."""
        protected, middle, value = self.parts()
        try:
            padded = value + "=" * (-len(value) % 4)
            decoded = base64.b64decode(padded, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            decoded = value.encode("utf-8", "replace")
        return self.body, protected, middle, decoded


@cache
def captured() -> tuple[Signed, ...]:
    """Return what a real Saleor sent and signed with its key."""
    found = []
    for folder in ("webhooks", "webhooks2"):
        for path in sorted((FIXTURES / folder).glob("*.json")):
            document = json.loads(path.read_text())
            headers = {name.lower(): value for name, value in document["request"]["headers"]}
            if headers["saleor-signature"].count(".") == 2:
                found.append(Signed(document["body"].encode(), headers["saleor-signature"]))
    return tuple(found)


@cache
def genuine() -> frozenset[tuple[bytes, str, str, bytes]]:
    return frozenset(each.identity() for each in captured())


def key_set() -> dict[str, Any]:
    """Return the public keys that the captured deliveries were signed with."""
    sets = [json.loads((FIXTURES / name).read_text()) for name in ("jwks.json", "jwks2.json")]
    return {"keys": [key for each in sets for key in each["keys"]]}


def forged(random: Random) -> Request:
    """Return a well-formed delivery whose signature is not the shop's over this body."""
    while True:
        one, other = random.choice(captured()), random.choice(captured())
        made = random.choice(_FORGERIES)(random, one, other)
        if made.identity() not in genuine():
            return delivery(made.body, made.signature)


def flipped(random: Random, one: Signed, _: Signed) -> Signed:
    body = bytearray(one.body)
    for _each in range(random.randint(1, 8)):
        body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    return replace(one, body=bytes(body))


def truncated(random: Random, one: Signed, _: Signed) -> Signed:
    return replace(one, body=one.body[: random.randrange(len(one.body))])


def spliced(random: Random, one: Signed, other: Signed) -> Signed:
    left, right = random.randrange(len(one.body)), random.randrange(len(other.body))
    return replace(one, body=one.body[:left] + other.body[right:])


def swapped(_: Random, one: Signed, other: Signed) -> Signed:
    return replace(one, signature=other.signature)


def padded(random: Random, one: Signed, _: Signed) -> Signed:
    return replace(one, body=one.body + random.choice([b" ", b"\n", b"\0", b"\r\n", b"{}"]))


def spelled_anew(random: Random, one: Signed, _: Signed) -> Signed:
    document = json.loads(one.body)
    return replace(one, body=json.dumps(document, indent=random.choice([1, 2])).encode())


def mangled(random: Random, one: Signed, _: Signed) -> Signed:
    """Change one of the signature's three parts."""
    parts = list(one.parts())
    number = random.randrange(3)
    parts[number] = random.choice(_MANGLINGS)(random, parts[number])
    return replace(one, signature=".".join(parts))


def parts_of_two(random: Random, one: Signed, other: Signed) -> Signed:
    (protected, _, _), (_, _, value) = one.parts(), other.parts()
    return replace(one, signature=f"{protected}.{random.choice(['', '.', 'e30'])}.{value}")


def without(random: Random, one: Signed, _: Signed) -> Signed:
    return replace(one, signature=random.choice(["", "-", "..", "null", one.signature * 2]))


_FORGERIES: tuple[Callable[[Random, Signed, Signed], Signed], ...] = (
    *(flipped, truncated, spliced, swapped, padded),
    *(spelled_anew, mangled, mangled, mangled, parts_of_two, without),
)
_LETTERS = "ABCXYZabcxyz0189-_+/=.!%\t éÿ"
_MANGLINGS: tuple[Callable[[Random, str], str], ...] = (
    lambda random, text: text[: random.randint(0, len(text))],
    lambda random, text: text + random.choice(_LETTERS),
    lambda random, text: _with(text, random.randrange(len(text) + 1), random.choice(_LETTERS)),
    lambda random, text: text.swapcase() or "e30",
    lambda random, text: text[::-1] or "AAAA",
    lambda random, text: text * random.randint(2, 12) or "e30",
    lambda random, text: base64.urlsafe_b64encode(
        random.randbytes(random.randint(1, 600))
    ).decode(),
)


def _with(text: str, place: int, letter: str) -> str:
    return text[:place] + letter + text[place + 1 :]
