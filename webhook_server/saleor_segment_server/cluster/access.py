"""How the API server is reached: the pod's ServiceAccount, or a kubeconfig outside of a cluster."""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_kube_config
from kubernetes.aio.config.incluster_config import InClusterConfigLoader

from saleor_segment_server.errors import StartError

_POD = "is this a pod whose ServiceAccount token is mounted? Outside of one name --kubeconfig"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What another client needs to reach the same API server."""

    url: str
    token: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate_file: str | None = None
    key_file: str | None = None
    verify: bool = True
    proxy: str | None = None
    """The kubeconfig's proxy; without one those of the environment count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where credentials for the API server lie; they are read anew as they rotate."""

    kubeconfig: Path | None = None
    """A kubeconfig, its current context; without one the ServiceAccount."""
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """Folder with the files token, ca.crt and namespace."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    async def configuration(self) -> Configuration:
        """Return the client's configuration.

        Raises:
            StartError: There are no credentials, or they cannot be read.
        """
        # No limit: each watch holds a connection, and calls would wait for one behind a hundred.
        configuration = Configuration(connection_pool_maxsize=0)
        try:
            await self._load(configuration)
        except (ConfigException, OSError) as error:
            raise StartError(self._complaint(error)) from None
        return configuration

    async def credentials(self) -> Credentials:
        """Return the credentials as they are now.

        Raises:
            StartError: There are none, or they cannot be read.
        """
        found = await self.configuration()
        key = await found.get_api_key_with_prefix("BearerToken")
        return Credentials(
            url=found.host,
            token=None if key is None else key.partition(" ")[2],
            ca_file=found.ssl_ca_cert,
            certificate_file=found.cert_file,
            key_file=found.key_file,
            verify=found.verify_ssl,
            proxy=found.proxy,
        )

    def release_namespace(self, named: str | None) -> str:
        """Return the namespace of the release: the one that was ``named``, else the pod's.

        Raises:
            StartError: None was, and this is no pod.
        """
        try:
            found = named or (self.service_account / "namespace").read_text().strip()
        except OSError:
            found = ""
        if not found:
            raise StartError("--namespace is missing: outside of a pod say where the release is")
        return found

    async def _load(self, configuration: Configuration) -> None:
        if self.kubeconfig is not None:
            if not await asyncio.to_thread(self.kubeconfig.is_file):  # the client would log it too
                raise ConfigException("there is no such file")
            await load_kube_config(
                str(self.kubeconfig), client_configuration=configuration, persist_config=False
            )
            return
        InClusterConfigLoader(
            token_filename=str(self.service_account / "token"),
            cert_filename=str(self.service_account / "ca.crt"),
            environ=self.environment,
        ).load_and_set(configuration)

    def _complaint(self, error: Exception) -> str:
        if self.kubeconfig is not None:
            return f"--kubeconfig {self.kubeconfig}: cannot be used: {error}"
        return f"no way to the API server from {self.service_account}: {error} ({_POD})"
