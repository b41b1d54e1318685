"""A control plane for tests: etcd, kube-apiserver and kube-controller-manager as local processes.

There is no scheduler, kubelet or network: ``tests.cluster.kubelet`` plays them. The API server
listens on 127.0.0.2, apart from the twins and from the outbound guard's point of view.
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import urllib.request
from pathlib import Path
from typing import Self
from urllib.error import HTTPError, URLError

from tests.cluster.plane import keys
from tests.cluster.plane.audit import POLICY, Audit
from tests.cluster.plane.processes import Process

ADDRESS = "127.0.0.2"
_START_SECONDS = 120.0
_EVERY = 0.05
_GO = {"GOGC": "400"}  # less processor time for some memory
# Nodes are the tests' own, and EndpointSlices too: the API server refuses loopback addresses there.
_NOT_RUN = (
    "endpoints-controller",
    "endpointslice-controller",
    "endpointslice-mirroring-controller",
    "node-ipam-controller",
    "node-lifecycle-controller",
    "persistentvolume-attach-detach-controller",
    "service-cidr-controller",
    "taint-eviction-controller",
)


class ControlPlane:
    """The three programs, for the time of a ``with``; ``folder`` is theirs and gone afterwards."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.admin_token = secrets.token_urlsafe(24)
        self.host, self.port = ADDRESS, _free_port()
        self.audit = Audit(self.folder / "audit.log")
        self._etcd, self._api, self._controllers = self._prepare()
        try:
            self._run()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._controllers, self._api, self._etcd):
            process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def api_url(self) -> str:
        """URL of the API server, without a slash at its end."""
        return f"https://{self.host}:{self.port}"

    @property
    def ca(self) -> Path:
        """File with the certificate authority of the API server."""
        return self.folder / "ca.crt"

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of its programs."""
        running = (self._api, self._etcd, self._controllers)
        return {process.log.stem: process.pid for process in running}

    @property
    def certificate(self) -> tuple[Path, Path]:
        """Files with the API server's certificate and key."""
        return self.folder / "server.crt", self.folder / "server.key"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of an administrator."""
        return self.folder / "admin.kubeconfig"

    def write_kubeconfig(self, path: Path, *, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig that holds this token, and return its path."""
        cluster = {"server": self.api_url, "certificate-authority": str(self.ca)}
        context = {"cluster": "tests", "user": "tests", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": {"token": token}}],
            "contexts": [{"name": "tests", "context": context}],
            "current-context": "tests",
        }
        path.write_text(json.dumps(config))
        path.chmod(0o600)
        return path

    def pause(self) -> None:
        """Stop the API server in its tracks: connections are made, nothing is answered."""
        self._api.send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused API server go on."""
        self._api.send(signal.SIGCONT)

    def stop(self) -> None:
        """End the API server: connections are refused. Its data stay."""
        self._api.kill()

    async def start(self) -> None:
        """Start the API server again, on its port and its data, and wait until it is ready."""
        self._api.start()
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(self._is_ready):  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(_EVERY)

    def _run(self) -> None:
        self._etcd.start()
        self._api.start()
        for _ in range(int(_START_SECONDS / _EVERY)):
            if self._is_ready():
                break
            self._api.pause(_EVERY)
        else:
            raise AssertionError(f"the API server does not get ready:\n{self._api.tail()}")
        self._controllers.start()

    def _is_ready(self) -> bool:
        request = urllib.request.Request(
            f"{self.api_url}/readyz", headers={"Authorization": f"Bearer {self.admin_token}"}
        )
        trust = ssl.create_default_context(cafile=self.ca)
        try:
            with urllib.request.urlopen(request, timeout=2, context=trust):
                return True
        except (HTTPError, URLError, OSError):
            return False

    def _prepare(self) -> tuple[Process, Process, Process]:
        keys.write(self.folder, ADDRESS)
        tokens = self.folder / "tokens.csv"
        tokens.write_text(f'{self.admin_token},admin,admin,"system:masters"\n')
        (self.folder / "audit-policy.json").write_text(json.dumps(POLICY))
        self.write_kubeconfig(self.kubeconfig, token=self.admin_token)
        etcd_url = f"http://{ADDRESS}:{_free_port()}"
        return (
            self._process("etcd", _etcd(self.folder, etcd_url)),
            self._process("kube-apiserver", _api(self.folder, etcd_url, self.port)),
            self._process("kube-controller-manager", _controllers(self.folder, self.kubeconfig)),
        )

    def _process(self, name: str, flags: dict[str, str]) -> Process:
        told = [f"--{flag}={value}" for flag, value in flags.items()]
        command = [str(self._programs / name), *told]
        environment = {**os.environ, **_GO}
        return Process(command, log=self.folder / f"{name}.log", environment=environment)


def _etcd(folder: Path, url: str) -> dict[str, str]:
    peer = f"http://{ADDRESS}:{_free_port()}"
    return {
        "data-dir": f"{folder}/etcd",
        "listen-client-urls": url,
        "advertise-client-urls": url,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }


def _api(folder: Path, etcd: str, port: int) -> dict[str, str]:
    return {
        "etcd-servers": etcd,
        "bind-address": ADDRESS,
        "secure-port": str(port),
        "advertise-address": ADDRESS,
        "endpoint-reconciler-type": "none",
        "cert-dir": str(folder),
        "tls-cert-file": f"{folder}/server.crt",
        "tls-private-key-file": f"{folder}/server.key",
        "token-auth-file": f"{folder}/tokens.csv",
        "anonymous-auth": "false",
        "authorization-mode": "RBAC",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": f"{folder}/accounts.key",
        "service-account-signing-key-file": f"{folder}/accounts.key",
        "service-cluster-ip-range": "10.96.0.0/16",
        "audit-policy-file": f"{folder}/audit-policy.json",
        "audit-log-path": f"{folder}/audit.log",
        "audit-log-mode": "blocking-strict",
    }


def _controllers(folder: Path, kubeconfig: Path) -> dict[str, str]:
    return {
        "kubeconfig": str(kubeconfig),
        "root-ca-file": f"{folder}/ca.crt",
        "service-account-private-key-file": f"{folder}/accounts.key",
        "leader-elect": "false",
        "secure-port": "0",
        "controllers": ",".join(["*", *(f"-{name}" for name in _NOT_RUN)]),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port
