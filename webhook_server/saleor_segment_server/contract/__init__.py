"""The contract between the planes: what a Pipeline is, which events exist, what Saleor is asked.

The operator writes Pipelines, the server reads them; neither imports anything else of the other.
"""

from saleor_segment_server.contract.events import Event, Permission, Subject
from saleor_segment_server.contract.pipeline import (
    Pipeline,
    PipelineState,
    SaleorSource,
    SegmentTarget,
)
from saleor_segment_server.contract.shards import pipelines_secret, shard_of
from saleor_segment_server.contract.subscriptions import permissions, subscribed, subscription
from saleor_segment_server.contract.tracking import Tracking

__all__ = [
    "Event",
    "Permission",
    "Pipeline",
    "PipelineState",
    "SaleorSource",
    "SegmentTarget",
    "Subject",
    "Tracking",
    "permissions",
    "pipelines_secret",
    "shard_of",
    "subscribed",
    "subscription",
]
