"""The control plane as the tests of the ports need it: our type, namespaces, accounts."""

import asyncio
import itertools
import ssl
from pathlib import Path
from typing import Any

import httpx
import yaml

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import GROUP
from saleor_segment_server.cluster import Access, Api
from tests.agreement.layout import ROOT
from tests.cluster.plane.control_plane import ControlPlane

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ROLES = "/apis/rbac.authorization.k8s.io/v1"
_numbers = itertools.count(1)


class Cluster:
    """What an administrator does to the control plane, and ways to it for others."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self._client = httpx.AsyncClient(
            base_url=plane.api_url,
            verify=ssl.create_default_context(cafile=str(plane.ca)),
            headers={"Authorization": f"Bearer {plane.admin_token}"},
            timeout=20,
        )

    async def close(self) -> None:
        await self._client.aclose()

    def admin(self) -> Api:
        """Return the way of an administrator."""
        return Api(Access(kubeconfig=self.plane.kubeconfig))

    async def install(self) -> None:
        """Have our type served."""
        (file,) = (ROOT / "crds").glob("*.yaml")
        definition = yaml.safe_load(file.read_text())
        answer = await self._client.post(_DEFINITIONS, json=definition)
        assert answer.status_code in {201, 409}, answer.text
        async with asyncio.timeout(90):
            while True:
                if (await self._client.get(INTEGRATIONS.path())).is_success:
                    return
                await asyncio.sleep(0.02)

    async def namespace(self) -> str:
        """Make a namespace for an integration, and one beside it for a release."""
        name = f"ports-{next(_numbers)}"
        for each in (name, f"{name}-release"):
            await self._post("/api/v1/namespaces", {"metadata": {"name": each}})
        return name

    async def account(self, namespace: str, rules: list[dict[str, Any]], folder: Path) -> Access:
        """Return the way of a new ServiceAccount with these rights in the namespace."""
        name = f"account-{next(_numbers)}"
        there = f"namespaces/{namespace}"
        await self._post(f"/api/v1/{there}/serviceaccounts", {"metadata": {"name": name}})
        role = {"metadata": {"name": name}, "rules": rules}
        await self._post(f"{_ROLES}/{there}/roles", role)
        binding = {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        }
        await self._post(f"{_ROLES}/{there}/rolebindings", binding)
        path = f"/api/v1/{there}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = (await self._post(path, request))["status"]["token"]
        return Access(kubeconfig=self.plane.write_kubeconfig(folder / name, token=token))

    async def delete_namespace(self, name: str) -> None:
        (await self._client.delete(f"/api/v1/namespaces/{name}")).raise_for_status()

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = await self._client.post(path, json=body)
        assert answer.is_success, answer.text
        return dict(answer.json())


NO_RULES: list[dict[str, Any]] = []
READS_INTEGRATIONS = [
    {"apiGroups": [GROUP], "resources": [INTEGRATIONS.plural], "verbs": ["get", "list"]}
]
