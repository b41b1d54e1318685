"""A shop's key pair, signing as Saleor does: a detached JWS over the raw body."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


def b64(data: bytes) -> str:
    """Return unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=8)  # loading checks the key, which takes as long as ten signatures
def _loaded(pem: bytes) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@dataclass(frozen=True)
class Signer:
    """A key pair; picklable, so that signing in bulk can use every core."""

    pem: bytes
    header: dict[str, Any] = field(default_factory=dict)
    """Overrides of the protected header, to sign what Saleor would not; None drops a field."""

    @classmethod
    def new(cls, *, bits: int = 2048) -> "Signer":
        key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        return cls(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def key(self) -> rsa.RSAPrivateKey:
        return _loaded(self.pem)

    def jwk(self) -> dict[str, Any]:
        numbers = self.key().public_key().public_numbers()
        modulus = b64(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8))
        exponent = b64(numbers.e.to_bytes(3))
        thumbprint = json.dumps({"e": exponent, "kty": "RSA", "n": modulus}, separators=(",", ":"))
        kid = b64(hashlib.sha256(thumbprint.encode()).digest())
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": modulus, "e": exponent}

    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.jwk()]}

    def protected(self) -> str:
        """Return the encoded header, the same for every body."""
        header = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": self.jwk()["kid"]}
        header = header | {"typ": "JWT"} | self.header
        kept = {name: value for name, value in header.items() if value is not None}
        return b64(json.dumps(kept, separators=(",", ":")).encode())

    def sign(self, body: bytes) -> str:
        """Return the ``Saleor-Signature`` of a body."""
        protected = self.protected()
        data = protected.encode() + b"." + body
        value = self.key().sign(data, padding.PKCS1v15(), hashes.SHA256())
        return f"{protected}..{b64(value)}"
