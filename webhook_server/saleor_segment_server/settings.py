"""Settings of the server, one source for flags, environment and docs."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZES = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", value.strip())
    if not match:
        raise ValueError("is no duration: write a number and s, m, h or d, as in 15d")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})


def _no_busy_loop(interval: timedelta) -> timedelta:
    if interval < timedelta(seconds=1):
        raise ValueError("must be 1s or longer")
    return interval


def _size(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+)(Ki|Mi|Gi|Ti|)", value.strip())
    if not match:
        raise ValueError("is no size: write bytes, or a number and Ki, Mi, Gi or Ti, as in 2Gi")
    return int(match[1]) * _SIZES[match[2]]


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - 16 bits
        raise ValueError("is no address: write HOST:PORT, as in 0.0.0.0:8080")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]
"""A time span written as ``90s``, ``10m``, ``24h`` or ``15d``."""
Interval = Annotated[Duration, AfterValidator(_no_busy_loop)]
"""A time between two looks, a second at least."""
Size = Annotated[int, BeforeValidator(_size)]
"""A number of bytes written as ``1048576``, ``512Mi`` or ``2Gi``."""
Address = Annotated[str, AfterValidator(_address)]
"""A socket address written as ``HOST:PORT``; port 0 takes a free one."""


LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""The pattern of a DNS label."""
Label = Annotated[str, Field(pattern=LABEL)]
"""A DNS label (RFC 1123), as Kubernetes wants most names."""


class CommonSettings(BaseSettings):
    """What every daemon is told."""

    model_config = SettingsConfigDict(
        env_prefix="SALEOR_SEGMENT_",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """Form of the log lines; auto is JSON unless they go to a terminal."""


class ClusterSettings(CommonSettings):
    """What a process that talks to Kubernetes is told."""

    kubeconfig: Path | None = None
    """Kubeconfig whose current context is used; without one the pod's ServiceAccount."""
    service_account: Path = Path("/var/run/secrets/kubernetes.io/serviceaccount")
    """Folder with the ServiceAccount's token, ca.crt and namespace."""
    namespace: Label | None = None
    """Namespace of this release, where its own Secrets lie; without it the pod's."""
    release: Label = "saleor-segment"
    """Name that everything of this release begins with, as the chart names it."""
    pipeline_shards: Annotated[int, Field(ge=1, le=64)] = 4
    """Over how many Secrets the Pipelines are spread; the same for operator and server. A Secret
    holds 900 KiB, several hundred shops."""


class ReceivingSettings(CommonSettings):
    """What a process that receives and forwards is told."""

    listen: Address = "0.0.0.0:8080"
    """Public address that Saleor calls: webhooks and nothing else."""
    private_listen: Address = "127.0.0.1:8081"
    """Private address of health, metrics and the operator's API."""
    internal_token_file: Path | None = None
    """File with the bearer token of the private API; without one it is open on loopback only."""
    max_connections: Annotated[int, Field(ge=1)] = 2048
    """Open connections on the public port; beyond it who waited longest makes room."""
    body_memory: Size = 64 * 2**20
    """Bytes that large bodies may take in memory together, the first 64 KiB of each not counted;
    a body beyond it is answered 503, which Saleor tries again."""
    data_dir: Path = Path("data")
    """Folder of the journal and of what must outlive a restart; one process holds it at a time."""
    shutdown_delay: Duration = timedelta(0)
    """How long it goes on accepting once it was told to stop and calls itself unready; in a cluster
    5s, as long as a load balancer may take to leave it out."""
    max_event_age: Duration = timedelta(days=15)
    """Deliveries issued longer ago are kept as dead letters instead of sent; accept keys live a
    day longer than the default, so raise it only for tests and old captures."""
    allow_loopback: bool = False
    """Let Saleor, JWKS and Segment addresses be on loopback: for development and tests."""
    forbid_private: bool = False
    """Refuse private addresses too; off because in-cluster Saleor is common."""
    quota: Size = 2 * 2**30
    """Bytes of bodies one shop may hold in the journal; accepting stops at 80 % of it."""
    journal_size: Size = 8 * 2**30
    """Bytes the journal may grow to; keep it below the volume's size."""
    ballast: Size = 64 * 2**20
    """Bytes set aside so that a full disk can still settle what was sent."""
    max_rate: Annotated[int | None, Field(ge=1)] = None
    """Messages per second sent for one shop; without it as fast as Segment takes them. Segment
    recommends at most 1000 per workspace: set it where a backlog would run into its limits."""


class ServeSettings(ReceivingSettings, ClusterSettings):
    """What ``saleor-segment serve`` is told."""

    pipelines: Path
    """YAML file of Pipelines, or ``kubernetes`` for the Secrets in which the operator of this
    release keeps them; a change is picked up within 2 seconds."""

    @property
    def from_kubernetes(self) -> bool:
        """Whether the Pipelines come from Secrets."""
        return self.pipelines == Path("kubernetes")
