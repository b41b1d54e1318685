"""What somebody changed in Saleor behind our back, in words."""

from collections.abc import Iterable

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.reconcile.state import Observed
from saleor_segment_operator.reconcile.webhooks import Comparison
from saleor_segment_operator.resource import ConditionStatus, ConditionType, Reason


def of_fields(seen: Observed, app_id: str, comparison: Comparison) -> Announcement | None:
    """Tell which webhooks were deleted, changed or doubled since all was well, if any were."""
    if not _was_well(seen, app_id):
        return None
    known = {webhook.event for webhook in seen.integration.status.saleor.webhooks}
    return _announcement(
        [
            *(f"{draft.event} was deleted" for draft in comparison.missing if draft.event in known),
            *(
                f"{change.draft.event} differed in {' and '.join(change.fields)}"
                for change in comparison.changed
            ),
            *(f'"{webhook.name}" was one too many' for webhook in comparison.surplus),
        ]
    )


def of_switches(seen: Observed, app_id: str, comparison: Comparison) -> Announcement | None:
    """Tell which webhooks were disabled since all was well, if any were."""
    if not _was_well(seen, app_id):
        return None
    return _announcement(f"{event} was disabled" for event, _ in comparison.disabled)


def _announcement(found: Iterable[str]) -> Announcement | None:
    text = "; ".join(found)
    message = f"Webhooks in Saleor had been changed and were put right: {text}."
    return Announcement("Warning", Reason.DRIFT_CORRECTED, message) if text else None


def _was_well(seen: Observed, app_id: str) -> bool:
    """Whether these very webhooks were right before: else a difference is ours, not a drift."""
    status, generation = seen.integration.status, seen.integration.generation
    enabled = status.condition(ConditionType.WEBHOOKS_ENABLED)
    return (
        enabled is not None
        and enabled.status is ConditionStatus.TRUE
        and enabled.observed_generation == generation
        and status.saleor.app_id == app_id
    )
