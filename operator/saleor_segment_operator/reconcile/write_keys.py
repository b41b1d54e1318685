"""What Segment says of write keys, asked no oftener than is worth while."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from saleor_segment_operator.reconcile.moment import Clock
from saleor_segment_operator.reconcile.state import WriteKey
from saleor_segment_server.outbound.write_key import WriteKeyVerdict

Probe = Callable[[str, str], Awaitable[WriteKeyVerdict]]
"""Asks Segment about a write key that is to be used at an endpoint; never raises."""

_FRESH = 30.0
"""Seconds for which an answer holds: the passes of one change ask once, each resync anew."""


@dataclass(frozen=True, slots=True)
class _Answer:
    endpoint: str
    key: str = field(repr=False)
    verdict: WriteKeyVerdict
    at: float


class WriteKeys:
    """Asks about each integration's key, and remembers the last answer for a moment."""

    def __init__(self, probe: Probe, *, clock: Clock) -> None:
        """Ask through ``probe``."""
        self._probe = probe
        self._clock = clock
        self._answers: dict[str, _Answer] = {}

    async def judge(self, uid: str, endpoint: str, key: str) -> WriteKey:
        """Return the key with what Segment says of it."""
        last = self._answers.get(uid)
        if last is None or not self._holds(last, endpoint, key):
            verdict = await self._probe(endpoint, key)
            last = self._answers[uid] = _Answer(endpoint, key, verdict, self._clock())
        return WriteKey(key, last.verdict)

    def forget(self, uid: str) -> None:
        """Forget an integration that is gone."""
        self._answers.pop(uid, None)

    def _holds(self, last: _Answer, endpoint: str, key: str) -> bool:
        same = (last.endpoint, last.key) == (endpoint, key)
        return same and self._clock() - last.at < _FRESH
