"""How soon a key is worked again, by how its last passes went."""

from collections.abc import Callable
from dataclasses import dataclass

from saleor_segment_operator.resource import Key
from saleor_segment_server.backoff import backoff

_FIRST = 1.0
_CAP = 60.0
_STEPS = 20
"""Passes in a row that may make progress at once: a first reconcile takes 5. More means that
somebody else changes what we change."""


@dataclass(slots=True)
class _Run:
    steps: int = 0
    troubles: int = 0


class Pace:
    """Seconds until the next pass of each key."""

    def __init__(self, *, resync: float, random: Callable[[], float]) -> None:
        """Spread passes with ``random``, which returns numbers from 0 to 1.

        Args:
            resync: Seconds between passes of a key that is as it should be.
            random: Where the spread comes from.
        """
        self._resync = resync
        self._random = random
        self._runs: dict[Key, _Run] = {}

    def after_progress(self, key: Key) -> float:
        """Go on at once, but slow down where it never ends."""
        run = self._runs.setdefault(key, _Run())
        run.steps, run.troubles = run.steps + 1, 0
        return 0.0 if run.steps <= _STEPS else self._backoff(run.steps - _STEPS)

    def after_trouble(self, key: Key, retry_after: float | None = None) -> float:
        """Back off, for as long as the other side asked at least."""
        run = self._runs.setdefault(key, _Run())
        run.troubles += 1
        return max(self._backoff(run.troubles), retry_after or 0.0)

    def after_calm(self, key: Key, look_again: float | None = None) -> float:
        """Look again when it is worth while, at the latest at the resync."""
        self.forget(key)
        resync = self._resync * (0.9 + 0.2 * self._random())
        return resync if look_again is None else min(look_again, resync)

    def forget(self, key: Key) -> None:
        """Let the next pass of ``key`` be its first."""
        self._runs.pop(key, None)

    def _backoff(self, attempt: int) -> float:
        return backoff(attempt, first=_FIRST, cap=_CAP, spread=self._random)
