"""Saleor's global ids, and the seeded source of everything that looks random in the shop."""

import base64
import binascii
import string
from random import Random

_ALPHANUMERIC = string.ascii_letters + string.digits


def global_id(kind: str, key: object) -> str:
    """Return the global id of one object, as in ``App:5`` in base64."""
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


def parse_global_id(text: str) -> tuple[str, str] | None:
    """Split a global id into its type and its key; ``None`` where it is none."""
    try:
        kind, separator, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (kind, key) if separator and kind and key else None


def key_of(text: str, kind: str) -> str | None:
    """Return the key in a global id of this type; ``None`` for another type or none at all."""
    parsed = parse_global_id(text)
    return parsed[1] if parsed and parsed[0] == kind else None


class Names:
    """Seeded ids, tokens and hex strings: the same seed gives the same shop."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        digits = f"{self._rng.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) % 4]
        return "-".join(
            (
                digits[:8],
                digits[8:12],
                "4" + digits[13:16],
                variant + digits[17:20],
                digits[20:],
            )
        )

    def token(self, length: int = 30) -> str:
        """Return an alphanumeric token; Saleor's app tokens have 30 characters."""
        return "".join(self._rng.choices(_ALPHANUMERIC, k=length))

    def hexadecimal(self, length: int) -> str:
        """Return lower-case hex digits."""
        return f"{self._rng.getrandbits(4 * length):0{length}x}"
