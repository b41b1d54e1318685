"""One Pod: its volumes, its containers, its status, its end."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tests.cluster.kubelet.client import TROUBLE, Object, is_our_fault, key, uid
from tests.cluster.kubelet.container import Container, Process
from tests.cluster.kubelet.environment import Unready
from tests.cluster.kubelet.launch import Host, Launcher
from tests.cluster.kubelet.status import Status
from tests.cluster.kubelet.volumes import Volumes

_AGAIN_SECONDS = 0.1
_GONE = frozenset({404, 409})


class Pod:
    """A Pod that is bound to our Node."""

    def __init__(self, pod: Object, *, address: str, host: Host) -> None:
        self.pod, self.address, self._host = pod, address, host
        self.namespace, self.name = key(pod)
        spec = pod["spec"]
        restart = spec.get("restartPolicy", "Always")
        self._initial = self._containers("initContainers", restart="OnFailure")
        self.containers = self._containers("containers", restart=restart)
        self.volumes = Volumes(
            pod,
            host.folder / "pods" / uid(pod),
            host.find(self.namespace),
            self._token,
            host.claims(self.namespace),
        )
        self.launcher = Launcher(pod, address, host, self.volumes)
        self._status = Status(address=address, node=host.address, restart=restart)
        self._prepared, self._waits_for = False, ""
        self._deleted, self._vanished = asyncio.Event(), asyncio.Event()
        self._dirty = asyncio.Event()

    @property
    def path(self) -> str:
        """Its path at the API server."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    def update(self, pod: Object) -> None:
        """Take note of a change of the object."""
        self.pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self._deleted.set()

    def vanished(self) -> None:
        """Take note that the object is gone: everything ends at once."""
        self._vanished.set()
        self._deleted.set()

    def container(self, name: str | None) -> Container:
        """Return a container by its name, or the first.

        Raises:
            LookupError: There is none of that name.
        """
        for container in self.containers:
            if name in {None, container.name}:
                return container
        raise LookupError(f"Pod {self.namespace}/{self.name} has no container {name}")

    def log(self, container: str) -> Path:
        """Return the file with all that a container has said."""
        return self._host.folder / "logs" / self.namespace / self.name / container

    async def live(self) -> None:
        """Run it until it is deleted, and delete it then."""
        work = asyncio.create_task(self._work())
        publishing = asyncio.create_task(self._publish_for_ever())
        deleted = asyncio.create_task(self._deleted.wait())
        try:
            tasks: list[asyncio.Future[Any]] = [work, publishing, deleted]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # What failed is the kubelet itself, and tells.
            for task in tasks:
                if task.done():
                    task.result()
            await deleted
            await self._end()
            await self._forget()
        finally:
            for each in (work, publishing, deleted):
                each.cancel()
            await asyncio.gather(work, publishing, deleted, return_exceptions=True)
            self.volumes.remove()

    def _containers(self, kind: str, *, restart: str) -> list[Container]:
        return [
            Container(
                each,
                address=self.address,
                restart=restart,
                grace=self.pod["spec"].get("terminationGracePeriodSeconds", 30),
                launch=self._launch,
                changed=self._changed,
            )
            for each in self.pod["spec"].get(kind, ())
        ]

    def _changed(self) -> None:
        self._dirty.set()

    async def _work(self) -> None:
        self._changed()
        await self._prepare()
        for container in self._initial:
            await container.run()
        await asyncio.gather(*(container.run() for container in self.containers))

    async def _prepare(self) -> None:
        while not self._prepared:
            try:
                await self.volumes.prepare()
                self._prepared, self._waits_for = True, ""
            except (Unready, ValueError, *TROUBLE) as why:
                self._waits_for = str(why)
                await asyncio.sleep(_AGAIN_SECONDS)
            self._changed()

    async def _end(self) -> None:
        grace = float(self.pod["metadata"].get("deletionGracePeriodSeconds") or 0)
        if self._vanished.is_set():
            grace = 0
        ending = asyncio.gather(*(each.stop(grace) for each in self.containers + self._initial))
        forced = asyncio.create_task(self._vanished.wait())
        both: list[asyncio.Future[Any]] = [ending, forced]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        forced.cancel()
        if not ending.done():
            ending.cancel()

    async def _forget(self) -> None:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid(self.pod)}}
        while not self._vanished.is_set():
            try:
                await self._host.client.delete(self.path, options)
            except aiohttp.ClientResponseError as answer:
                if answer.status in _GONE:
                    return
            except TROUBLE:
                pass
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _publish_for_ever(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._publish()
            except TROUBLE as trouble:
                if is_our_fault(trouble):
                    raise
                if getattr(trouble, "status", 0) not in _GONE:
                    self._dirty.set()
            if self._dirty.is_set():
                await asyncio.sleep(0.02)

    async def _publish(self) -> None:
        status = self._status.body(
            self.pod,
            self._initial,
            self.containers,
            prepared=self._prepared,
            waits_for=self._waits_for,
        )
        # With the uid, a Pod of the same name that came later refuses it.
        body = {"metadata": {"uid": uid(self.pod)}, "status": status}
        await self._host.client.patch(f"{self.path}/status", body)

    async def _token(self, source: Mapping[str, Any]) -> str:
        account = self.pod["spec"].get("serviceAccountName", "default")
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        bound = {"apiVersion": "v1", "kind": "Pod", "name": self.name, "uid": uid(self.pod)}
        spec = {
            "expirationSeconds": source.get("expirationSeconds", 3600),
            "audiences": [source["audience"]] if "audience" in source else [],
            "boundObjectRef": bound,
        }
        made = await self._host.client.post(path, {"spec": spec})
        token: str = made["status"]["token"]
        return token

    async def _launch(self, spec: Object) -> Process:
        return await self.launcher.container(spec, self.log(spec["name"]))
