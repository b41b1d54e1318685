"""Leadership: one operator of a release works and the others wait, by a Lease of Kubernetes.

Time is measured on this process's own monotonic clock only: another's Lease counts as expired once
it has not changed for its duration while we looked, and ours once no renewal that began within the
deadline was answered, which is sooner. So nobody works a shop that another may have taken over,
whatever the clocks of the nodes say and however long the API server is silent.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from saleor_segment_operator.errors import Lost
from saleor_segment_server.cluster import LEASES, Api, ApiError, Conflict

_RENEWALS = 5
"""How often the Lease is renewed within its duration; no call may take longer than that either."""
_DEADLINE = 2 / 3
"""The part of the duration after which we stop unless a renewal was answered."""
_HASTE = 0.2
"""The part of the usual pause after a renewal that was not confirmed."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


async def write(
    api: Api,
    namespace: str,
    name: str,
    document: Mapping[str, Any] | None,
    *,
    holder: str | None,
    duration: float,
    now: datetime,
) -> Mapping[str, Any]:
    """Write a Lease where it is still what was read, or absent; return it as written.

    Args:
        api: Where it is.
        namespace: The release's.
        name: Its name.
        document: It as it was read; empty or ``None`` where it was not there.
        holder: Who has it from now on; ``None``: nobody.
        duration: Seconds it may go unrenewed before another takes it.
        now: The time that is written into it.

    Raises:
        Conflict: Another has written it since.
        ApiError: It could not be written.
    """
    metadata, spec = (document or {}).get("metadata"), (document or {}).get("spec") or {}
    body = {
        "apiVersion": LEASES.api_version,
        "kind": "Lease",
        "metadata": metadata or {"name": name},
        "spec": _renewed(spec, holder, duration, now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")),
    }
    if metadata is None:
        return await api.create(LEASES, namespace, body)
    return await api.replace(LEASES, namespace, name, body)


def _renewed(
    spec: Mapping[str, Any], holder: str | None, duration: float, moment: str
) -> dict[str, Any]:
    before = spec.get("holderIdentity")
    fresh = {
        **spec,
        "leaseDurationSeconds": max(1, round(duration)),
        "renewTime": moment,
    }
    fresh.pop("holderIdentity", None)
    if holder is not None:
        fresh["holderIdentity"] = holder
        if holder != before:
            fresh["acquireTime"] = moment
            fresh["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
    return fresh


class Lease:
    """The Lease of a release, wanted by one operator.

    Args:
        api: Where it is.
        namespace: The release's.
        name: Its name.
        identity: Who wants it: unique among all processes.
        duration: Seconds it may go unrenewed before another takes it.
        clock: Seconds on a clock that is never set.
        now: The time that is written into it, for people.
        spread: Random numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        api: Api,
        *,
        namespace: str,
        name: str,
        identity: str,
        duration: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._duration = duration
        self._clock = clock
        self._now = now
        self._spread = spread
        self._renewed: float | None = None  # when the last call that was answered began
        self._document: dict[str, Any] = {}  # as last read or written
        self._unchanged: tuple[str, float] = ("", 0.0)  # its version, and since when it is that

    @property
    def held(self) -> bool:
        """Whether it is ours for sure at this moment."""
        return self._left() > 0

    @property
    def holder(self) -> str | None:
        """Who had it when it was last looked at."""
        holder: str | None = self._spec.get("holderIdentity")
        return holder or None

    async def acquire(self) -> None:
        """Wait until it is ours; what the API server says against that is logged."""
        told: str | None = None
        while not await self._attempt(self._take):
            if self.holder not in {None, told, self._identity}:
                told = self.holder
                _log.info("waiting_for_leadership", holder=told)
            await self._pause()
        _log.info("leading", identity=self._identity)

    async def keep(self) -> None:
        """Renew it for ever.

        Raises:
            Lost: It is another's, or could become so before we knew.
        """
        haste = 1.0
        while True:
            await self._pause(haste)
            if self.held:
                haste = 1.0 if await self._attempt(self._renew) else _HASTE
            if not self.held:
                raise Lost("leadership is lost: no renewal of the Lease was confirmed in time")

    async def release(self) -> None:
        """Give it up, so that another starts at once; failing to is logged, never raised."""
        if self.held and await self._attempt(lambda: self._write(None)):
            _log.info("leadership_released")
        self._renewed = None

    async def _attempt(self, call: Callable[[], Awaitable[bool]]) -> bool:
        """Make a call that ends in time to fence ourselves; no answer counts as a no."""
        limit = self._duration / _RENEWALS
        try:
            async with asyncio.timeout(
                limit if self._renewed is None else min(limit, self._left())
            ):
                return await call()
        except (ApiError, TimeoutError) as error:
            _log.warning("lease_unanswered", why=str(error) or "no answer in time")
            return False

    async def _take(self) -> bool:
        found = await self._api.get(LEASES, self._namespace, self._name)
        self._remember(found or {})
        if found is None or self._is_free():
            return await self._write(self._identity)
        return False

    async def _renew(self) -> bool:
        if await self._write(self._identity):
            return True
        self._remember(await self._api.get(LEASES, self._namespace, self._name) or {})
        if self.holder != self._identity:  # else an earlier renewal of ours came through after all
            self._renewed = None
            raise Lost(f"leadership is lost: {self.holder or 'another'} has taken the Lease")
        return await self._write(self._identity)

    def _is_free(self) -> bool:
        if self.holder in {None, self._identity}:
            return True
        expires = self._unchanged[1] + float(self._spec.get("leaseDurationSeconds") or 0)
        return self._clock() >= expires

    async def _write(self, holder: str | None) -> bool:
        """Write it, unless another has; it is ours from when the call began."""
        began = self._clock()
        try:
            written = await write(
                self._api,
                self._namespace,
                self._name,
                self._document,
                holder=holder,
                duration=self._duration,
                now=self._now(),
            )
        except Conflict:
            return False
        self._remember(written)
        self._renewed = began
        return True

    def _remember(self, document: Any) -> None:
        version = (document.get("metadata") or {}).get("resourceVersion", "")
        if version != self._unchanged[0]:
            self._unchanged = (version, self._clock())
        self._document = dict(document)

    def _left(self) -> float:
        """Return for how many seconds it is still ours."""
        if self._renewed is None:
            return 0.0
        return max(0.0, self._renewed + self._duration * _DEADLINE - self._clock())

    @property
    def _spec(self) -> dict[str, Any]:
        return dict(self._document.get("spec") or {})

    async def _pause(self, haste: float = 1.0) -> None:
        await asyncio.sleep(self._duration / _RENEWALS * haste * (0.8 + 0.4 * self._spread()))
