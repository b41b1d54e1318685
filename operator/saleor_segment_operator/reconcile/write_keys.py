"""What Segment says of write keys, asked no oftener than is worth while."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from saleor_segment_operator.reconcile.moment import Clock
from saleor_segment_operator.reconcile.state import Problem, WriteKey
from saleor_segment_operator.resource import Reason, Spec
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

    def __init__(self, probe: Probe, *, clock: Clock, allowed_hosts: Sequence[str] = ()) -> None:
        """Ask through ``probe``; of endpoints named by users only these hosts are used, or all."""
        self._probe = probe
        self._allowed_hosts = allowed_hosts
        self._clock = clock
        self._answers: dict[str, _Answer] = {}

    async def judge(self, uid: str, spec: Spec, key: str) -> WriteKey | Problem:
        """Return the key with what Segment says of it, or why it may not be used there."""
        endpoint = spec.segment.base_url
        if spec.segment.endpoint is not None and self._refuses(endpoint):
            return _not_allowed(endpoint)
        last = self._answers.get(uid)
        if last is None or not self._holds(last, endpoint, key):
            verdict = await self._probe(endpoint, key)
            last = self._answers[uid] = _Answer(endpoint, key, verdict, self._clock())
        return WriteKey(key, last.verdict)

    def forget(self, uid: str) -> None:
        """Forget an integration that is gone."""
        self._answers.pop(uid, None)

    def _refuses(self, endpoint: str) -> bool:
        return bool(self._allowed_hosts) and urlsplit(endpoint).hostname not in self._allowed_hosts

    def _holds(self, last: _Answer, endpoint: str, key: str) -> bool:
        same = (last.endpoint, last.key) == (endpoint, key)
        return same and self._clock() - last.at < _FRESH


def _not_allowed(endpoint: str) -> Problem:
    message = (
        f"This installation does not send to {urlsplit(endpoint).hostname}: change "
        "spec.segment.endpoint, or have the host added to --allowed-endpoint-hosts. "
        "Events are kept meanwhile."
    )
    return Problem(Reason.ENDPOINT_NOT_ALLOWED, message)
