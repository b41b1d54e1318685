"""The port ``Integrations`` on the API server."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.kube.errors import translated
from saleor_segment_operator.kube.events import Events
from saleor_segment_operator.kube.resources import INTEGRATIONS, OPERATOR
from saleor_segment_operator.kube.statuses import STATS, Part, differ, parts, pressing
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import (
    FINALIZER,
    KEPT_BY,
    KIND,
    Integration,
    Key,
    Reason,
    Status,
)
from saleor_segment_server.cluster import Api, Conflict, Missing, Patch

T = TypeVar("T")

Document = Mapping[str, Any]

_STATS_EVERY = 55.0
"""Seconds between two writes of the figures alone: a little less than the minute after which they
are measured again, which else would be skipped every second time."""
_ATTEMPTS = 3

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Known:
    """What was last seen of an integration, and sent."""

    uid: str
    version: str = ""
    counted: float = float("-inf")
    """When its figures were last written."""


class KubeIntegrations:
    """The integrations of the cluster, or of some namespaces.

    Their keys are listed once and kept in step by what a watch says, through ``saw`` and ``gone``;
    what a pass acts on is always fetched anew.

    Args:
        api: Where they are.
        namespaces: Where they are looked for; empty for everywhere.
        instance: Which process tells of them: the pod's name.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        *,
        instance: str = OPERATOR,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._namespaces: Sequence[str | None] = tuple(namespaces) or (None,)
        self._clock = clock
        self._events = Events(api, instance=instance, clock=clock)
        self._known: dict[Key, _Known] = {}
        self._listed = False

    def saw(self, document: Document) -> None:
        """Take note that a watch told of it: it exists."""
        self._know(document)

    def gone(self, key: Key) -> None:
        """Take note that it exists no longer."""
        self._known.pop(key, None)

    async def keys(self) -> Sequence[Key]:
        """Return the keys of all that exist; one that went unseen is dropped at its ``get``."""
        if not self._listed:
            for document in await self.list():
                self.saw(document)
            self._listed = True
        return tuple(self._known)

    async def list(self) -> Sequence[Document]:
        """Return the metadata of all as they are now."""
        found: list[Document] = []
        for namespace in self._namespaces:
            with translated(f"{KIND}s of {namespace or 'all namespaces'}"):
                listing = await self._api.list(INTEGRATIONS, namespace, metadata_only=True)
            found += listing.items
        return found

    async def get(self, key: Key) -> Integration | None:
        """Return it as it is now, or ``None`` where it is gone."""
        document = await self._fetch(key)
        if document is None:
            self.gone(key)
            return None
        self._know(document)
        return Integration.parse(document)

    async def alive(self, uid: str) -> bool:
        """Tell whether there is one with this uid now; one that is known is asked for by its name.

        One that is not known has no app: whoever makes one has asked for its integration before.
        """
        await self.keys()
        key = next((key for key, known in self._known.items() if known.uid == uid), None)
        found = None if key is None else await self.get(key)
        return found is not None and found.uid == uid

    async def hold(self, integration: Integration, *, by: str) -> None:
        """Add our finalizer: it cannot disappear before ``release``.

        Installation ``by`` is named beside it, in the same change; one that is held stays as it is,
        so that of two who try at once one finds the other's name.

        Raises:
            Unavailable: It disappeared before, or is about to.
        """
        if not await self._finalize(integration, by=by):
            raise Unavailable(Reason.STORE_UNAVAILABLE, "it was removed a moment ago")

    async def release(self, integration: Integration) -> None:
        """Remove our finalizer, and nobody else's."""
        await self._finalize(integration, by=None)

    async def publish(self, integration: Integration, status: Status) -> None:
        """Make ``status`` its status, if it still is the same object.

        What did not change is not sent; nor are figures that changed within the last minute, which
        the next measurement sends.
        """
        old = parts(integration.status)
        for manager, part in parts(status).items():
            changed = differ(old[manager], part)
            due = manager != STATS or self._is_due(integration, old[manager], part)
            if changed and due and not await self._apply(integration, manager, part):
                _log.info("status_of_nobody", integration=str(integration.key), uid=integration.uid)
                return

    async def announce(self, integration: Integration, announcement: Announcement) -> None:
        """Tell of it as an Event; failing to is logged, never raised."""
        known = self._same(integration)
        version = None if known is None else known.version
        await self._events.tell(integration, announcement, version=version)

    async def _fetch(self, key: Key) -> Document | None:
        with translated(_words(key)):
            return await self._api.get(INTEGRATIONS, key.namespace, key.name)

    async def _finalize(self, integration: Integration, *, by: str | None) -> bool:
        """Add or remove our finalizer; tell whether the object was there to be changed."""
        with translated(_words(integration.key)):
            return await _unless_changed(lambda: self._try_finalize(integration, by))

    async def _try_finalize(self, integration: Integration, by: str | None) -> bool:
        key, held = integration.key, by is not None
        document = await self._api.get(INTEGRATIONS, key.namespace, key.name)
        if document is None or document["metadata"]["uid"] != integration.uid:
            return False
        metadata = document["metadata"]
        there = list(metadata.get("finalizers") or ())
        if (FINALIZER in there) == held:
            return True
        if held and "deletionTimestamp" in metadata:
            return False  # the API server takes no new one then
        wanted = [*there, FINALIZER] if held else [one for one in there if one != FINALIZER]
        body = {
            "metadata": {
                "uid": integration.uid,
                "resourceVersion": metadata["resourceVersion"],
                "finalizers": wanted,
                "annotations": {KEPT_BY: by},
            }
        }
        try:
            written = await self._api.patch(
                INTEGRATIONS, key.namespace, key.name, body, how=Patch.MERGE, manager=OPERATOR
            )
        except Missing:
            return False
        if held:
            self._know(written)  # its status is written next, and names this version
        return True

    def _is_due(self, integration: Integration, old: Part, new: Part) -> bool:
        known = self._same(integration)
        return known is None or self._clock() - known.counted >= _STATS_EVERY or pressing(old, new)

    async def _apply(self, integration: Integration, manager: str, part: Part) -> bool:
        """Apply a manager's part; tell whether the object is still the one it is about."""
        with translated(_words(integration.key)):
            return await _unless_changed(lambda: self._try_apply(integration, manager, part))

    async def _try_apply(self, integration: Integration, manager: str, part: Part) -> bool:
        key, known = integration.key, self._same(integration)
        if known is None or not known.version:
            document = await self._api.get(INTEGRATIONS, key.namespace, key.name)
            if document is None or document["metadata"]["uid"] != integration.uid:
                return False
            known = self._know(document)
        # The API server heeds no uid in a status: the version stands for the very object.
        metadata = {"name": key.name, "namespace": key.namespace, "resourceVersion": known.version}
        body = {
            "apiVersion": INTEGRATIONS.api_version,
            "kind": KIND,
            "metadata": metadata,
            "status": part,
        }
        try:
            written = await self._api.patch(
                INTEGRATIONS,
                key.namespace,
                key.name,
                body,
                how=Patch.APPLY,
                subresource="status",
                manager=manager,
            )
        except Missing:
            return False
        except Conflict:
            known.version = ""  # it is another, or was changed: the next attempt looks
            raise
        known = self._know(written)
        if manager == STATS:
            known.counted = self._clock()
        return True

    def _know(self, document: Document) -> "_Known":
        metadata = document["metadata"]
        key = Key(metadata["namespace"], metadata["name"])
        known = self._known.get(key)
        if known is None or known.uid != metadata["uid"]:
            known = self._known[key] = _Known(metadata["uid"])
        known.version = str(metadata["resourceVersion"])
        return known

    def _same(self, integration: Integration) -> "_Known | None":
        known = self._known.get(integration.key)
        return known if known is not None and known.uid == integration.uid else None


async def _unless_changed(attempt: Callable[[], Awaitable[T]]) -> T:
    """Try again where somebody changed the object between two calls of an attempt."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt()
        except Conflict:
            continue
    return await attempt()


def _words(key: Key) -> str:
    return f"{KIND} {key}"
