"""The ports by their adapters, with the hands of a user on what lies behind them."""

import base64
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.pipelines import KubePipelines
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.reconcile.ports import Integrations, Pipelines, Secrets
from saleor_segment_operator.resource import KIND, Integration, Key
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.files import Files
from saleor_segment_operator.standalone.folder import FolderPipelines, FolderSecrets
from saleor_segment_operator.standalone.integrations import FolderIntegrations
from saleor_segment_operator.standalone.manifests import ManifestFiles
from saleor_segment_server.cluster import SECRETS, Api, Patch
from tests.ports.memory import MemoryIntegrations, MemoryPipelines, MemorySecrets

NAME = "main-shop"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPEC: dict[str, Any] = {
    "saleor": {
        "apiUrl": "https://shop.example.com/graphql/",
        "app": {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}},
    },
    "segment": {"writeKeySecretRef": {"name": "segment"}},
}
RELEASE = "saleor-segment"


class Stores(Protocol):
    """The three ports on one store, and what its user can do."""

    @property
    def integrations(self) -> Integrations: ...

    @property
    def secrets(self) -> Secrets: ...

    @property
    def pipelines(self) -> Pipelines: ...

    @property
    def key(self) -> Key:
        """The integration's."""

    async def apply(self, **changes: Any) -> Integration:
        """Make or change the integration, as ``kubectl apply`` does."""

    async def delete(self) -> None:
        """Ask for its deletion."""

    async def secret(self, name: str, **data: bytes) -> None:
        """Make a Secret beside it."""

    def again(self) -> None:
        """Have a new process look at the same store."""

    def later(self, seconds: float) -> None:
        """Let time go by."""


class MemoryStores:
    key = Key("shop", NAME)

    def __init__(self) -> None:
        self.integrations = MemoryIntegrations()
        self.secrets = MemorySecrets()
        self.pipelines = MemoryPipelines()

    async def apply(self, **changes: Any) -> Integration:
        return self.integrations.apply(self.key, SPEC | changes)

    async def delete(self) -> None:
        self.integrations.delete(self.key, NOW)

    async def secret(self, name: str, **data: bytes) -> None:
        self.secrets.users[self.key.namespace, name] = data

    def again(self) -> None:
        return

    def later(self, seconds: float) -> None:
        return


class FolderStores:
    key = Key("shop", NAME)

    def __init__(self, folder: Path) -> None:
        self._state, self._file = folder / "state", folder / "integration.yaml"
        for name in ("integrations", "apps"):
            (self._state / name).mkdir(parents=True)
        self._documents: dict[str, dict[str, Any]] = {}
        self.again()

    def again(self) -> None:
        console = Console(io.StringIO(), clock=NOW.timestamp)
        self.integrations = FolderIntegrations(
            Files(self._state / "integrations"),
            console=console,
            changed=lambda _: None,
            clock=NOW.timestamp,
        )
        self.secrets = FolderSecrets(Files(self._state), Files(self._state / "apps"))
        self.pipelines = FolderPipelines(Files(self._state))

    def later(self, seconds: float) -> None:
        return

    async def apply(self, **changes: Any) -> Integration:
        await self._write(NAME, _manifest(self.key, SPEC | changes))
        found = await self.integrations.get(self.key)
        assert found is not None
        return found

    async def delete(self) -> None:
        await self._write(NAME, None)

    async def secret(self, name: str, **data: bytes) -> None:
        await self._write(name, _secret(self.key.namespace, name, data))

    async def _write(self, name: str, document: dict[str, Any] | None) -> None:
        self._documents.pop(name, None)
        if document is not None:
            self._documents[name] = document
        self._file.write_text(yaml.safe_dump_all(self._documents.values()) or "# none\n")
        found = await ManifestFiles([self._file], namespace="default").read()
        self.secrets.apply(found.secrets)
        await self.integrations.apply(found.integrations)


class KubeStores:
    """A namespace with an integration, a release's beside it, and the API server they lie on.

    ``api`` is the operator's way to it, ``admin`` the user's.
    """

    def __init__(self, api: Api, admin: Api, *, namespace: str, shards: int = 4) -> None:
        self.api, self.admin, self.shards = api, admin, shards
        self.key, self.release_namespace = Key(namespace, NAME), f"{namespace}-release"
        self.now = NOW.timestamp()
        self.again()

    def again(self, *, shards: int | None = None, fresh: float = 0.0) -> None:
        self.shards = shards or self.shards
        namespace = self.release_namespace
        self.integrations = KubeIntegrations(
            self.api, [self.key.namespace], instance="operator-0", clock=lambda: self.now
        )
        self.secrets = KubeSecrets(self.api, release=RELEASE, namespace=namespace)
        self.pipelines = KubePipelines(
            self.api, release=RELEASE, namespace=namespace, shards=self.shards, fresh=fresh
        )

    async def apply(self, **changes: Any) -> Integration:
        document = _manifest(self.key, SPEC | changes)
        applied = await self.admin.patch(
            INTEGRATIONS, self.key.namespace, NAME, document, how=Patch.APPLY, manager="kubectl"
        )
        return Integration.parse(applied)

    def later(self, seconds: float) -> None:
        self.now += seconds

    async def document(self) -> Mapping[str, Any]:
        """Return the integration as it is stored."""
        found = await self.admin.get(INTEGRATIONS, self.key.namespace, NAME)
        assert found is not None
        return found

    async def change(self, **metadata: Any) -> None:
        """Change its metadata."""
        body = {"metadata": metadata}
        await self.admin.patch(INTEGRATIONS, self.key.namespace, NAME, body, how=Patch.MERGE)

    async def delete(self) -> None:
        await self.admin.delete(INTEGRATIONS, self.key.namespace, NAME)

    async def secret(self, name: str, **data: bytes) -> None:
        await self.make_secret(self.key.namespace, name, **data)

    async def make_secret(self, namespace: str, name: str, **data: bytes) -> None:
        """Make a Secret anywhere."""
        await self.admin.create(SECRETS, namespace, _secret(namespace, name, data))

    async def own(self, name: str) -> Mapping[str, Any] | None:
        """Return a Secret of the release as it is stored."""
        return await self.admin.get(SECRETS, self.release_namespace, name)


def _manifest(key: Key, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": INTEGRATIONS.api_version,
        "kind": KIND,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": dict(spec),
    }


def _secret(namespace: str, name: str, data: Mapping[str, bytes]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
