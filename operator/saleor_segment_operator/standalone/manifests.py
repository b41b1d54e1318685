"""Manifests in: files of integrations and Secrets, the ones that a cluster would take."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saleor_segment_operator.resource import Key
from saleor_segment_operator.standalone.kinds import KINDS, IntegrationManifest, SecretManifest
from saleor_segment_server.documents import Document, parse, suggestion
from saleor_segment_server.errors import DocumentUnreadable

SecretName = tuple[str, str]
"""Namespace and name of a Secret."""
Stamp = tuple[tuple[int, int, int] | None, ...]
"""Of each file: when it was changed, its size, which file it is; ``None`` where it is missing."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A ``SaleorSegmentIntegration`` as a file says it should be."""

    key: Key
    model: IntegrationManifest
    source: Document
    """Where it was read."""

    def document(self) -> dict[str, Any]:
        """Return it as an API server stores it, without what the server adds."""
        said = self.model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {
            "apiVersion": said["apiVersion"],
            "kind": said["kind"],
            "metadata": {
                "namespace": self.key.namespace,
                "name": self.key.name,
                "annotations": said["metadata"].get("annotations") or {},
            },
            "spec": said["spec"],
        }

    def refuse_change(self, before: Mapping[str, Any]) -> None:
        """Hold the spec against the one applied ``before``: some of it cannot change.

        Raises:
            DocumentUnreadable: It does.
        """
        was, now = _identity(before), _identity(self.document()["spec"])
        for name in now:
            if was[name] != now[name]:
                raise self.source.refusal(
                    ("spec", "saleor", name),
                    f"cannot change while {self.key} exists: another shop or app is another "
                    "integration, with another name",
                )


@dataclass(frozen=True, slots=True)
class Manifests:
    """All that the files hold."""

    integrations: dict[Key, Manifest] = field(default_factory=dict)
    secrets: dict[SecretName, dict[str, bytes]] = field(default_factory=dict)


class ManifestFiles:
    """Files of manifests, and what they hold together."""

    def __init__(self, files: Sequence[Path], *, namespace: str) -> None:
        """Read ``files``; what names no namespace is in ``namespace``."""
        self._files = files
        self._namespace = namespace
        self._seen: Stamp = ()

    async def read(self) -> Manifests:
        """Return what they hold now.

        Raises:
            DocumentUnreadable: One of them cannot be used; nothing of them counts then.
        """
        return await asyncio.to_thread(self._read)

    async def changes(self, *, interval: float) -> AsyncIterator[None]:
        """Yield each time a file has changed since ``read``, and then been left alone for a while.

        Args:
            interval: Seconds between two looks: a file that is the same in two is complete.
        """
        last = self._seen
        while True:
            await asyncio.sleep(interval)
            now = await asyncio.to_thread(self._stamp)
            if now == last and now != self._seen:
                yield
            last = now

    def _read(self) -> Manifests:
        self._seen = self._stamp()
        collected = _Collected(self._namespace)
        for file in self._files:
            for document in parse(_text(file), str(file)):
                collected.add(document)
        return Manifests(collected.integrations, collected.secrets)

    def _stamp(self) -> Stamp:
        return tuple(_stamp(file) for file in self._files)


class _Collected:
    """The manifests found so far, and where."""

    def __init__(self, namespace: str) -> None:
        self.integrations: dict[Key, Manifest] = {}
        self.secrets: dict[SecretName, dict[str, bytes]] = {}
        self._namespace = namespace
        self._places: dict[tuple[str, str, str], str] = {}

    def add(self, document: Document) -> None:
        model = document.validated(_model(document))
        namespace = model.metadata.namespace or self._namespace
        name = model.metadata.name
        self._refuse_double(document, (model.kind, namespace, name))
        if isinstance(model, IntegrationManifest):
            key = Key(namespace, name)
            self.integrations[key] = Manifest(key, model, document)
        else:
            self.secrets[namespace, name] = model.values()

    def _refuse_double(self, document: Document, name: tuple[str, str, str]) -> None:
        first = self._places.setdefault(name, document.place())
        if first != document.place():
            kind, *rest = name
            raise document.refusal(
                ("metadata", "name"), f"{kind} {'/'.join(rest)} is also at {first}: rename one"
            )


def _identity(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a spec cannot change."""
    saleor = spec["saleor"]
    return {
        "apiUrl": saleor["apiUrl"],
        "publicUrl": saleor.get("publicUrl"),
        "app": [choice for choice, given in saleor["app"].items() if given is not None],
    }


def _model(document: Document) -> type[IntegrationManifest] | type[SecretManifest]:
    """Return the model for the document's kind, once it names one that is read."""
    if not isinstance(document.data, dict):
        raise document.refusal((), "must be a manifest: a mapping with apiVersion and kind")
    kind, version = str(document.data.get("kind")), document.data.get("apiVersion")
    if kind not in KINDS:
        near = suggestion(kind, KINDS)
        raise document.refusal(("kind",), f"must be {' or '.join(KINDS)}{near}")
    expected, model = KINDS[kind]
    if version != expected:
        raise document.refusal(("apiVersion",), f"must be {expected} for a {kind}")
    return model


def _text(file: Path) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DocumentUnreadable(
            f"{file}: cannot be read ({error.strerror}): name a YAML file of manifests with -f"
        ) from None
    except UnicodeDecodeError:
        raise DocumentUnreadable(f"{file}: is no text: it must be YAML in UTF-8") from None
    if not text.strip():
        # An editor or a full disk can leave an empty file; that must not delete a shop's app.
        raise DocumentUnreadable(
            f"{file}: is empty: write manifests, or a comment where there are to be none"
        )
    return text


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
