"""Which Saleor it is, and what follows from that."""

import re
from dataclasses import dataclass, field

_TEXT = re.compile(r"(\d{1,4})\.(\d{1,4})(\.\d{1,6}(-[a-z]{1,5}\.?\d{0,4})?)?", re.ASCII)
"""Nothing longer than a version: it is shown in the status, and an address may answer anything."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version of Saleor; its patch level and pre-release make no difference to us."""

    major: int
    minor: int
    text: str = field(compare=False)
    """As Saleor writes it: ``3.23.28``, ``3.24.0-a.0``."""

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read ``shop.version``.

        Raises:
            ValueError: It is none.
        """
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError("is no version of Saleor")
        return cls(int(match[1]), int(match[2]), text)

    def __str__(self) -> str:
        return self.text

    @property
    def supported(self) -> bool:
        """Whether we work with it: from 3.20."""
        return (self.major, self.minor) >= (3, 20)

    @property
    def has_webhook_identifiers(self) -> bool:
        """Whether webhooks have an identifier, unique within their app: from 3.23."""
        return (self.major, self.minor) >= (3, 23)
