"""What a person would want to know of a change of the status: pure, told once for each change.

What a pass does to Saleor is announced by its plan; this is what it found: that something is
refused and waits for somebody, and that events go on with another write key.
"""

from collections.abc import Iterator

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Status,
)

REFUSALS = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.SECRET_MISSING,
        Reason.SECRET_KEY_MISSING,
        Reason.SECRET_VALUE_INVALID,
        Reason.CREDENTIALS_REJECTED,
        Reason.LOGIN_DISABLED,
        Reason.TOKEN_REJECTED,
        Reason.PERMISSION_MISSING,
        Reason.NOT_SALEOR,
        Reason.ADDRESS_REFUSED,
        Reason.SALEOR_REFUSED,
        Reason.SALEOR_TOO_OLD,
        Reason.APP_DEACTIVATED,
        Reason.OWNED_BY_ANOTHER,
        Reason.WEBHOOK_REFUSED,
        Reason.PUBLIC_URL_MISMATCH,
        Reason.STORE_REFUSED,
        Reason.WRITE_KEY_UNKNOWN,
        Reason.REGION_MISMATCH,
        Reason.ENDPOINT_NOT_ALLOWED,
        Reason.PARKED,
    }
)
"""What does not heal by itself: somebody has to do what the message says."""


def news(before: Status, after: Status) -> tuple[Announcement, ...]:
    """Return what is to be told where the status turns from ``before`` into ``after``."""
    return (*_refused(before, after), *_rotated(before, after))


def _refused(before: Status, after: Status) -> Iterator[Announcement]:
    told: set[tuple[Reason, str]] = set()
    for condition in _own_refusals(after):
        words = condition.reason, condition.message
        last = before.condition(condition.type)
        known = last is not None and _is_refusal(last) and last.reason is condition.reason
        if words not in told and not known:
            yield Announcement("Warning", *words)
        told.add(words)


def _own_refusals(status: Status) -> Iterator[Condition]:
    """Yield what is refused, without ``Ready`` where it only repeats another."""
    refusals = [each for each in status.conditions if _is_refusal(each)]
    reasons = {each.reason for each in refusals if each.type is not ConditionType.READY}
    for each in refusals:
        if each.type is not ConditionType.READY or each.reason not in reasons:
            yield each


def _is_refusal(condition: Condition) -> bool:
    return condition.status is ConditionStatus.FALSE and condition.reason in REFUSALS


def _rotated(before: Status, after: Status) -> Iterator[Announcement]:
    old, new = before.segment.write_key_fingerprint, after.segment.write_key_fingerprint
    valid = after.condition(ConditionType.WRITE_KEY_VALID)
    refused = valid is not None and valid.status is ConditionStatus.FALSE
    if old is None or new is None or old == new or refused:
        return
    message = f"The write key was changed: events are sent with the new one (fingerprint {new})."
    yield Announcement("Normal", Reason.WRITE_KEY_ROTATED, message)
