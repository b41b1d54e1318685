"""A release on a real control plane: the chart's rights, and our two programs as processes."""

import os
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from saleor_segment_server.cluster import ENDPOINT_SLICES, Api
from tests.cluster.plane import build
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.system.programs import Program, saleor_segment, until

RELEASE = NAMESPACE = "saleor-segment"
RENDERED = Path("tests/chart/golden/cluster.yaml")
OPERATOR, SERVER = f"{NAMESPACE}/{RELEASE}-operator", f"{NAMESPACE}/{RELEASE}-server"
"""Their ServiceAccounts."""
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_PATHS = {
    "ServiceAccount": f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
    "Role": f"{_RBAC}/namespaces/{NAMESPACE}/roles",
    "RoleBinding": f"{_RBAC}/namespaces/{NAMESPACE}/rolebindings",
    "ClusterRole": f"{_RBAC}/clusterroles",
    "ClusterRoleBinding": f"{_RBAC}/clusterrolebindings",
}


def obstacle() -> str | None:
    """Say why there can be no control plane, or return ``None``."""
    try:
        build.find(os.environ)
    except build.Missing as missing:
        return f"no control plane: {missing}"
    return None


@dataclass(frozen=True)
class Running:
    """One of our programs, and its private port."""

    program: Program
    private: str

    @property
    def pid(self) -> int:
        return self.program.process.pid

    async def ready(self) -> None:
        """Wait until it calls itself ready."""
        async with httpx.AsyncClient(base_url=self.private, timeout=20) as client:

            async def is_ready() -> bool:
                return (await client.get("/readyz")).is_success

            await until(is_ready, seconds=60, every=0.005)


@dataclass(frozen=True)
class Installed:
    """The release."""

    plane: ControlPlane
    api: Api
    """An administrator's."""
    folder: Path
    client: httpx.AsyncClient
    """An administrator's too, for what ``api`` has no words for."""

    async def namespace(self, name: str) -> None:
        """Make a namespace."""
        await self.post("/api/v1/namespaces", {"metadata": {"name": name}})

    @asynccontextmanager
    async def serving(self, pipelines: str | Path = "kubernetes") -> AsyncIterator[Running]:
        """Run the server, as the operator will find it."""
        data = ("--pipelines", pipelines, "--data-dir", self.folder / "data")
        async with self._program("serve", *data, "--listen", "127.0.0.1:0") as program:
            told = await program.logged("listening")
            await self._expose(told["private"])
            yield Running(program, told["private"])

    @asynccontextmanager
    async def operating(self, *more: str) -> AsyncIterator[Running]:
        """Run the operator."""
        public = ("--public-url", "https://hooks.example.com", "--no-verify-write-keys")
        async with self._program("operate", *public, *more) as program:
            yield Running(program, (await program.logged("operator_started"))["private"])

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create what lies at ``path``."""
        answer = await self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())

    async def grant(self) -> None:
        """Give the two ServiceAccounts what the chart gives them."""
        await self.namespace(NAMESPACE)
        for document in yaml.safe_load_all(RENDERED.read_text()):
            if document["kind"] in _PATHS:
                await self.post(_PATHS[document["kind"]], document)
        for account in ("operator", "server"):
            await self._account(account)

    async def _account(self, name: str) -> None:
        path = f"{_PATHS['ServiceAccount']}/{RELEASE}-{name}/token"
        told = await self.post(path, {"spec": {"expirationSeconds": 3600 * 10}})
        folder = self.folder / name
        folder.mkdir()
        (folder / "token").write_text(told["status"]["token"])
        (folder / "ca.crt").write_bytes(self.plane.ca.read_bytes())
        (folder / "namespace").write_text(NAMESPACE)

    def _program(self, command: str, *more: str | Path) -> Program:
        account = self.folder / {"operate": "operator", "serve": "server"}[command]
        where = {
            "KUBERNETES_SERVICE_HOST": self.plane.host,
            "KUBERNETES_SERVICE_PORT": str(self.plane.port),
        }
        asked = ("--service-account", account, "--release", RELEASE, "--allow-loopback")
        private = ("--private-listen", "127.0.0.1:0")
        return saleor_segment(command, *asked, *private, *more, environment=where)

    async def _expose(self, url: str) -> None:
        """Say where the server is, as a name: an address on loopback would be refused."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        labels = {"kubernetes.io/service-name": f"{RELEASE}-server"}
        body = {
            "metadata": {"generateName": "server-", "labels": labels},
            "addressType": "FQDN",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
            "ports": [{"name": "private", "port": int(port), "protocol": "TCP"}],
        }
        await self.api.create(ENDPOINT_SLICES, NAMESPACE, body)


@asynccontextmanager
async def installed(folder: Path) -> AsyncIterator[Installed]:
    """Start a control plane and put up what an installation has before its pods.

    Args:
        folder: For its files; it is there and empty.
    """
    folder = folder.resolve()  # a kubeconfig's paths start at its own place
    with ControlPlane(build.find(os.environ), folder / "plane") as plane:
        cluster = Cluster(plane)
        trust = ssl.create_default_context(cafile=str(plane.ca))
        token = {"Authorization": f"Bearer {plane.admin_token}"}
        async with (
            cluster.admin() as api,
            httpx.AsyncClient(
                base_url=plane.api_url, verify=trust, headers=token, timeout=20
            ) as client,
        ):
            await cluster.install()
            await cluster.close()
            release = Installed(plane, api, folder, client)
            await release.grant()
            yield release
