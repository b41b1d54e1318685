"""Following a resource: list, then watch, and list anew whenever that breaks."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import structlog

from saleor_segment_server.cluster.api import Api, Document, WatchEvent
from saleor_segment_server.cluster.errors import ApiError, Expired, Unanswered
from saleor_segment_server.cluster.resources import Resource

_FIRST = 0.5
_CAP = 30.0
_KEPT_OPEN = 300.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Follower:
    """Tells how a resource is and what becomes of it, for as long as it runs.

    The client's own ``Watch`` reconnects without listing and without backing off.

    Args:
        api: Where it is.
        resource: What is followed.
        namespace: Where; ``None`` for everywhere.
        fields: A field selector.
        metadata_only: Leave everything but metadata on the server.
        listed: Called with all objects after each list.
        changed: Called with each event between lists; bookmarks are left out.
        spread: Random numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: str | None = None,
        metadata_only: bool = False,
        listed: Callable[[Sequence[Document]], Awaitable[None]],
        changed: Callable[[WatchEvent], Awaitable[None]],
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._fields = fields
        self._metadata_only = metadata_only
        self._listed = listed
        self._changed = changed
        self._spread = spread
        self._troubles = 0
        self.synced = False
        """Whether it was listed at least once."""
        self.following = False
        """Whether it is being watched now, so that nothing is missed."""

    async def run(self) -> None:
        """Follow until cancelled."""
        version: str | None = None
        while True:
            try:
                version = await self._follow(version)
                self._troubles = 0
            except Expired:
                version = None
            except ApiError as error:
                version = None
                await self._back_off(error)
            finally:
                self.following = False

    async def _follow(self, version: str | None) -> str:
        """Watch from ``version``, or from a fresh list; return where to go on."""
        if version is None:
            version = await self._list()
        self.following = True
        watch = self._api.watch(
            self._resource,
            self._namespace,
            since=version,
            fields=self._fields,
            metadata_only=self._metadata_only,
            seconds=_KEPT_OPEN * (0.9 + 0.2 * self._spread()),
        )
        async with aclosing(watch):
            async for event in watch:
                self._troubles = 0
                version = str(event.object["metadata"]["resourceVersion"])
                if event.kind != "BOOKMARK":
                    await self._changed(event)
        return version

    async def _list(self) -> str:
        listing = await self._api.list(
            self._resource,
            self._namespace,
            fields=self._fields,
            metadata_only=self._metadata_only,
        )
        await self._listed(listing.items)
        self.synced = True
        return listing.version

    async def _back_off(self, error: ApiError) -> None:
        self._troubles += 1
        asked = (error.retry_after or 0.0) if isinstance(error, Unanswered) else 0.0
        delay = min(_CAP, _FIRST * 2.0 ** min(self._troubles - 1, 10))
        delay = max(asked, delay * (0.5 + 0.5 * self._spread()))
        if self._troubles > 1:  # a watch that breaks once is no news
            _log.warning(
                "watch_failed", resource=self._resource.plural, why=str(error), again_in=delay
            )
        await asyncio.sleep(delay)
