import ast
import inspect
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    Finding,
    Reason,
    ready,
    transition,
)

NOW = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
SUMMED_UP = (
    ConditionType.CREDENTIALS_VALID,
    ConditionType.APP_REGISTERED,
    ConditionType.PIPELINE_SYNCED,
    ConditionType.WEBHOOKS_ENABLED,
    ConditionType.WRITE_KEY_VALID,
)


def finding(name: ConditionType, status: ConditionStatus = TRUE) -> Finding:
    return Finding(name, status, Reason.WAITING, f"{name} is {status}")


def summed_up(**given: ConditionStatus) -> Finding:
    return ready([finding(name, given.get(name.name, TRUE)) for name in SUMMED_UP])


def test_ready_when_all_that_matters_holds() -> None:
    assert summed_up().status is TRUE


@pytest.mark.parametrize("name", SUMMED_UP)
def test_not_ready_when_one_does_not_hold_and_it_says_which(name: ConditionType) -> None:
    summary = summed_up(**{name.name: FALSE})
    assert summary.status is FALSE
    assert summary.message.startswith(name.value)


@pytest.mark.parametrize("name", SUMMED_UP[:-1])
def test_readiness_is_unknown_when_one_is_unknown(name: ConditionType) -> None:
    assert summed_up(**{name.name: UNKNOWN}).status is UNKNOWN


def test_a_write_key_that_cannot_be_checked_does_not_make_it_unready() -> None:
    assert summed_up(WRITE_KEY_VALID=UNKNOWN).status is TRUE


def test_what_is_false_counts_more_than_what_is_unknown() -> None:
    assert summed_up(CREDENTIALS_VALID=UNKNOWN, WRITE_KEY_VALID=FALSE).status is FALSE


def test_a_suspended_one_is_ready_and_says_that_nothing_is_sent() -> None:
    others = [finding(name) for name in SUMMED_UP]
    for status, said in ((TRUE, True), (FALSE, False), (UNKNOWN, False)):
        summary = ready([*others, finding(ConditionType.SUSPENDED, status)])
        assert summary.status is TRUE
        assert ("suspended" in summary.message) is said


def test_delivering_does_not_decide_readiness() -> None:
    others = [finding(name) for name in SUMMED_UP]
    assert ready([*others, finding(ConditionType.DELIVERING, FALSE)]).status is TRUE


@given(statuses=st.lists(st.sampled_from(ConditionStatus), min_size=1, max_size=20))
def test_the_time_moves_exactly_when_the_status_does(statuses: list[ConditionStatus]) -> None:
    conditions: tuple[Condition, ...] = ()
    changed = NOW
    for step, status in enumerate(statuses):
        now = NOW + timedelta(minutes=step)
        if not conditions or conditions[0].status is not status:
            changed = now
        found = finding(ConditionType.READY, status)
        conditions = transition(conditions, [found], generation=step, now=now)
        assert conditions[0].last_transition_time == changed.replace(microsecond=0)
        assert conditions[0].observed_generation == step
        assert conditions[0].message == found.message


def test_each_reason_is_documented() -> None:
    # Enum members carry no docstrings: they are read from the source, as the docs read them.

    body = next(
        node for node in ast.parse(inspect.getsource(Reason)).body if isinstance(node, ast.ClassDef)
    ).body
    members = [node.targets[0].id for node in body if isinstance(node, ast.Assign)]  # type: ignore[attr-defined]
    documented = [
        before.targets[0].id  # type: ignore[attr-defined]
        for before, after in itertools.pairwise(body)
        if isinstance(before, ast.Assign)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    ]
    assert members == documented
    assert len(members) == len(Reason)


def test_reasons_are_words_that_kubernetes_takes() -> None:
    assert [
        each for each in Reason if not each.value.isalpha() or not each.value[0].isupper()
    ] == []
