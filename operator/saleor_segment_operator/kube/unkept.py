"""Saying of an integration that nobody sees to it: its last status would be believed for ever."""

from datetime import datetime

from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.resource import (
    ConditionStatus,
    ConditionType,
    Integration,
    Reason,
    Status,
)
from saleor_segment_operator.resource.conditions import Finding, transition


async def tell_unkept(
    integrations: KubeIntegrations,
    integration: Integration,
    reason: Reason,
    message: str,
    *,
    now: datetime,
) -> None:
    """Make Ready unknown in its status, and leave the rest: it is what was found last.

    Args:
        integrations: Where it is.
        integration: As it was just read; nothing is written where it says so already.
        reason: Why nobody sees to it.
        message: The same for people, and what to do.
        now: When that is.

    Raises:
        Blocked: Its status may not be written.
        Unavailable: It cannot be written now.
    """
    before = integration.status
    finding = Finding(ConditionType.READY, ConditionStatus.UNKNOWN, reason, message)
    told = transition(before.conditions, [finding], generation=integration.generation, now=now)
    others = [each for each in before.conditions if each.type is not ConditionType.READY]
    status: Status = before.model_copy(update={"conditions": (*told, *others)})
    await integrations.publish(integration, status)
