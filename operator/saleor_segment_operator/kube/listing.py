"""Listing all integrations now and then: what the watch has missed is worked all the same."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence

import structlog

from saleor_segment_operator.kube.handlers import Register, essence
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_server.backoff import backoff
from saleor_segment_server.cluster import Api, ApiError

_FIRST = 1.0
_CAP = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Listing:
    """Compares the register with lists.

    Args:
        api: Where the integrations are.
        namespaces: Which are watched; none for all.
        register: What is told.
        interval: Seconds between two lists.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        register: Register,
        *,
        interval: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespaces = tuple(namespaces) or (None,)
        self._register = register
        self._interval = interval
        self._clock = clock
        self._done_at: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last list that succeeded, ``None`` before the first."""
        return None if self._done_at is None else self._clock() - self._done_at

    async def run(self) -> None:
        """List until cancelled; soon again where the API server does not answer."""
        troubles = 0
        while True:
            try:
                await self._compare()
            except ApiError as error:
                troubles += 1
                _log.warning("integrations_not_listed", why=str(error))
                delay = backoff(troubles, first=_FIRST, cap=_CAP, spread=random.random)
            else:
                troubles, delay = 0, self._interval * (0.9 + 0.2 * random.random())
            await asyncio.sleep(delay)

    async def _compare(self) -> None:
        lists = [await self._api.list(INTEGRATIONS, one, kept=essence) for one in self._namespaces]
        # Of several lists the oldest says what had not been made yet.
        version = min((one.version for one in lists), key=lambda text: (len(text), text))
        self._register.compare([each for one in lists for each in one.items], version)
        self._done_at = self._clock()
