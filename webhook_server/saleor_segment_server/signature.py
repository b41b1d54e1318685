"""Saleor's signature: a detached JWS over the raw body (RFC 7515 appendix F, RFC 7797).

Verified by hand rather than by a JWT library: the same key signs Saleor's user tokens, so nothing
but exactly this form may pass. ``jku``, ``jwk`` and ``x5u`` are not looked at.
"""

import base64
import binascii
from functools import lru_cache
from typing import NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from saleor_segment_server.errors import Unauthorized

_LONGEST = 4096  # an 8192-bit signature and a header of the usual size
_PADDING, _DIGEST = PKCS1v15(), SHA256()


class Signature(NamedTuple):
    """A ``Saleor-Signature`` header taken apart, its form found right."""

    key_id: str
    """The ``kid`` of the key it claims."""
    protected: bytes
    """The encoded header, which is signed together with the body."""
    value: bytes

    def is_of(self, key: RSAPublicKey, body: bytes) -> bool:
        """Tell whether ``key`` made it over exactly these bytes."""
        try:
            key.verify(self.value, self.protected + b"." + body, _PADDING, _DIGEST)
        except InvalidSignature:
            return False
        return True


def parse(header: str) -> Signature:
    """Take a ``Saleor-Signature`` header apart.

    Raises:
        Unauthorized: It is no detached RS256 JWS with an unencoded payload and a key id.
    """
    if len(header) > _LONGEST or not header.isascii():
        raise _malformed("too long or not ASCII")
    protected, dot, rest = header.partition(".")
    middle, second_dot, value = rest.partition(".")
    if not dot or not second_dot or middle:
        raise _malformed("not three parts with an empty middle")
    return Signature(_key_id(protected), protected.encode(), _decode(value))


@lru_cache(maxsize=256)  # one header for all deliveries under a key
def _key_id(protected: str) -> str:
    try:
        header = orjson.loads(_decode(protected))
    except orjson.JSONDecodeError:
        raise _malformed("its header is no JSON") from None
    if not isinstance(header, dict):
        raise _malformed("its header is no object")
    if header.get("alg") != "RS256":
        raise _malformed("its algorithm is not RS256")
    if header.get("b64") is not False or header.get("crit") != ["b64"]:
        raise _malformed("its payload is not declared as unencoded")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise _malformed("it names no key")
    return key_id


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _malformed("it is no base64url") from None


def _malformed(what: str) -> Unauthorized:
    return Unauthorized("signature_malformed", f"Saleor-Signature is no detached JWS: {what}")
