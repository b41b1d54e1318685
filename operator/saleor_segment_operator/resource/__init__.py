"""The custom resource: its spec, its status, and the conditions that sum it up."""

from saleor_segment_operator.resource.conditions import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    ready,
    transition,
)
from saleor_segment_operator.resource.integration import (
    FINALIZER,
    GROUP,
    KEPT_BY,
    KIND,
    RECONCILE_AT,
    RELEASE,
    VERSION,
    Integration,
    Invalid,
    Violation,
    parse_spec,
)
from saleor_segment_operator.resource.key import Key
from saleor_segment_operator.resource.reasons import Reason
from saleor_segment_operator.resource.spec import DeletionPolicy, Spec
from saleor_segment_operator.resource.status import (
    DeliveryStatus,
    RecoveryStatus,
    SaleorStatus,
    SegmentStatus,
    Status,
    WebhookStatus,
)

__all__ = [
    "FINALIZER",
    "GROUP",
    "KEPT_BY",
    "KIND",
    "RECONCILE_AT",
    "RELEASE",
    "VERSION",
    "Condition",
    "ConditionStatus",
    "ConditionType",
    "DeletionPolicy",
    "DeliveryStatus",
    "Finding",
    "Integration",
    "Invalid",
    "Key",
    "Reason",
    "RecoveryStatus",
    "SaleorStatus",
    "SegmentStatus",
    "Spec",
    "Status",
    "Violation",
    "WebhookStatus",
    "parse_spec",
    "ready",
    "transition",
]
