"""The EndpointSlice controller, for addresses that the real one may not write.

One slice for each Service with a selector. Its type is ``FQDN``: of type ``IPv4`` the API server
refuses loopback addresses.
"""

import asyncio
from collections.abc import Iterable

import aiohttp

from tests.cluster.kubelet.client import TROUBLE, Client, Key, Object, is_our_fault, key, uid

_AGAIN_SECONDS = 0.1


class Endpoints:
    """Writes the EndpointSlices of the Services that have changed."""

    def __init__(
        self, client: Client, services: dict[Key, Object], pods: dict[Key, Object]
    ) -> None:
        self._client, self._services, self._pods = client, services, pods
        self._stale: set[Key] = set()
        self._wake = asyncio.Event()

    def service_changed(self, service: Object) -> None:
        """Take note of a Service that is new or changed."""
        self._stale.add(key(service))
        self._wake.set()

    def pod_changed(self, pod: Object) -> None:
        """Take note of a Pod that is new, changed or gone."""
        namespace, _ = key(pod)
        for service in self._services.values():
            if key(service)[0] == namespace and _selects(service, pod):
                self.service_changed(service)

    async def run(self) -> None:
        """Write what is stale, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            stale, self._stale = self._stale, set()
            for each in stale:
                try:
                    await self._write(each)
                except TROUBLE as trouble:
                    if is_our_fault(trouble):
                        raise
                    self._stale.add(each)
            if self._stale:
                await asyncio.sleep(_AGAIN_SECONDS)
                self._wake.set()

    async def _write(self, at: Key) -> None:
        service = self._services.get(at)
        if service is None or not service["spec"].get("selector"):
            return
        namespace, name = at
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        pods = [pod for pod in self._pods.values() if _belongs(pod, service)]
        body = slice_of(service, pods)
        try:
            await self._client.put(f"{path}/{name}", body)
        except aiohttp.ClientResponseError as answer:
            if answer.status != 404:
                raise
            await self._create(path, body)

    async def _create(self, path: str, body: Object) -> None:
        try:
            await self._client.post(path, body)
        except aiohttp.ClientResponseError as answer:
            # 404 and 403: its namespace is going, and so will the Service.
            if answer.status not in {403, 404}:
                raise


def slice_of(service: Object, pods: Iterable[Object]) -> Object:
    """Return the slice of a Service whose selector these Pods match."""
    namespace, name = key(service)
    owner = {"apiVersion": "v1", "kind": "Service", "name": name, "uid": uid(service)}
    listed = sorted(pods, key=key)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                **service["metadata"].get("labels", {}),
                "kubernetes.io/service-name": name,
                "endpointslice.kubernetes.io/managed-by": "kubelet.tests",
            },
            "ownerReferences": [{**owner, "controller": True}],
        },
        "addressType": "FQDN",
        "ports": list(_ports(service, listed)),
        "endpoints": [_endpoint(service, pod) for pod in listed],
    }


def _endpoint(service: Object, pod: Object) -> Object:
    spec, status = pod["spec"], pod["status"]
    anyhow = service["spec"].get("publishNotReadyAddresses", False)
    serving = any(
        each["type"] == "Ready" and each["status"] == "True" for each in status["conditions"]
    )
    terminating = "deletionTimestamp" in pod["metadata"]
    namespace, name = key(pod)
    endpoint = {
        "addresses": [status["podIP"]],
        "conditions": {
            "ready": anyhow or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": spec["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": namespace, "name": name, "uid": uid(pod)},
    }
    if "hostname" in spec and spec.get("subdomain") == key(service)[1]:
        endpoint["hostname"] = spec["hostname"]
    return endpoint


def _ports(service: Object, pods: list[Object]) -> Iterable[Object]:
    named = {
        port["name"]: port["containerPort"]
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if "name" in port
    }
    for port in service["spec"].get("ports", ()):
        target = port.get("targetPort", port["port"])
        number = named.get(target) if isinstance(target, str) else target
        if number is not None:
            protocol = port.get("protocol", "TCP")
            yield {"name": port.get("name", ""), "port": number, "protocol": protocol}


def _belongs(pod: Object, service: Object) -> bool:
    in_phase = pod.get("status", {}).get("phase") not in {"Succeeded", "Failed"}
    addressed = "podIP" in pod.get("status", {})
    return key(pod)[0] == key(service)[0] and in_phase and addressed and _selects(service, pod)


def _selects(service: Object, pod: Object) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels", {})
    return bool(selector) and selector.items() <= labels.items()
