"""Following a resource: list, then watch from there, and list anew where that is not possible."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

import structlog

from saleor_segment_server.backoff import backoff
from saleor_segment_server.cluster.api import Api, Document, WatchEvent
from saleor_segment_server.cluster.errors import ApiError, Expired, Forbidden, Unanswered
from saleor_segment_server.cluster.resources import Resource

_FIRST = 0.5
_CAP = 30.0
_KEPT_OPEN = 300.0
_PATIENCE = 3
"""Troubles in a row after which a list is believed more than the version we had: an API server that
was restored from a backup knows none so new, and says so in no way that can be told apart."""
_SILENCE = 90.0  # the API server sends a bookmark each minute
_REMEDY = {"remedy": "grant that to this ServiceAccount, as the chart's Role does"}

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Follower:
    """Tells how a resource is and what becomes of it, for as long as it runs.

    The client's own ``Watch`` reconnects without listing and without backing off.

    Args:
        api: Where it is.
        resource: What is followed.
        namespace: Where; ``None`` for everywhere.
        fields: A field selector.
        labels: A label selector.
        metadata_only: Leave everything but metadata on the server.
        listed: Called with all objects after each list.
        changed: Called with each event between lists; bookmarks are left out.
        kept: What is kept of each object of a list while it is read; all unless given.
        kept_open: Seconds after which a watch is ended and made anew from where it was.
        silence: Seconds without a line after which a watch counts as dead.
        first: Seconds before the first retry; they double with each that fails.
        spread: Random numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        api: Api,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: str | None = None,
        labels: str | None = None,
        metadata_only: bool = False,
        listed: Callable[[Sequence[Document]], Awaitable[None]],
        changed: Callable[[WatchEvent], Awaitable[None]],
        kept: Callable[[Document], Document] = lambda document: document,
        kept_open: float = _KEPT_OPEN,
        silence: float = _SILENCE,
        first: float = _FIRST,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._api = api
        self._resource = resource
        self._namespace = namespace
        self._fields = fields
        self._labels = labels
        self._metadata_only = metadata_only
        self._listed = listed
        self._changed = changed
        self._kept = kept
        self._kept_open = kept_open
        self._silence = silence
        self._first = first
        self._spread = spread
        self._troubles = 0
        self._version: str | None = None
        self.synced = False
        """Whether it was listed at least once."""
        self.following = False
        """Whether it is being watched now, so that nothing is missed."""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
            except ApiError as error:
                await self._back_off(error)
                if isinstance(error, Expired) or self._troubles >= _PATIENCE:
                    self._version = None
            finally:
                self.following = False

    async def _follow(self) -> None:
        """Watch from where it was left, or from a fresh list."""
        if self._version is None:
            self._version = await self._list()
        self.following = True
        watch = self._api.watch(
            self._resource,
            self._namespace,
            since=self._version,
            fields=self._fields,
            labels=self._labels,
            metadata_only=self._metadata_only,
            seconds=self._kept_open * (0.9 + 0.2 * self._spread()),
            silence=self._silence,
        )
        said = False
        async with aclosing(watch):
            async for event in watch:
                said, self._troubles = True, 0
                if event.kind != "BOOKMARK":
                    await self._changed(event)
                self._version = str(event.object["metadata"]["resourceVersion"])
        if not said:  # else something that ends every watch at once would be asked without a pause
            raise Unanswered("the watch ended without a line")

    async def _list(self) -> str:
        listing = await self._api.list(
            self._resource,
            self._namespace,
            fields=self._fields,
            labels=self._labels,
            metadata_only=self._metadata_only,
            kept=self._kept,
        )
        await self._listed(listing.items)
        self.synced = True
        return listing.version

    async def _back_off(self, error: ApiError) -> None:
        """Wait before going on: not at all the first time, longer and longer from then on."""
        self._troubles += 1
        if self._troubles == 1 and isinstance(error, Expired):
            return  # no fault of anyone's: nothing happened here for long
        asked = (error.retry_after or 0.0) if isinstance(error, Unanswered) else 0.0
        delay = backoff(self._troubles, first=self._first, cap=_CAP, spread=self._spread)
        delay = max(min(asked, _CAP), delay)
        if self._troubles > 1:  # a watch that breaks once is no news
            _log.warning(
                "watch_failed",
                resource=self._resource.plural,
                why=str(error),
                again_in=delay,
                **(_REMEDY if isinstance(error, Forbidden) else {}),
            )
        await asyncio.sleep(delay)
