"""The Node's agent, in a thread of its own."""

import asyncio
import threading
from pathlib import Path
from typing import Any, Self

from tests.cluster.kubelet.addresses import take_block
from tests.cluster.kubelet.container import Container
from tests.cluster.kubelet.node import Node
from tests.cluster.kubelet.pod import Pod
from tests.cluster.plane.control_plane import ControlPlane

_START_SECONDS = 90.0


class Kubelet:
    """One Node of a control plane, for the time of a ``with``.

    Its methods may be called from any thread and any event loop.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.environment: dict[str, str] = {}
        """Given to every process from now on, over what its container says."""
        self._plane, self._folder = plane, folder
        self._started = threading.Event()
        self._trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self._block = take_block()
        self._thread = threading.Thread(target=self._work, name="kubelet", daemon=True)
        self._thread.start()
        if not self._started.wait(_START_SECONDS) or self._trouble is not None:
            raise AssertionError(f"the kubelet does not start: {self._trouble!r}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._block.close()
        if self._trouble is not None:
            raise self._trouble

    def logs(self, namespace: str, pod: str, container: str | None = None) -> str:
        """Return all that a Pod's containers, or one of them, have said, restarts included.

        It can still be read when the Pod is gone.
        """
        folder = self._folder / "logs" / namespace / pod
        files = sorted(folder.iterdir()) if folder.exists() else []
        wanted = [path for path in files if container in {None, path.name}]
        return "".join(path.read_text(errors="replace") for path in wanted)

    def all_logs(self, namespace: str) -> dict[str, str]:
        """Return all that the Pods of a namespace have ever said, by Pod."""
        folder = self._folder / "logs" / namespace
        pods = sorted(folder.iterdir()) if folder.exists() else []
        return {path.name: self.logs(namespace, path.name) for path in pods}

    def kill(self, namespace: str, pod: str, container: str | None = None) -> int:
        """Kill the process of a Pod's first or named container (SIGKILL) and return its pid."""
        return self.send(9, namespace, pod, container)

    def send(self, number: int, namespace: str, pod: str, container: str | None = None) -> int:
        """Send a signal to the process of a container and return its pid."""
        found = self._container(namespace, pod, container)
        pid = self.pid(namespace, pod, container)
        found.send(number)
        return pid

    def pid(self, namespace: str, pod: str, container: str | None = None) -> int:
        """Return the process id of a Pod's first or named container.

        Raises:
            LookupError: It does not run.
        """
        found = self._container(namespace, pod, container)
        if found.process is None or found.process.returncode is not None:
            raise LookupError(f"container {found.name} of Pod {namespace}/{pod} does not run")
        return found.process.pid

    def address(self, namespace: str, pod: str) -> str:
        """Return the address of a Pod."""
        return self._pod(namespace, pod).address

    def mount(self, namespace: str, pod: str, path: str, container: str | None = None) -> Path:
        """Return the folder that a container finds at a mount path."""
        mounts = self._pod(namespace, pod).volumes.mounts(
            self._container(namespace, pod, container).spec
        )
        return mounts[path]

    def pods(self, namespace: str) -> list[str]:
        """Return the names of the Pods of a namespace that are on this Node."""
        return sorted(pod.name for pod in self._node.running() if pod.namespace == namespace)

    def _pod(self, namespace: str, name: str) -> Pod:
        if self._trouble is not None:
            raise AssertionError("the kubelet itself has failed") from self._trouble
        return self._node.pod(namespace, name)

    def _container(self, namespace: str, pod: str, name: str | None) -> Container:
        return self._pod(namespace, pod).container(name)

    def _work(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as trouble:  # noqa: BLE001 - told to whoever waits
            self._trouble = trouble
        finally:
            self._started.set()

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._node = Node(self._plane, self._folder, door=self._block, environment=self.environment)
        async with self._node:
            self._started.set()
            stop = asyncio.create_task(self._stop.wait())
            ends: list[asyncio.Future[Any]] = [stop, self._node.failed]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._node.failed.done():
                self._node.failed.result()
