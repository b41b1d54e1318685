"""The Node: binds every Pod to itself and runs it."""

import asyncio
import socket
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.cluster.kubelet.addresses import Addresses
from tests.cluster.kubelet.api import answering
from tests.cluster.kubelet.claims import Claims
from tests.cluster.kubelet.client import TROUBLE, Client, Mirror, Object, key, uid
from tests.cluster.kubelet.container import now
from tests.cluster.kubelet.endpoints import Endpoints
from tests.cluster.kubelet.environment import Find
from tests.cluster.kubelet.launch import Host
from tests.cluster.kubelet.pod import Pod
from tests.cluster.plane.control_plane import ControlPlane

NAME = "node"
_ENDED = frozenset({"Succeeded", "Failed"})
_AGAIN_SECONDS = 0.1


class Node:
    """Everything that runs in the kubelet's loop, for the time of an ``async with``."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        *,
        door: socket.socket,
        environment: Mapping[str, str],
    ) -> None:
        self._client = Client(plane.api_url, ca=plane.ca, token=plane.admin_token)
        self._folder, self._environment = folder, environment
        self._plane, self._door = plane, door
        self._address, self._port = door.getsockname()
        self._pods: dict[str, Pod] = {}
        self._asked: set[str] = set()
        self._taken: set[str] = set()
        """Pods that are being bound and claims that are being provided for, by uid."""
        self._addresses = Addresses(self._address)
        self._tasks: set[asyncio.Task[None]] = set()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises what went wrong in the kubelet itself."""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._client)
            stack.push_async_callback(self._end)
            await stack.enter_async_context(
                answering(self._door, self._plane.certificate, self.pod)
            )
            await self._begin()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _begin(self) -> None:
        await self._register()
        self._watched = {
            "pods": self._mirror("pods", self._pod_changed),
            "services": self._mirror("services", self._service_changed),
            "Secret": self._mirror("secrets", self._source_changed),
            "ConfigMap": self._mirror("configmaps", self._source_changed),
            "claims": self._mirror("persistentvolumeclaims", self._claim_changed),
        }
        self._claims = Claims(self._client, self._folder, self._watched["claims"].objects)
        self._endpoints = Endpoints(
            self._client, self._watched["services"].objects, self._watched["pods"].objects
        )
        self._host = Host(
            self._client,
            self._folder,
            self._address,
            self._find,
            self._claims.within,
            self._environment,
        )
        for mirror in self._watched.values():
            self._spawn(mirror.run())
        self._spawn(self._endpoints.run())
        await asyncio.gather(*(mirror.synced.wait() for mirror in self._watched.values()))

    def running(self) -> list[Pod]:
        """Return the Pods that are here."""
        return list(self._pods.values())

    def pod(self, namespace: str, name: str) -> Pod:
        """Return a Pod that is here.

        Raises:
            LookupError: It is not.
        """
        for pod in self._pods.values():
            if (pod.namespace, pod.name) == (namespace, name):
                return pod
        raise LookupError(f"no Pod {namespace}/{name} on this Node")

    def _mirror(self, plural: str, changed: Any) -> Mirror:
        return Mirror(self._client, f"/api/v1/{plural}", changed)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        trouble = None if task.cancelled() else task.exception()
        if trouble is not None and not self.failed.done():
            self.failed.set_exception(trouble)

    def _find(self, namespace: str) -> Find:
        return lambda kind, name: self._watched[kind].objects.get((namespace, name))

    def _pod_changed(self, pod: Object, gone: bool) -> None:  # noqa: FBT001 - a callback
        self._endpoints.pod_changed(pod)
        here = self._pods.get(uid(pod))
        if here is not None:
            here.update(pod)
            if gone:
                here.vanished()
        elif not gone:
            self._take(pod)

    def _take(self, pod: Object) -> None:
        if pod.get("status", {}).get("phase") in _ENDED:
            return
        if pod["spec"].get("nodeName") == NAME and uid(pod) not in self._taken:
            self._taken.add(uid(pod))  # now: more news of it may come before its task begins
            self._spawn(self._run(pod))
        elif "nodeName" not in pod["spec"] and uid(pod) not in self._asked:
            self._asked.add(uid(pod))
            self._spawn(self._bind(pod))

    async def _bind(self, pod: Object) -> None:
        namespace, name = key(pod)
        target = {"apiVersion": "v1", "kind": "Node", "name": NAME}
        body = {"metadata": {"name": name, "uid": uid(pod)}, "target": target}
        while True:
            try:
                await self._client.post(f"/api/v1/namespaces/{namespace}/pods/{name}/binding", body)
            except aiohttp.ClientResponseError as answer:
                if answer.status in {404, 409}:
                    return
            except TROUBLE:
                pass
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _run(self, pod: Object) -> None:
        with self._addresses.of(pod) as address:
            here = self._pods[uid(pod)] = Pod(pod, address=address, host=self._host)
            try:
                here.update(pod)
                await here.live()
            finally:
                del self._pods[uid(pod)]
                self._taken.discard(uid(pod))

    def _service_changed(self, service: Object, gone: bool) -> None:  # noqa: FBT001 - a callback
        if not gone:
            self._endpoints.service_changed(service)

    def _source_changed(self, source: Object, gone: bool) -> None:  # noqa: FBT001 - a callback
        for pod in self.running():
            if pod.namespace == key(source)[0] and not gone:
                pod.volumes.refresh()

    def _claim_changed(self, claim: Object, gone: bool) -> None:  # noqa: FBT001 - a callback
        if gone:
            self._spawn(self._claims.withdraw(claim))
        elif not claim["spec"].get("volumeName") and uid(claim) not in self._asked:
            self._asked.add(uid(claim))
            self._spawn(self._claims.provide(claim))

    async def _register(self) -> None:
        much = {"cpu": "16", "memory": "64Gi", "pods": "250", "ephemeral-storage": "100Gi"}
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "",
            "lastHeartbeatTime": now(),
            "lastTransitionTime": now(),
        }
        status = {
            "capacity": much,
            "allocatable": much,
            "conditions": [ready],
            "addresses": [{"type": "InternalIP", "address": self._address}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
            "declaredFeatures": ["ExtendWebSocketsToKubelet"],
        }
        node = {"metadata": {"name": NAME, "labels": {"kubernetes.io/hostname": NAME}}}
        await self._client.post("/api/v1/nodes", node)
        await self._client.patch(f"/api/v1/nodes/{NAME}/status", {"status": status})
