"""Settings of ``saleor-segment operate``."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

from saleor_segment_server.contract.pipeline import BaseUrl
from saleor_segment_server.settings import LABEL, Address, ClusterSettings, Duration, Interval


def _answerable(duration: timedelta) -> timedelta:
    if duration < timedelta(seconds=1):
        raise ValueError("must be 1s or longer: a fifth of it is what the API server has to answer")
    return duration


def _namespaces(names: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := [name for name in names if not re.fullmatch(LABEL, name)]:
        raise ValueError(f"{wrong[0]} is no name of a namespace: write names, as in shop-a,shop-b")
    return names


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    if wrong := [name for name in names if not re.fullmatch(r"[a-z0-9.-]+", name)]:
        raise ValueError(
            f"{wrong[0]} is no host: write bare lower-case names, as in segment.example.com"
        )
    return names


def _split(value: object) -> object:
    if isinstance(value, str):
        value = (value,)
    if isinstance(value, tuple):
        return tuple(
            name for text in value for name in str(text).replace(" ", "").split(",") if name
        )
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]
"""Names in one text, separated by commas."""


class OperateSettings(ClusterSettings):
    """What ``saleor-segment operate`` is told."""

    public_url: BaseUrl
    """Base of the address under which Saleor reaches the servers, as in
    ``https://events.example.com``."""
    watch_namespaces: Annotated[Names, AfterValidator(_namespaces)] = ()
    """Namespaces whose integrations are kept, separated by commas; empty for all."""
    private_listen: Address = "0.0.0.0:8081"
    """Private address of health and metrics."""
    internal_token_file: Path | None = None
    """File with the bearer token of the servers' private API."""
    allow_loopback: bool = False
    """Let Saleor's addresses be on loopback: for development and tests."""
    forbid_private: bool = False
    """Refuse private addresses too; off because in-cluster Saleor is common."""
    allowed_endpoint_hosts: Annotated[Names, AfterValidator(_hosts)] = ()
    """Hosts that ``spec.segment.endpoint`` may name, separated by commas; empty for all."""
    verify_write_keys: bool = True
    """Ask Segment's CDN (cdn.segment.com) whether it knows a write key, before it is used; off
    where that may not be called: a wrong key then goes unnoticed, as Segment answers it 200."""
    resync: Interval = timedelta(minutes=5)
    """How often each integration is compared with Saleor, so that drift is corrected."""
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """How many integrations are worked at a time."""
    lease_duration: Annotated[Duration, AfterValidator(_answerable)] = timedelta(seconds=15)
    """How long the leader may be silent before another takes over; it renews five times as
    often."""
