"""A part of the soak, and what it found: apart from the list of them, which imports each."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a part found."""

    held: bool
    figures: tuple[str, ...]
    """What was counted and measured, a line each."""


@dataclass(frozen=True, slots=True)
class Part:
    """One long run."""

    name: str
    promise: str
    """What must hold, in a sentence."""
    run: Callable[[Path], Awaitable[Verdict]]
    """Runs it in an empty folder."""
