"""How far back a look goes, and what it comes to: the pure part."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_operator.reconcile.recovered import (
    KEPT,
    OVERLAP,
    Result,
    announcements,
    concluded,
    hindered,
    look_from,
    progress,
)
from saleor_segment_operator.resource import RecoveryStatus

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def brought(*moments: datetime) -> Result:
    result = Result()
    for moment in moments:
        result.bring(moment)
    return result


@pytest.mark.parametrize(
    ("before", "began", "since"),
    [
        (None, None, NOW - KEPT),
        (None, NOW - 90 * DAY, NOW - KEPT),
        (None, NOW - DAY, NOW - DAY - OVERLAP),
        (RecoveryStatus(), NOW - DAY, NOW - DAY - OVERLAP),
        (RecoveryStatus(hindrance="Saleor is away."), NOW - DAY, NOW - DAY - OVERLAP),
        (RecoveryStatus(checked_at=NOW - 2 * HOUR), NOW - DAY, NOW - 3 * HOUR),
        (
            RecoveryStatus(checked_at=NOW - HOUR, open_since=NOW - 5 * DAY),
            NOW - 9 * DAY,
            NOW - 5 * DAY,
        ),
        (RecoveryStatus(checked_at=NOW - HOUR, open_since=NOW), NOW - 9 * DAY, NOW - 2 * HOUR),
        (RecoveryStatus(checked_at=NOW - 90 * DAY), NOW - 90 * DAY, NOW - KEPT),
        (RecoveryStatus(checked_at=NOW + DAY), NOW - 9 * DAY, NOW - OVERLAP),
    ],
)
def test_a_look_goes_back_to_the_last_and_somewhat_further(
    before: RecoveryStatus | None, began: datetime | None, since: datetime
) -> None:
    assert look_from(NOW, before=before, began=began) == since


@given(
    looks=st.lists(st.integers(min_value=1, max_value=20 * 24 * 60), min_size=1, max_size=20),
    made=st.integers(min_value=0, max_value=40 * 24 * 60),
    gives_up_after=st.integers(min_value=0, max_value=55),
)
def test_whatever_is_given_up_within_the_overlap_is_seen_by_one_look(
    looks: list[int], made: int, gives_up_after: int
) -> None:
    start = NOW
    made_at = start + made * MINUTE
    given_up_at = made_at + gives_up_after * MINUTE
    status: RecoveryStatus | None = None
    now, seen, looked_after = start, 0, False
    for pause in looks:
        now += pause * MINUTE
        since = look_from(now, before=status, began=start)
        if given_up_at <= now and now - made_at < KEPT:
            looked_after = True
            seen += made_at >= since
        status = concluded(status, Result(), began=now, resent=())
    assert seen >= looked_after


def test_what_was_brought_back_is_counted_once() -> None:
    result = brought(NOW - HOUR, NOW - DAY)
    status = progress(RecoveryStatus(recovered=5), result)
    assert status.recovered == 7
    result.counted = result.brought
    result.bring(NOW)
    status = hindered(status, result, "No server is ready.")
    result.counted = result.brought
    assert (status.recovered, status.hindrance) == (8, "No server is ready.")
    status = concluded(status, result, began=NOW, resent=())
    assert (status.recovered, status.hindrance, status.checked_at) == (8, None, NOW)


def test_what_is_open_says_how_far_the_next_look_goes() -> None:
    result = Result()
    result.missing["1"] = (NOW - 3 * DAY, "of this")
    result.missing["2"] = (NOW - 2 * DAY, "of that")
    result.missing["3"] = (NOW - 2 * DAY, "of that")
    status = concluded(None, result, began=NOW, resent=[NOW - 4 * DAY, NOW])
    assert status.open_since == NOW - 4 * DAY
    assert (status.missing, status.resending) == (3, 2)
    assert status.why == "2 because of that; 1 because of this"
    assert look_from(NOW + HOUR, before=status, began=NOW - 90 * DAY) == NOW - 4 * DAY
    status = concluded(status, Result(), began=NOW + DAY, resent=())
    assert (status.missing, status.resending, status.open_since, status.why) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (NOW, NOW, "at 2026-11-26 12:00 UTC"),
        (NOW - 98 * MINUTE, NOW, "between 2026-11-26 10:22 and 12:00 UTC"),
        (NOW - DAY, NOW, "between 2026-11-25 12:00 and 2026-11-26 12:00 UTC"),
    ],
)
def test_it_is_said_what_was_brought_back(first: datetime, last: datetime, said: str) -> None:
    (told,) = announcements(None, brought(first, last))
    assert (told.kind, told.reason) == ("Normal", "Recovered")
    assert told.message == f"2 deliveries that Saleor had given up {said} were brought back."


def test_one_is_one() -> None:
    (told,) = announcements(None, brought(NOW))
    expected = "1 delivery that Saleor had given up at 2026-11-26 12:00 UTC was brought back."
    assert told.message == expected


def test_what_is_missing_is_said_when_it_becomes_more() -> None:
    result = Result()
    assert announcements(None, result) == ()
    result.missing["1"] = (NOW, "nobody has them")
    (told,) = announcements(None, result)
    assert (told.kind, told.reason) == ("Warning", "DeliveriesMissing")
    expected = "1 delivery that Saleor gave up could not be brought back: nobody has them."
    assert told.message == expected
    assert announcements(RecoveryStatus(missing=1), result) == ()
    assert len(announcements(RecoveryStatus(missing=0), result)) == 1
