"""A status in which everything is set."""

from datetime import UTC, datetime

from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    DeliveryStatus,
    Reason,
    RecoveryStatus,
    SaleorStatus,
    SegmentStatus,
    Status,
    WebhookStatus,
)
from saleor_segment_server.contract import Event

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)

FULL = Status(
    observed_generation=3,
    last_handled_reconcile_at="2026-11-24T12:00",
    webhook_url="https://events.example.com/webhooks/0b8a4a3e-6f0c-4c0e-9f0e-5d1c2b3a4f5e",
    conditions=tuple(
        Condition(
            type=kind,
            status=ConditionStatus.TRUE,
            reason=Reason.RECONCILED,
            message="Saleor, its webhooks and the Pipeline are as the spec asks.",
            observed_generation=3,
            last_transition_time=NOON,
        )
        for kind in ConditionType
    ),
    saleor=SaleorStatus(
        version="3.23.28",
        app_id="QXBwOjE=",
        app_name="Segment: shop/main-shop",
        webhooks=tuple(
            WebhookStatus(event=event, id="V2ViaG9vazox", active=True) for event in Event
        ),
    ),
    segment=SegmentStatus(
        endpoint="https://events.eu1.segmentapis.com",
        write_key_fingerprint="0123abcd",
        rotated_at=NOON,
    ),
    delivery=DeliveryStatus(
        pending=7, dead_lettered=1, oldest_pending_since=NOON, last_delivered_at=NOON
    ),
    recovery=RecoveryStatus(
        checked_at=NOON,
        recovered=12,
        resending=1,
        missing=2,
        open_since=NOON,
        why="Saleor has their bodies no longer",
        hindrance="No server is ready.",
    ),
)
