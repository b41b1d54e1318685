"""The port ``Integrations`` on a folder: what an API server keeps of an object, in one file each.

A manifest that appears gets a uid, one whose spec changes a higher generation, one that is gone is
deleted once nothing holds it. What a file says survives the process, so an integration whose
manifest went while no process ran is still cleaned up.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import orjson

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import FINALIZER, Integration, Key, Reason, Status
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.files import Files
from saleor_segment_operator.standalone.manifests import Manifest

Document = dict[str, Any]

_READABLE = orjson.OPT_INDENT_2


class FolderIntegrations:
    """The integrations of the manifests last applied, and those that are still being deleted."""

    def __init__(
        self,
        files: Files,
        *,
        console: Console,
        changed: Callable[[Key], None],
        clock: Callable[[], float],
    ) -> None:
        """Read what is kept; blocks, so only for the start.

        Args:
            files: The folder with a file for each.
            console: Where changes of conditions are shown.
            changed: Called with each key that is to be looked at.
            clock: Seconds since the epoch.
        """
        self._files = files
        self._console = console
        self._changed = changed
        self._clock = clock
        self._turn = asyncio.Lock()
        self._wanted: Mapping[Key, Manifest] = {}
        stored: Mapping[str, Document] = files.read("*.json", _parse)
        self._documents = {_key(document): document for document in stored.values()}

    def check(self, manifests: Mapping[Key, Manifest]) -> None:
        """Hold ``manifests`` against what there is, before any of them is applied.

        Raises:
            DocumentUnreadable: One changes what cannot change.
        """
        for key, manifest in manifests.items():
            stored = self._documents.get(key)
            if stored is not None and not _is_deleting(stored):
                manifest.refuse_change(stored["spec"])

    async def apply(self, manifests: Mapping[Key, Manifest]) -> None:
        """Make ``manifests``, which were checked, the integrations that are wanted.

        Raises:
            Unavailable: The folder cannot be written; what was applied so far counts.
        """
        self._wanted = dict(manifests)
        for key in sorted({*self._documents, *manifests}):
            async with self._turn:
                await self._follow(key)

    async def keys(self) -> Sequence[Key]:
        """Return the keys of all that exist."""
        return tuple(self._documents)

    async def get(self, key: Key) -> Integration | None:
        """Return it as it is now, or ``None`` where it is gone."""
        document = self._documents.get(key)
        return None if document is None else Integration.parse(document)

    async def alive(self, uid: str) -> bool:
        """Tell whether there is one with this uid now."""
        return any(each["metadata"]["uid"] == uid for each in self._documents.values())

    async def hold(self, integration: Integration, *, by: str) -> None:  # noqa: ARG002
        """Add our finalizer: it cannot disappear before ``release``; nobody else uses the folder.

        Raises:
            Unavailable: It disappeared before.
        """
        async with self._turn:
            document = self._copy(integration)
            if document is None:
                raise Unavailable(Reason.STORE_UNAVAILABLE, "it was removed a moment ago")
            document["metadata"]["finalizers"] = [FINALIZER]
            await self._put(integration.key, document)

    async def release(self, integration: Integration) -> None:
        """Remove our finalizer; one that was only kept by it goes, and may come anew."""
        async with self._turn:
            document = self._copy(integration)
            if document is None:
                return
            document["metadata"].pop("finalizers", None)
            if not _is_deleting(document):
                await self._put(integration.key, document)
                return
            await self._remove(integration.key)
            if integration.key in self._wanted:
                await self._follow(integration.key)

    async def publish(self, integration: Integration, status: Status) -> None:
        """Make ``status`` its status, if it still is the same object, and show what changed."""
        async with self._turn:
            document = self._copy(integration)
            if document is None:
                return
            document["status"] = status.document()
            await self._put(integration.key, document)
        self._console.conditions(integration.key, status)

    async def announce(self, integration: Integration, announcement: Announcement) -> None:
        """Show it."""
        self._console.announcement(integration.key, announcement)

    async def _follow(self, key: Key) -> None:
        """Bring what is stored under ``key`` to what is wanted."""
        manifest, stored = self._wanted.get(key), self._documents.get(key)
        if manifest is not None and stored is None:
            await self._create(manifest)
        elif manifest is not None and stored is not None:
            await self._update(manifest, stored)
        elif stored is not None and not _is_deleting(stored):
            await self._delete(stored)

    async def _create(self, manifest: Manifest) -> None:
        document = manifest.document()
        document["metadata"].update(
            uid=str(uuid.uuid4()), generation=1, creationTimestamp=self._now()
        )
        await self._put(manifest.key, document)
        self._changed(manifest.key)

    async def _update(self, manifest: Manifest, stored: Document) -> None:
        document, fresh = deepcopy(stored), manifest.document()
        document["metadata"] |= fresh["metadata"]
        if fresh["spec"] != stored["spec"] and not _is_deleting(stored):
            document["spec"] = fresh["spec"]
            document["metadata"]["generation"] += 1
        if document != stored:
            await self._put(manifest.key, document)
            self._changed(manifest.key)

    async def _delete(self, stored: Document) -> None:
        key = _key(stored)
        if stored["metadata"].get("finalizers"):
            document = deepcopy(stored)
            document["metadata"]["deletionTimestamp"] = self._now()
            await self._put(key, document)
        else:
            await self._remove(key)
        self._changed(key)

    def _copy(self, integration: Integration) -> Document | None:
        """Return a copy to change, unless another took its place."""
        stored = self._documents.get(integration.key)
        same = stored is not None and stored["metadata"]["uid"] == integration.uid
        return deepcopy(stored) if same else None

    async def _put(self, key: Key, document: Document) -> None:
        if document != self._documents.get(key):
            await self._files.write(_name(document), orjson.dumps(document, option=_READABLE))
            self._documents[key] = document

    async def _remove(self, key: Key) -> None:
        await self._files.remove(_name(self._documents[key]))
        del self._documents[key]
        self._console.gone(key)

    def _now(self) -> str:
        return datetime.fromtimestamp(int(self._clock()), UTC).isoformat()


def _parse(content: bytes) -> Document:
    document = orjson.loads(content)
    if not isinstance(document, dict):
        raise ValueError("is no object")  # noqa: TRY004 - what a reader of files raises
    Integration.parse(document)  # raises where it is not what we wrote
    return document


def _key(document: Mapping[str, Any]) -> Key:
    return Key(document["metadata"]["namespace"], document["metadata"]["name"])


def _name(document: Mapping[str, Any]) -> str:
    return f"{document['metadata']['uid']}.json"


def _is_deleting(document: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in document["metadata"]
