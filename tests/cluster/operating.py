"""An operator in a cluster: namespaces, rights, Secrets, a shop and a stand-in for the servers."""

import asyncio
import base64
import itertools
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import GROUP, ConditionType, Status
from saleor_segment_server.cluster import (
    ENDPOINT_SLICES,
    LEASES,
    SECRETS,
    Api,
    Follower,
    Patch,
    Resource,
    WatchEvent,
)
from saleor_segment_server.contract import Pipeline
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.control_plane.reconcile.plane import Plane
from tests.system.programs import Program, saleor_segment, until
from tests.twins.saleor import SaleorTwin

NAME = "main-shop"
RELEASE = "events"
EMAIL, PASSWORD = "planted@example.com", "planted-password"
KEY_ONE, KEY_TWO = "planted-first-key".ljust(32, "k"), "planted-next-key".ljust(32, "k")
PUBLIC_URL = "https://hooks.example.com"

CLUSTER_WIDE = [
    {
        "apiGroups": [GROUP],
        "resources": [INTEGRATIONS.plural],
        "verbs": ["get", "list", "watch", "patch"],
    },
    {"apiGroups": [GROUP], "resources": [f"{INTEGRATIONS.plural}/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
]
LET_GO = [
    {
        "apiGroups": [GROUP],
        "resources": [INTEGRATIONS.plural],
        "verbs": ["get", "list", "watch", "patch"],
    },
    {"apiGroups": [GROUP], "resources": [f"{INTEGRATIONS.plural}/status"], "verbs": ["patch"]},
]
_OWN = [
    {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["get", "list", "watch", "create", "patch", "delete"],
    },
    {
        "apiGroups": ["coordination.k8s.io"],
        "resources": ["leases"],
        "verbs": ["get", "create", "update"],
    },
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list"]},
]
_RBAC = ("rbac.authorization.k8s.io", "v1")
_numbers = itertools.count()


@dataclass
class Ground:
    """What stands around the operators of one release."""

    plane: ControlPlane
    api: Api
    """An administrator's."""
    namespace: str
    release: str
    """The release's namespace."""
    kubeconfig: Path
    """What an operator may do."""
    saleor: SaleorTwin
    servers: Plane
    table: dict[str, Pipeline] = field(default_factory=dict)

    # The user's side.

    async def secret(self, name: str, **data: str) -> None:
        """Apply a Secret."""
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.namespace},
            "data": encoded,
        }
        await self.api.patch(
            SECRETS, self.namespace, name, body, how=Patch.APPLY, manager="kubectl"
        )

    async def apply(self, name: str = NAME, **spec: Any) -> None:
        """Apply an integration."""
        app = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
        asked = {
            "saleor": {"apiUrl": self.saleor.api_url, "app": app},
            "segment": {"writeKeySecretRef": {"name": "segment"}},
        }
        body = {
            "apiVersion": INTEGRATIONS.api_version,
            "kind": "SaleorSegmentIntegration",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": asked | spec,
        }
        await self.api.patch(
            INTEGRATIONS, self.namespace, name, body, how=Patch.APPLY, manager="kubectl"
        )

    async def annotate(self, name: str, value: str) -> None:
        """Annotate the integration."""
        body = {"metadata": {"annotations": {name: value}}}
        await self.api.patch(INTEGRATIONS, self.namespace, NAME, body, how=Patch.MERGE)

    async def delete(self) -> None:
        """Delete the integration."""
        await self.api.delete(INTEGRATIONS, self.namespace, NAME)

    # What became of it.

    async def found(self, name: str = NAME) -> Mapping[str, Any] | None:
        return await self.api.get(INTEGRATIONS, self.namespace, name)

    async def status(self, name: str = NAME) -> Status:
        return Status.parse(((await self.found(name)) or {}).get("status"))

    async def is_ready(self, name: str = NAME) -> bool:
        ready = (await self.status(name)).condition(ConditionType.READY)
        return ready is not None and ready.status == "True"

    async def ready(self, name: str = NAME) -> None:
        """Wait until the integration is Ready."""
        await until(lambda: self.is_ready(name), seconds=40)

    async def lease(self) -> dict[str, Any]:
        """Return what the Lease says."""
        found = await self.api.get(LEASES, self.release, f"{RELEASE}-operator")
        return dict((found or {}).get("spec") or {})

    @property
    def write_keys(self) -> set[str]:
        """The keys in use by the servers."""
        keys = (pipeline.segment.write_key for pipeline in self.table.values())
        return {key.get_secret_value() for key in keys if key is not None}

    # The operator.

    def arguments(self, *more: str, kubeconfig: Path | None = None) -> list[str]:
        return [
            *("operate", "--kubeconfig", str(kubeconfig or self.kubeconfig)),
            *("--release", RELEASE, "--namespace", self.release),
            *("--watch-namespaces", self.namespace, "--public-url", PUBLIC_URL),
            *("--private-listen", "127.0.0.1:0", "--allow-loopback", "--no-verify-write-keys"),
            *more,
        ]

    @asynccontextmanager
    async def operating(
        self,
        *more: str,
        kubeconfig: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AsyncIterator["Operating"]:
        """Run an operator as a process."""
        arguments = self.arguments(*more, kubeconfig=kubeconfig)
        async with saleor_segment(*arguments, environment=environment) as program:
            started = await program.logged("operator_started")
            async with httpx.AsyncClient(base_url=started["private"]) as client:
                yield Operating(program, client)


@dataclass
class Operating:
    """An operator's process, and its private port."""

    program: Program
    client: httpx.AsyncClient

    async def leads(self) -> None:
        """Wait until it leads."""
        await self.program.logged("leading")

    async def answer(self, path: str) -> int:
        return (await self.client.get(path)).status_code

    async def readiness(self) -> str:
        status: str = (await self.client.get("/readyz")).json()["status"]
        return status

    async def ready(self) -> None:
        async def is_ready() -> bool:
            return await self.answer("/readyz") == httpx.codes.OK

        await until(is_ready)

    async def metric(self, name: str, **labels: str) -> float | None:
        """Return a sample of its metrics."""
        wanted = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        prefix = f"saleor_segment_operator_{name}" + (f"{{{wanted}}}" if wanted else "")
        for line in (await self.client.get("/metrics")).text.splitlines():
            if line.startswith(f"{prefix} "):
                return float(line.rsplit(" ", 1)[1])
        return None


@asynccontextmanager
async def standing(cluster: Cluster, saleor: SaleorTwin, folder: Path) -> AsyncIterator[Ground]:
    """Put up namespaces, rights, Secrets and servers for a release."""
    namespace = await cluster.namespace()
    release = f"{namespace}-release"
    table: dict[str, Pipeline] = {}
    async with cluster.admin() as api, Plane(table) as servers:
        access = await cluster.account(namespace, CLUSTER_WIDE, folder)
        assert access.kubeconfig is not None
        await _permit(api, release, account=access.kubeconfig.name, of=namespace)
        await _serve(api, release, servers.address)
        ground = Ground(
            cluster.plane, api, namespace, release, access.kubeconfig, saleor, servers, table
        )
        await ground.secret("saleor-staff", email=EMAIL, password=PASSWORD)
        await ground.secret("segment", writeKey=KEY_ONE)
        reading = asyncio.create_task(_follow(api, release, table))
        yield ground
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _permit(api: Api, namespace: str, *, account: str, of: str) -> None:
    """Give the account of another namespace what an operator needs in the release's."""
    role = {"metadata": {"name": "operator"}, "rules": _OWN}
    await api.create(Resource(*_RBAC, "roles"), namespace, role)
    binding = {
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": _RBAC[0], "kind": "Role", "name": "operator"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": of}],
    }
    await api.create(Resource(*_RBAC, "rolebindings"), namespace, binding)


async def _serve(api: Api, namespace: str, url: str) -> None:
    """Say where the stand-in is; as an address it would be refused, being on loopback."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    body = {
        "metadata": {
            "name": "servers",
            "labels": {"kubernetes.io/service-name": f"{RELEASE}-server"},
        },
        "addressType": "FQDN",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": [{"name": "private", "port": int(port), "protocol": "TCP"}],
    }
    await api.create(ENDPOINT_SLICES, namespace, body)


async def _follow(api: Api, namespace: str, table: dict[str, Pipeline]) -> None:
    """Keep ``table`` at what the Pipelines' Secrets hold."""

    def read(secret: Mapping[str, Any]) -> None:
        if not secret["metadata"]["name"].startswith(f"{RELEASE}-pipelines-"):
            return
        for value in (secret.get("data") or {}).values():
            pipeline = Pipeline.model_validate(json.loads(base64.b64decode(value)))
            table[pipeline.id] = pipeline

    async def listed(secrets: Sequence[Mapping[str, Any]]) -> None:
        for secret in secrets:
            read(secret)

    async def changed(event: WatchEvent) -> None:
        read(event.object)

    await Follower(api, SECRETS, namespace, listed=listed, changed=changed).run()
