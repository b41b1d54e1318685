"""Our own Secrets: made where they are absent, else changed key by key."""

import base64
from collections.abc import Mapping
from typing import Any

from saleor_segment_operator.kube.errors import translated
from saleor_segment_operator.kube.resources import OPERATOR
from saleor_segment_server.cluster import SECRETS, Api, Conflict, Missing, Patch

Document = Mapping[str, Any]
Data = Mapping[str, bytes | None]
"""Values by data key; ``None`` takes a key out."""

_ATTEMPTS = 3


def data(secret: Document) -> Mapping[str, bytes]:
    """Return a Secret's data as they are meant."""
    return {key: base64.b64decode(value or "") for key, value in (secret.get("data") or {}).items()}


class OwnSecrets:
    """The Secrets in the release's namespace that the operator makes.

    Its methods raise ``Unavailable`` and ``Blocked`` as the ports do.

    Args:
        api: Where they are.
        namespace: The release's.
    """

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def words(self, name: str) -> str:
        """Return what a Secret is called in messages."""
        return f"Secret {self._namespace}/{name}"

    async def get(self, name: str) -> Document | None:
        """Return the Secret, or ``None`` where there is none."""
        with translated(self.words(name)):
            return await self._api.get(SECRETS, self._namespace, name)

    async def list(self, selector: str) -> tuple[Document, ...]:
        """Return the metadata of those that a label selector selects."""
        with translated(f"Secrets of {self._namespace}"):
            listing = await self._api.list(
                SECRETS, self._namespace, labels=selector, metadata_only=True
            )
        return tuple(listing.items)

    async def create(
        self, name: str, content: Data, *, labels: Mapping[str, str]
    ) -> Document | None:
        """Make it; return ``None`` where there already is one."""
        with translated(self.words(name)):
            try:
                return await self._create(name, content, labels, {})
            except Conflict:
                return None

    async def put(
        self,
        name: str,
        content: Data,
        *,
        labels: Mapping[str, str],
        annotations: Mapping[str, str | None],
    ) -> Document:
        """Change these keys, and make the Secret where it is absent; durable once this returns."""
        with translated(self.words(name)):
            for _ in range(_ATTEMPTS - 1):
                try:
                    return await self._change(name, content, labels, annotations)
                except (Conflict, Missing):
                    continue  # made or deleted between our two looks
            return await self._change(name, content, labels, annotations)

    async def take(
        self, name: str, keys: Mapping[str, None], *, annotations: Mapping[str, None]
    ) -> Document | None:
        """Take these keys out; return ``None`` where the Secret is gone."""
        with translated(self.words(name)):
            try:
                return await self._patch(name, keys, {}, annotations)
            except Missing:
                return None

    async def delete(self, name: str) -> None:
        """Delete it; it may be gone already."""
        with translated(self.words(name)):
            await self._api.delete(SECRETS, self._namespace, name)

    async def _change(
        self,
        name: str,
        content: Data,
        labels: Mapping[str, str],
        annotations: Mapping[str, str | None],
    ) -> Document:
        try:
            return await self._patch(name, content, labels, annotations)
        except Missing:
            return await self._create(name, content, labels, annotations)

    async def _patch(
        self,
        name: str,
        content: Data,
        labels: Mapping[str, str],
        annotations: Mapping[str, str | None],
    ) -> Document:
        metadata = {"labels": dict(labels), "annotations": dict(annotations)}
        body = {"metadata": metadata, "data": _encoded(content)}
        return await self._api.patch(
            SECRETS, self._namespace, name, body, how=Patch.MERGE, manager=OPERATOR
        )

    async def _create(
        self,
        name: str,
        content: Data,
        labels: Mapping[str, str],
        annotations: Mapping[str, str | None],
    ) -> Document:
        body = {
            "apiVersion": SECRETS.api_version,
            "kind": "Secret",
            "metadata": {
                "name": name,
                "labels": dict(labels),
                "annotations": _present(annotations),
            },
            "type": "Opaque",
            "data": _present(_encoded(content)),
        }
        return await self._api.create(SECRETS, self._namespace, body)


def _encoded(content: Data) -> dict[str, str | None]:
    return {
        key: None if value is None else base64.b64encode(value).decode()
        for key, value in content.items()
    }


def _present(values: Mapping[str, str | None]) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}
