"""Starts a container's process, and other programs in its surroundings."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.kubelet.client import Client, Object, key
from tests.cluster.kubelet.environment import ENTRYPOINT, Find, command, localise, variables
from tests.cluster.kubelet.volumes import Volumes
from tests.cluster.plane.processes import tied

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_BIN = Path(sys.executable).parent


@dataclass(frozen=True, slots=True)
class Host:
    """What a Pod needs of its Node."""

    client: Client
    folder: Path
    """Holds a folder for each Pod, and ``logs``."""
    address: str
    find: Callable[[str], Find]
    """Lookup of Secrets and ConfigMaps in a namespace."""
    claims: Callable[[str], Callable[[str], Path]]
    """Folders of the claims of a namespace."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Given to every process, over what its container says."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts the processes of one Pod."""

    pod: Object
    address: str
    host: Host
    volumes: Volumes

    async def container(self, spec: Object, log: Path) -> asyncio.subprocess.Process:
        """Start a container's own process; what it says is added to ``log``.

        Raises:
            Unready: Something it needs is not there yet.
            ValueError: It asks for what is not allowed or not played.
        """
        _check(self.pod, spec)
        words = command(spec, self._told(spec))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            return await self._start(spec, words, asyncio.subprocess.DEVNULL, output.fileno())

    async def beside(self, spec: Object, words: Sequence[str]) -> asyncio.subprocess.Process:
        """Start a program in the surroundings of a container, with pipes, as ``exec`` does."""
        return await self._start(spec, words, asyncio.subprocess.PIPE, asyncio.subprocess.PIPE)

    async def _start(
        self, spec: Object, words: Sequence[str], given: int, output: int
    ) -> asyncio.subprocess.Process:
        mounts = self.volumes.mounts(spec)
        local = [localise(word, self.address, mounts) for word in words]
        self.volumes.folder.mkdir(parents=True, exist_ok=True)
        return await asyncio.create_subprocess_exec(
            *tied([_program(local[0]), *local[1:]]),
            stdin=given,
            stdout=output,
            stderr=output,
            cwd=self.volumes.folder,
            env=self._environment(spec, mounts),
            start_new_session=True,
        )

    def _told(self, spec: Object) -> dict[str, str]:
        status = {"podIP": self.address, "podIPs": self.address, "hostIP": self.host.address}
        pod = {**self.pod, "status": status}
        return variables(pod, spec, self.host.find(key(self.pod)[0]))

    def _environment(self, spec: Object, mounts: Mapping[str, Path]) -> dict[str, str]:
        told = self._told(spec)
        local = {name: localise(value, self.address, mounts) for name, value in told.items()}
        return {**self._given(mounts), **local, **self.host.environment}

    def _given(self, mounts: Mapping[str, Path]) -> dict[str, str]:
        """Return what every container finds, whatever its spec says."""
        server = self.host.client.url
        given = {
            "PATH": os.pathsep.join([str(_BIN), os.defpath]),
            "HOME": str(self.volumes.folder),
            "HOSTNAME": key(self.pod)[1],
            "LANG": "C.UTF-8",
            "KUBERNETES_SERVICE_HOST": str(server.host),
            "KUBERNETES_SERVICE_PORT": str(server.port),
            "KUBERNETES_SERVICE_PORT_HTTPS": str(server.port),
        }
        if SERVICE_ACCOUNT in mounts:
            given["SALEOR_SEGMENT_SERVICE_ACCOUNT"] = str(mounts[SERVICE_ACCOUNT])
        if "/tmp" in mounts:  # a path within the container
            given["TMPDIR"] = str(mounts["/tmp"])
        return given


def _check(pod: Object, spec: Object) -> None:
    if "command" in spec:
        return
    security = {**pod["spec"].get("securityContext", {}), **spec.get("securityContext", {})}
    if security.get("runAsNonRoot") is not True or security.get("runAsUser") == 0:
        raise ValueError("our image must have runAsNonRoot: true, and no runAsUser: 0")


def _program(word: str) -> str:
    """Return our own script for our image's entrypoint; other programs are looked up."""
    return str(_BIN / ENTRYPOINT) if Path(word).name == ENTRYPOINT else word
