from datetime import UTC, datetime
from typing import Any

import pytest

from saleor_segment_operator.resource import (
    FINALIZER,
    RECONCILE_AT,
    RELEASE,
    Condition,
    ConditionStatus,
    ConditionType,
    DeliveryStatus,
    Integration,
    Invalid,
    Key,
    Reason,
    SaleorStatus,
    SegmentStatus,
    Status,
    WebhookStatus,
)
from saleor_segment_server.contract import Event

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def stored(metadata: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    identity = {"namespace": "shop", "name": "main-shop", "uid": "an-uid", "generation": 3}
    return {
        "metadata": identity | (metadata or {}),
        "spec": {
            "saleor": {
                "apiUrl": "https://shop.example.com/graphql/",
                "app": {"existing": {"tokenSecretRef": {"name": "my-app"}}},
            },
            "segment": {"writeKeySecretRef": {"name": "segment"}},
        },
    } | parts


def test_a_fresh_object_is_neither_held_nor_deleting() -> None:
    integration = Integration.parse(stored())
    assert integration.key == Key("shop", "main-shop")
    assert str(integration.key) == "shop/main-shop"
    assert (integration.uid, integration.generation) == ("an-uid", 3)
    assert not integration.held
    assert integration.deleting is None
    assert not integration.release
    assert integration.status == Status()


def test_finalizer_deletion_and_annotations_are_read() -> None:
    integration = Integration.parse(
        stored(
            {
                "finalizers": ["another.example.com/finalizer", FINALIZER],
                "deletionTimestamp": "2026-11-24T12:00:00Z",
                "annotations": {RECONCILE_AT: "now", RELEASE: "true"},
            }
        )
    )
    assert integration.held
    assert integration.deleting == NOW
    assert integration.reconcile_at == "now"
    assert integration.release


@pytest.mark.parametrize("value", ["false", "", "yes", "True"])
def test_only_true_releases(value: str) -> None:
    assert not Integration.parse(stored({"annotations": {RELEASE: value}})).release


def test_a_bad_spec_does_not_hide_the_object() -> None:
    integration = Integration.parse(stored(spec={"saleor": {}}))
    assert isinstance(integration.spec, Invalid)
    assert integration.key.name == "main-shop"


def test_metadata_that_names_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match=r"metadata\.uid is missing"):
        Integration.parse({"metadata": {"namespace": "shop", "name": "main-shop"}})


def test_a_status_survives_its_store() -> None:
    status = Status(
        observed_generation=3,
        last_handled_reconcile_at="now",
        webhook_url="https://hooks.example.com/webhooks/an-uid",
        conditions=(
            Condition(
                type=ConditionType.READY,
                status=ConditionStatus.TRUE,
                reason=Reason.RECONCILED,
                message="Saleor, its webhooks and the Pipeline are as the spec asks.",
                observed_generation=3,
                last_transition_time=NOW,
            ),
        ),
        saleor=SaleorStatus(
            version="3.23.28",
            app_id="QXBwOjE=",
            app_name="Segment",
            webhooks=(WebhookStatus(event=Event.ORDER_CREATED, id="V2ViaG9vazox", active=True),),
        ),
        segment=SegmentStatus(
            endpoint="https://api.segment.io", write_key_fingerprint="0badcafe", rotated_at=NOW
        ),
        delivery=DeliveryStatus(pending=1, dead_lettered=0, oldest_pending_since=NOW),
    )
    document = status.document()
    assert Status.parse(document) == status
    assert document["conditions"][0]["lastTransitionTime"] == "2026-11-24T12:00:00Z"
    assert document["delivery"] == {
        "pending": 1,
        "deadLettered": 0,
        "oldestPendingSince": "2026-11-24T12:00:00Z",
    }


@pytest.mark.parametrize("document", [None, {}, {"phase": "Running"}, {"conditions": 1}, "x"])
def test_a_status_of_another_time_counts_as_none(document: Any) -> None:
    assert Integration.parse(stored(status=document)).status == Status()
