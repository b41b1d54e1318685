"""Bringing Saleor and the Pipelines to what each integration asks for, level-triggered."""

from saleor_segment_operator.reconcile.ports import (
    Announcement,
    AppRecord,
    Installation,
    Integrations,
    Pipelines,
    Secrets,
)
from saleor_segment_operator.reconcile.queue import Queue

__all__ = [
    "Announcement",
    "AppRecord",
    "Installation",
    "Integrations",
    "Pipelines",
    "Queue",
    "Secrets",
]
