"""A place in a body, whatever is there: what fields are picked from where not all of them are."""

from collections.abc import Mapping
from typing import Any, Final

from saleor_segment_server.errors import Unmappable

NUMBERS: Final = frozenset({float, int})
"""Types of an amount; types, not isinstance: to Python a bool is a number."""
MOST: Final = 10**15
"""Beyond it a double no longer holds the cents."""


class Place:
    """Where a value is, or none is: it can be indexed as if everything were there."""

    def __init__(self, value: Any, key: str = "", around: "Place | None" = None) -> None:
        self.value = value
        """What is there; ``None``: nothing."""
        self.key = key
        """The name of the field."""
        self.around = around
        """The place of the object that it is a field of."""

    def __getitem__(self, key: str) -> "Place":
        """Return the place of a field; what is absent has every field, absent.

        Raises:
            Unmappable: It is no object.
        """
        if self.value is None:
            return Place(None, key, self)
        if isinstance(self.value, Mapping):
            return Place(self.value.get(key), key, self)
        raise _wrong(self, "an object")

    def text(self) -> str | None:
        """Return the text that is here."""
        if self.value is None or type(self.value) is str:
            return self.value or None
        raise _wrong(self, "text")

    def amount(self) -> float | None:
        """Return the number that is here, the ``amount`` of a ``Money``."""
        value = self.value
        if value is None or (type(value) in NUMBERS and -MOST < value < MOST):
            number: float | None = value
            return number
        raise _wrong(self.around or self, "an amount of money", of=".amount")


def _wrong(place: Place, kind: str, of: str = "") -> Unmappable:
    within = place.around.value if place.around else None
    return Unmappable(f"{place.key}{of} is not {kind}", within)
