"""Bringing Saleor and the Pipelines to what each integration asks for, level-triggered.

A ``Queue`` feeds keys to a ``Reconciler``; the ports say what both need of their surroundings.
"""

from saleor_segment_operator.reconcile.meter import keep_measuring
from saleor_segment_operator.reconcile.pool import SaleorPool
from saleor_segment_operator.reconcile.ports import (
    Announcement,
    AppRecord,
    Installation,
    Integrations,
    Pipelines,
    Secrets,
)
from saleor_segment_operator.reconcile.queue import Queue
from saleor_segment_operator.reconcile.reconciler import Reconciler
from saleor_segment_operator.reconcile.sweep import Sweep, keep_sweeping

__all__ = [
    "Announcement",
    "AppRecord",
    "Installation",
    "Integrations",
    "Pipelines",
    "Queue",
    "Reconciler",
    "SaleorPool",
    "Secrets",
    "Sweep",
    "keep_measuring",
    "keep_sweeping",
]
