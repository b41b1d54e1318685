"""The shop's RSA key: the JWKS, detached signatures of webhooks, and the JWTs of users."""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

_BITS = 2048
"""Saleor's own default is 3072; a smaller key keeps a busy twin off the CPU."""


class TokenError(Exception):
    """A JWT that is not accepted."""


class ExpiredSignatureError(TokenError):
    """Raised when a genuine token has run out; the name is what Saleor answers as its code."""


class InvalidSignatureError(TokenError):
    """Raised when a token was signed by another key."""


class DecodeError(TokenError):
    """Raised when a text is no JWT at all."""


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SigningKey:
    """One private key; a shop has exactly one at a time."""

    private: RSAPrivateKey

    @classmethod
    def generate(cls) -> "SigningKey":
        """Make a new key (about a tenth of a second)."""
        return cls(generate_private_key(public_exponent=65537, key_size=_BITS))

    @cached_property
    def jwk(self) -> dict[str, Any]:
        """The public key, as Saleor publishes it."""
        numbers = self.private.public_key().public_numbers()
        members = {
            "kty": "RSA",
            "key_ops": ["verify"],
            "n": _encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": _encode(numbers.e.to_bytes(3, "big")),
            "use": "sig",
        }
        thumbprint = _compact({name: members[name] for name in ("e", "kty", "n")})  # RFC 7638
        return members | {"kid": _encode(hashlib.sha256(thumbprint).digest()), "alg": "RS256"}

    @property
    def kid(self) -> str:
        """The key's id: its RFC 7638 thumbprint."""
        return str(self.jwk["kid"])

    @property
    def jwks(self) -> dict[str, Any]:
        """The key set: never more than this key."""
        return {"keys": [self.jwk]}

    @cached_property
    def _detached_header(self) -> str:
        header = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": self.kid, "typ": "JWT"}
        return _encode(_compact(header))

    def _signature(self, message: bytes) -> str:
        return _encode(self.private.sign(message, PKCS1v15(), SHA256()))

    def sign_detached(self, body: bytes) -> str:
        """Sign a webhook's body as a detached JWS over the raw bytes (RFC 7797)."""
        header = self._detached_header
        return f"{header}..{self._signature(header.encode() + b'.' + body)}"

    def jwt(self, claims: dict[str, Any]) -> str:
        """Return a signed token with these claims."""
        header = {"alg": "RS256", "kid": self.kid, "typ": "JWT"}
        message = f"{_encode(_compact(header))}.{_encode(_compact(claims))}"
        return f"{message}.{self._signature(message.encode())}"

    def claims(self, token: str, now: float) -> dict[str, Any]:
        """Return what a token says, once its signature and expiry are checked."""
        message, _, signature = token.rpartition(".")
        try:
            claims = json.loads(_decode(message.partition(".")[2]))
            signed = _decode(signature)
        except ValueError as error:
            raise DecodeError("Error decoding signature") from error
        try:
            self.private.public_key().verify(signed, message.encode(), PKCS1v15(), SHA256())
        except InvalidSignature as error:
            raise InvalidSignatureError("Signature verification failed") from error
        if claims["exp"] <= now:
            raise ExpiredSignatureError("Signature has expired")
        return dict(claims)
