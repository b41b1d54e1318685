"""Conditions: what an integration's state is, why, and what to do about it.

They follow the Kubernetes API conventions: a map by type, each with the generation it speaks of and
the time of its last change. ``Ready`` sums up those that must hold for events to flow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, Field

from saleor_segment_operator.resource.reasons import Reason
from saleor_segment_operator.resource.text import Prose
from saleor_segment_server.contract.model import Model


class ConditionType(StrEnum):
    """What a condition speaks of."""

    READY = "Ready"
    """Saleor, its webhooks and the Pipeline are as the spec asks; ``Delivering`` says whether
    Segment accepts what comes of it."""
    CREDENTIALS_VALID = "CredentialsValid"
    """Saleor accepts what the Secret of ``spec.saleor.app`` holds."""
    APP_REGISTERED = "AppRegistered"
    """An app stands for this integration in Saleor, active and with the permissions that its
    events need."""
    PIPELINE_SYNCED = "PipelineSynced"
    """Every ready server holds the Pipeline as it should be now."""
    WEBHOOKS_ENABLED = "WebhooksEnabled"
    """Saleor has one enabled webhook per event, as it should be."""
    WRITE_KEY_VALID = "WriteKeyValid"
    """Segment knows the write key; Unknown where Segment cannot be asked."""
    DELIVERING = "Delivering"
    """Segment accepts what is sent."""
    SUSPENDED = "Suspended"
    """``spec.suspend`` is set: events are kept and Saleor is left as it is."""
    DELIVERIES_RECOVERED = "DeliveriesRecovered"
    """Nothing that Saleor gave up is missing: what it could not deliver was brought back."""
    PUBLIC_URL_REACHABLE = "PublicUrlReachable"
    """Saleor reaches the webhook URL: at least one delivery came through it."""


class ConditionStatus(StrEnum):
    """Whether it holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a pass found of one condition, before it is set against the last one."""

    type: ConditionType
    status: ConditionStatus
    reason: Reason
    message: str


class Condition(Model):
    """One condition, spelled as ``metav1.Condition``."""

    type: ConditionType
    """What the condition speaks of, as in Ready, WebhooksEnabled or Delivering."""
    status: ConditionStatus
    """Whether the condition holds: True, False or Unknown."""
    reason: Reason
    """Why, in one word, for machines."""
    message: Prose
    """Why, and what to do about it, for people."""
    observed_generation: Annotated[int, Field(ge=0)]
    """The generation of the spec that it speaks of: an older one is out of date."""
    last_transition_time: AwareDatetime
    """When ``status`` last changed."""


_REQUIRED = (
    ConditionType.CREDENTIALS_VALID,
    ConditionType.APP_REGISTERED,
    ConditionType.PIPELINE_SYNCED,
    ConditionType.WEBHOOKS_ENABLED,
)


def ready(findings: Iterable[Finding]) -> Finding:
    """Sum up: False where one that must hold is False, Unknown where one is not known.

    ``WriteKeyValid`` must not be False, but may be Unknown: Segment can be unreachable from here.
    """
    by_type = {finding.type: finding for finding in findings}
    required = [by_type[name] for name in _REQUIRED]
    causes = [*required, by_type[ConditionType.WRITE_KEY_VALID]]
    for cause in causes:
        if cause.status is ConditionStatus.FALSE:
            return _because(cause, ConditionStatus.FALSE)
    for cause in required:
        if cause.status is ConditionStatus.UNKNOWN:
            return _because(cause, ConditionStatus.UNKNOWN)
    message = "Saleor, its webhooks and the Pipeline are as the spec asks."
    if _holds(by_type.get(ConditionType.SUSPENDED)):
        message += " It is suspended: events are kept and none is sent."
    return Finding(ConditionType.READY, ConditionStatus.TRUE, Reason.RECONCILED, message)


def _holds(finding: Finding | None) -> bool:
    return finding is not None and finding.status is ConditionStatus.TRUE


def _because(cause: Finding, status: ConditionStatus) -> Finding:
    return Finding(ConditionType.READY, status, cause.reason, f"{cause.type}: {cause.message}")


def transition(
    previous: Sequence[Condition], findings: Iterable[Finding], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Turn findings into conditions; the time moves only where the status does."""
    last = {condition.type: condition for condition in previous}
    moment = now.replace(microsecond=0)  # metav1.Time has whole seconds
    return tuple(
        Condition(
            type=finding.type,
            status=finding.status,
            reason=finding.reason,
            message=finding.message,
            observed_generation=generation,
            last_transition_time=_since(last.get(finding.type), finding, moment),
        )
        for finding in findings
    )


def _since(last: Condition | None, finding: Finding, now: datetime) -> datetime:
    unchanged = last is not None and last.status is finding.status
    return last.last_transition_time if last is not None and unchanged else now
