"""What a pass found and did, as the status people read: pure."""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile import findings
from saleor_segment_operator.reconcile.plan import Plan
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.reconcile.retire import Farewell
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    DeliveryStatus,
    Finding,
    Integration,
    Reason,
    RecoveryStatus,
    SaleorStatus,
    SegmentStatus,
    Status,
    WebhookStatus,
    transition,
)
from saleor_segment_operator.servers import Totals

Failures = Mapping[ConditionType, Problem]
"""What kept actions from being done, by the condition it concerns."""


def report(
    desired: Desired, seen: Observed, plan: Plan, failures: Failures, now: datetime
) -> Status:
    """Return the status of a living integration after a pass."""
    integration = seen.integration
    found = findings.of(desired, seen, plan, failures)
    return integration.status.model_copy(
        update={
            **_basics(integration, found, now),
            "webhook_url": desired.webhook_url,
            "saleor": _saleor(seen, plan),
            "segment": _segment(desired, seen, now),
            "delivery": _delivery(seen.totals),
        }
    )


def report_farewell(
    seen: Observed, farewell: Farewell, failures: Failures, now: datetime
) -> Status:
    """Return the status of an integration that is being deleted."""
    hindrance = next(iter(failures.values()), None)
    message = (hindrance.message if hindrance else farewell.waits_for).rstrip(".")
    deleting = Problem(Reason.DELETING, f"It is being deleted: {message}.")
    status = report_problem(seen.integration, deleting, now)
    return status.model_copy(update={"delivery": _delivery(seen.totals)})


def report_delivery(seen: Observed, now: datetime) -> Status:
    """Return the status with what the servers say now, and all else as it was."""
    status = seen.integration.status
    fresh = {
        each.type: each
        for each in (findings.delivering(seen), findings.public_url(seen, status.webhook_url))
    }
    return status.model_copy(
        update={
            "conditions": tuple(
                _renewed(condition, fresh.get(condition.type), now)
                for condition in status.conditions
            ),
            "delivery": _delivery(seen.totals),
        }
    )


def report_recovery(status: Status, recovery: RecoveryStatus, now: datetime) -> Status:
    """Return the status with what became of given up deliveries, and all else as it was."""
    fresh = findings.recovered(recovery)
    return status.model_copy(
        update={
            "recovery": recovery,
            "conditions": tuple(
                _renewed(condition, fresh if condition.type is fresh.type else None, now)
                for condition in status.conditions
            ),
        }
    )


def _renewed(condition: Condition, finding: Finding | None, now: datetime) -> Condition:
    if finding is None:
        return condition
    generation = condition.observed_generation
    return transition([condition], [finding], generation=generation, now=now)[0]


def report_problem(integration: Integration, problem: Problem, now: datetime) -> Status:
    """Return the status where nothing more can be said than ``problem``."""
    summary = ConditionStatus.UNKNOWN if problem.heals else ConditionStatus.FALSE
    found = [Finding(ConditionType.READY, summary, problem.reason, problem.message)]
    found += [
        Finding(name, ConditionStatus.UNKNOWN, problem.reason, problem.message)
        for name in ConditionType
        if name not in {ConditionType.READY, ConditionType.SUSPENDED}
    ]
    found.append(findings.suspended(integration))
    return integration.status.model_copy(update=_basics(integration, found, now))


def _basics(integration: Integration, found: Iterable[Finding], now: datetime) -> dict[str, object]:
    return {
        "observed_generation": integration.generation,
        "last_handled_reconcile_at": integration.reconcile_at,
        "conditions": transition(
            integration.status.conditions, found, generation=integration.generation, now=now
        ),
    }


def _saleor(seen: Observed, plan: Plan) -> SaleorStatus:
    before = seen.integration.status.saleor
    version = str(seen.version) if seen.version else before.version
    if isinstance(plan.app, apps.Registered) and plan.webhooks is not None:
        return SaleorStatus(
            version=version,
            app_id=plan.app.app.id,
            app_name=plan.app.app.name,
            webhooks=tuple(
                WebhookStatus(event=event, id=webhook.id, active=webhook.is_active)
                for event, webhook in plan.webhooks.kept
            ),
        )
    gone = isinstance(plan.app, apps.Absent)
    return SaleorStatus(version=version) if gone else before.model_copy(update={"version": version})


def _segment(desired: Desired, seen: Observed, now: datetime) -> SegmentStatus:
    before = seen.integration.status.segment
    if seen.pipeline is None:
        return before
    key = seen.pipeline.segment.write_key
    fingerprint = None if key is None else _fingerprint(desired.salt, key.get_secret_value())
    known = before.write_key_fingerprint
    rotated = fingerprint is not None and known is not None and fingerprint != known
    return SegmentStatus(
        endpoint=seen.pipeline.segment.endpoint,
        # Kept while there is no key, so that its return can be told from a rotation.
        write_key_fingerprint=fingerprint or known,
        rotated_at=now.replace(microsecond=0) if rotated else before.rotated_at,
    )


def _fingerprint(salt: str, key: str) -> str:
    return hashlib.sha256(f"{salt}{key}".encode()).hexdigest()[:8]


def newly_dead(seen: Observed) -> Announcement | None:
    """Say that events became dead letters since the status was written last."""
    if not isinstance(seen.totals, Totals):
        return None
    before = seen.integration.status.delivery
    more = seen.totals.dead - (before.dead_lettered if before else 0)
    if more <= 0:
        return None
    message = f"{more} more could not be sent and are kept as dead letters: {seen.totals.dead_why}."
    return Announcement("Warning", Reason.DEAD_LETTERED, message)


def _delivery(totals: Totals | Problem | None) -> DeliveryStatus | None:
    if totals is None or isinstance(totals, Problem):
        return None  # not known is not zero
    return DeliveryStatus(
        pending=totals.pending,
        dead_lettered=totals.dead,
        oldest_pending_since=totals.oldest_pending_since,
        last_delivered_at=totals.last_delivered_at,
    )
