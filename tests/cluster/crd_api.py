"""The API server as the tests of the definition see it."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from saleor_segment_operator.resource import GROUP, KIND, VERSION
from saleor_segment_operator.resource.crd import PLURAL
from tests.agreement.layout import ROOT
from tests.cluster.kubectl import Kubectl
from tests.cluster.plane.control_plane import ControlPlane
from tests.system.programs import until


class Api:
    """The API server as an administrator, in a namespace with the definition installed."""

    def __init__(self, client: httpx.Client, kubectl: Kubectl) -> None:
        self._client = client
        self._kubectl = kubectl
        self._objects = f"/apis/{GROUP}/{VERSION}/namespaces/{kubectl.namespace}/{PLURAL}"

    def kubectl(self, *arguments: str | Path) -> str:
        """Run kubectl in the namespace; no loop is needed here but for this."""
        return asyncio.run(self._kubectl.run(*arguments))

    def tried(self, spec: Any, before: Any = None, *, strict: bool = False) -> httpx.Response:
        """Give a spec, anew or in place of another, and keep nothing of it.

        ``strict`` refuses unknown fields, as kubectl asks for.
        """
        if before is None:
            validation = "Strict" if strict else "Ignore"
            params = {"dryRun": "All", "fieldValidation": validation}
            return self._post(spec, name="tried", params=params)
        stored = self.create(before, name="changed")
        address = f"{self._objects}/changed"
        try:
            body = {**stored, "spec": spec}
            return self._client.put(address, params={"dryRun": "All"}, json=body)
        finally:
            self._client.delete(address).raise_for_status()

    def create(self, spec: Any, name: str) -> dict[str, Any]:
        """Create an integration and return it as it is stored."""
        answer = self._post(spec, name)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def put_status(self, name: str, status: dict[str, Any]) -> dict[str, Any]:
        """Replace the status, and return the integration as it is read afterwards."""
        address = f"{self._objects}/{name}"
        body = {**self._client.get(address).json(), "status": status}
        self._client.put(f"{address}/status", json=body).raise_for_status()
        return dict(self._client.get(address).json())

    def apply_status(self, name: str, status: dict[str, Any], manager: str) -> dict[str, Any]:
        """Write what ``manager`` has to say of the status, by server-side apply."""
        head = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": {"name": name}}
        answer = self._client.patch(
            f"{self._objects}/{name}/status",
            params={"fieldManager": manager},
            headers={"Content-Type": "application/apply-patch+yaml"},
            json={**head, "status": status},
        )
        return dict(answer.raise_for_status().json())

    def wait_until_served(self) -> None:
        """Wait until it is served, listed and described: a moment after ``Established``.

        kubectl cannot wait for that at once: it refuses conditions that are not written yet.
        """
        asyncio.run(until(self._is_served, seconds=90, every=0.05))

    def _is_served(self) -> bool:
        discovery = {
            "Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        }
        return (
            self._client.get(self._objects).is_success
            and self._client.get(f"/openapi/v3/apis/{GROUP}/{VERSION}").is_success
            and PLURAL in self._client.get("/apis", headers=discovery).text
        )

    def _post(self, spec: Any, name: str, **more: Any) -> httpx.Response:
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
        return self._client.post(self._objects, json=body, **more)


@contextmanager
def installed(plane: ControlPlane, kubectl: Kubectl, namespace: str) -> Iterator[Api]:
    """Install the definition, and have a namespace for the time of a ``with``."""
    with httpx.Client(
        base_url=plane.api_url,
        verify=ssl.create_default_context(cafile=plane.ca),
        headers={"Authorization": f"Bearer {plane.admin_token}"},
    ) as client:
        api = Api(client, kubectl.within(namespace))
        api.kubectl("apply", "-f", ROOT / "crds")
        api.wait_until_served()
        assert GROUP in api.kubectl("api-resources")  # and kubectl forgets what it saw before
        api.kubectl("create", "namespace", namespace)
        yield api
        api.kubectl("delete", "namespace", namespace, "--wait=false")
