"""Settings of ``saleor-segment run``."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

from saleor_segment_operator.standalone.kinds import Namespace
from saleor_segment_server.contract.pipeline import BaseUrl
from saleor_segment_server.settings import Address, Interval, ReceivingSettings


def _split(value: object) -> object:
    return value.split(os.pathsep) if isinstance(value, str) else value


class RunSettings(ReceivingSettings):
    """What ``saleor-segment run`` is told."""

    files: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_split), Field(min_length=1)]
    """YAML file of SaleorSegmentIntegrations and Secrets, as for kubectl apply; a changed file is
    picked up within a second."""
    namespace: Namespace = "default"
    """Namespace of manifests that name none."""
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """Lowest level that is logged, to standard error; how things stand is printed besides."""
    public_url: BaseUrl | None = None
    """Address under which Saleor reaches the listener; without it the listener's own."""
    listen: Address = "127.0.0.1:8080"
    """Public address that Saleor calls: webhooks and nothing else."""
    data_dir: Path = Path("saleor-segment-data")
    """Folder of the journal, of tokens and of what else must outlive a restart; one process holds
    it at a time."""
    allow_loopback: bool = True
    """Let Saleor, JWKS and Segment addresses be on loopback."""
    verify_write_keys: bool = True
    """Ask Segment's CDN (cdn.segment.com) whether it knows a write key, before it is used; off
    where that may not be called: a wrong key then goes unnoticed, as Segment answers it 200."""
    resync: Interval = timedelta(minutes=5)
    """How often each integration is compared with Saleor, so that drift is corrected."""
