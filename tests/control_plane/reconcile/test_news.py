"""What is told of a change of the status, each once."""

from datetime import UTC, datetime

import pytest

from saleor_segment_operator.reconcile.news import news
from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Status,
)
from saleor_segment_server.outbound.write_key import WriteKeyVerdict
from tests.control_plane.reconcile.harness import KEY, Process, World

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def condition(name: ConditionType, status: ConditionStatus, reason: Reason) -> Condition:
    return Condition(
        type=name,
        status=status,
        reason=reason,
        message=f"{name}: {reason}.",
        observed_generation=1,
        last_transition_time=NOW,
    )


def a_status(*conditions: tuple[ConditionType, ConditionStatus, Reason]) -> Status:
    return Status(conditions=tuple(condition(*each) for each in conditions))


CREDENTIALS, KEY_VALID, READY = (
    ConditionType.CREDENTIALS_VALID,
    ConditionType.WRITE_KEY_VALID,
    ConditionType.READY,
)
TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN
FINE = a_status((READY, TRUE, Reason.RECONCILED), (CREDENTIALS, TRUE, Reason.CREDENTIALS_ACCEPTED))
REFUSED = a_status(
    (READY, FALSE, Reason.CREDENTIALS_REJECTED), (CREDENTIALS, FALSE, Reason.CREDENTIALS_REJECTED)
)


def test_a_refusal_is_told_once_with_the_condition_s_own_words() -> None:
    (told,) = news(FINE, REFUSED)
    assert (told.kind, told.reason) == ("Warning", Reason.CREDENTIALS_REJECTED)
    assert told.message == "CredentialsValid: CredentialsRejected."
    assert news(REFUSED, REFUSED) == ()
    assert news(REFUSED, FINE) == ()


def test_what_only_ready_can_say_is_told_too() -> None:
    invalid = a_status(
        (READY, FALSE, Reason.INVALID_SPEC), (CREDENTIALS, UNKNOWN, Reason.INVALID_SPEC)
    )
    (told,) = news(Status(), invalid)
    assert told.reason == Reason.INVALID_SPEC


def test_another_refusal_is_told_beside_the_first() -> None:
    both = a_status(
        (CREDENTIALS, FALSE, Reason.CREDENTIALS_REJECTED),
        (KEY_VALID, FALSE, Reason.SECRET_MISSING),
    )
    assert [each.reason for each in news(REFUSED, both)] == [Reason.SECRET_MISSING]


def test_two_that_are_refused_alike_are_both_told_and_ready_is_not() -> None:
    both = a_status(
        (READY, FALSE, Reason.SECRET_MISSING),
        (CREDENTIALS, FALSE, Reason.SECRET_MISSING),
        (KEY_VALID, FALSE, Reason.SECRET_MISSING),
    )
    assert [each.message for each in news(Status(), both)] == [
        "CredentialsValid: SecretMissing.",
        "WriteKeyValid: SecretMissing.",
    ]
    second = a_status(
        (READY, FALSE, Reason.SECRET_MISSING), (KEY_VALID, FALSE, Reason.SECRET_MISSING)
    )
    assert news(both, second) == ()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (FALSE, Reason.WAITING),
        (FALSE, Reason.CREATING),
        (FALSE, Reason.SUSPENDED),
        (UNKNOWN, Reason.SALEOR_UNREACHABLE),
        (FALSE, Reason.SALEOR_BUSY),
        (UNKNOWN, Reason.CREDENTIALS_REJECTED),
    ],
)
def test_what_heals_or_was_asked_for_is_not_told(status: ConditionStatus, reason: Reason) -> None:
    assert news(FINE, a_status((CREDENTIALS, status, reason))) == ()


@pytest.fixture
async def ready(world: World, process: Process) -> World:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.integrations.announcements.clear()
    return world


async def test_a_rotation_is_told_once_and_without_the_key(ready: World, process: Process) -> None:
    ready.secret("segment", writeKey="key-two")
    for _ in range(3):
        await process.work()
    (told,) = ready.integrations.announcements
    assert (told.kind, told.reason) == ("Normal", Reason.WRITE_KEY_ROTATED)
    assert str(ready.status.segment.write_key_fingerprint) in told.message
    assert "key-two" not in told.message


async def test_a_refused_key_is_told_as_refused_and_the_next_as_rotated(
    ready: World, process: Process
) -> None:
    ready.segment.verdicts["key-bad"] = WriteKeyVerdict.INVALID
    ready.secret("segment", writeKey="key-bad")
    for _ in range(3):
        await process.work()
    assert ready.announced == [Reason.WRITE_KEY_UNKNOWN]
    ready.secret("segment", writeKey="key-three")
    await process.work()
    assert ready.announced == [Reason.WRITE_KEY_UNKNOWN, Reason.WRITE_KEY_ROTATED]


async def test_a_key_that_comes_back_is_no_rotation(ready: World, process: Process) -> None:
    del ready.secrets.users[KEY.namespace, "segment"]
    await process.work()
    ready.secret("segment", writeKey="key-one")
    await process.work()
    assert ready.announced == [Reason.SECRET_MISSING]


async def test_each_secret_that_is_absent_is_told_once(world: World, process: Process) -> None:
    world.secrets.users.clear()
    world.integrations.apply(KEY, world.spec())
    for _ in range(3):
        await process.work()
    told = [each.message for each in world.integrations.announcements]
    assert [name for words in told for name in ("saleor-staff", "/segment ") if name in words] == [
        "saleor-staff",
        "/segment ",
    ]


async def test_wrong_credentials_are_told(ready: World, process: Process) -> None:
    ready.secret("saleor-staff", email="staff@example.com", password="wrong")
    for _ in range(3):
        await process.work()
    assert ready.announced == [Reason.CREDENTIALS_REJECTED]
