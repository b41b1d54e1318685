"""A server's release without its chart: namespace, rights, and the operator's Secrets."""

import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from saleor_segment_server.contract import Pipeline, pipelines_secret, shard_of
from tests.cluster.plane.control_plane import ControlPlane
from tests.data_plane.receiving import pipeline
from tests.system.programs import saleor_segment
from tests.system.serving import KEY, Serving, Stand

RELEASE, SHARDS = "events", 2
NAMES = [pipelines_secret(RELEASE, number) for number in range(SHARDS)]


def home(pipeline_id: str) -> str:
    """Return the name of the Secret where this Pipeline belongs."""
    return pipelines_secret(RELEASE, shard_of(pipeline_id, SHARDS))


@dataclass
class Release:
    """A namespace with a server's ServiceAccount, and an administrator who writes Secrets there."""

    plane: ControlPlane
    client: httpx.AsyncClient
    folder: Path
    namespace: str = field(default_factory=lambda: f"serve-{uuid4().hex[:8]}")

    async def create(self) -> None:
        await self.post("/api/v1/namespaces", name=self.namespace)
        await self.post(f"{self.core}/serviceaccounts", name="server")
        await self.permit()
        account = self.folder / "account"
        account.mkdir()
        lasting = {"expirationSeconds": 3600}
        told = await self.post(f"{self.core}/serviceaccounts/server/token", spec=lasting)
        (account / "token").write_text(told["status"]["token"])
        (account / "ca.crt").write_bytes(self.plane.ca.read_bytes())
        (account / "namespace").write_text(self.namespace)

    async def permit(self) -> None:
        """Give the ServiceAccount what the chart gives it."""
        verbs = ["list", "watch"]
        rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": verbs, "resourceNames": NAMES}
        await self.post(f"{self.rbac}/roles", name="server", rules=[rule])
        subject = {"kind": "ServiceAccount", "name": "server", "namespace": self.namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "server"}
        await self.post(
            f"{self.rbac}/rolebindings", name="server", subjects=[subject], roleRef=role
        )

    async def forbid(self) -> None:
        await self.client.delete(f"{self.rbac}/rolebindings/server")
        await self.client.delete(f"{self.rbac}/roles/server")

    @property
    def core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def rbac(self) -> str:
        return f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"

    @property
    def account(self) -> str:
        return f"{self.namespace}/server"

    @property
    def environment(self) -> Mapping[str, str]:
        """What Kubernetes tells a pod."""
        return {
            "KUBERNETES_SERVICE_HOST": self.plane.host,
            "KUBERNETES_SERVICE_PORT": str(self.plane.port),
        }

    async def post(self, path: str, *, name: str | None = None, **body: Any) -> dict[str, Any]:
        metadata = {"metadata": {"name": name}} if name else {}
        answer = await self.client.post(path, json=metadata | body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def lay(self, *pipelines: Pipeline, gone: Iterable[str] = ()) -> None:
        """Write Pipelines as the operator does: by a patch of their data keys."""
        changes: dict[str, dict[str, str | None]] = {}
        for one in pipelines:
            value = base64.b64encode(json.dumps(one.document()).encode()).decode()
            changes.setdefault(home(one.id), {})[one.id] = value
        for pipeline_id in gone:
            changes.setdefault(home(pipeline_id), {})[pipeline_id] = None
        for secret, data in changes.items():
            answer = await self.client.patch(
                f"{self.core}/secrets/{secret}",
                json={"data": data},
                headers={"Content-Type": "application/merge-patch+json"},
            )
            if answer.status_code == 404:
                await self.post(f"{self.core}/secrets", name=secret, data=data)
            else:
                assert answer.is_success, answer.text

    async def delete_secret(self, name: str) -> None:
        answer = await self.client.delete(f"{self.core}/secrets/{name}")
        assert answer.is_success, answer.text


@dataclass
class ClusterStand(Stand):
    """A shop, a Segment and a release, around a server that comes and goes."""

    release: Release = field(kw_only=True)

    def arguments(self) -> list[str]:
        return [
            *("serve", "--pipelines", "kubernetes", "--data-dir", str(self.folder / "data")),
            *("--release", RELEASE, "--pipeline-shards", str(SHARDS)),
            *("--service-account", str(self.folder / "account")),
            *("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0"),
            *("--allow-loopback", "--ballast", "1Mi"),
        ]

    @asynccontextmanager
    async def serving(self, *more: str) -> AsyncIterator["Serving"]:
        environment = self.release.environment
        async with saleor_segment(*self.arguments(), *more, environment=environment) as program:
            told = await program.logged("listening")
            yield Serving(self, program, told["public"], told["private"])

    def pipeline(self, key: str = KEY, **changes: Any) -> Pipeline:
        segment = {"endpoint": self.segment.url, "writeKey": key}
        return pipeline(self.shop.url + "/graphql/", **({"segment": segment} | changes))
