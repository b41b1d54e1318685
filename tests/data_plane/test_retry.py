"""What each answer of Segment means: the table of the design, row by row."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saleor_segment_server.segment import (
    Answer,
    NoAnswer,
    Park,
    Settled,
    Split,
    Verdict,
    Wait,
    backoff,
    clock_skew,
    judge,
)

NOW = 1_790_000_000.0


def judged(answer: Answer | NoAnswer, *, attempt: int = 0, jitter: float = 0.5) -> Verdict:
    return judge(answer, attempt=attempt, jitter=jitter, now=NOW)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize("body", [b'{"success": true}', b"ok", b""])
def test_any_2xx_settles_whatever_its_body(status: int, body: bytes) -> None:
    assert judged(Answer(status, body=body)) == Settled()


@pytest.mark.parametrize("status", [408, 410, 429, 460])
def test_a_refusal_for_now_is_waited_out(status: int) -> None:
    assert judged(Answer(status)) == Wait(0.25, f"status {status}", ambiguous=False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 511, 529, 599])
def test_a_servers_fault_is_waited_out_and_may_have_taken_the_batch(status: int) -> None:
    assert judged(Answer(status)) == Wait(0.25, f"status {status}", ambiguous=True)


@pytest.mark.parametrize("reached", [True, False])
def test_no_answer_is_waited_out(*, reached: bool) -> None:
    assert judged(NoAnswer("timeout", reached=reached)) == Wait(0.25, "timeout", ambiguous=reached)


@pytest.mark.parametrize("status", [408, 410, 429, 460, 500, 503, 529])
@pytest.mark.parametrize("header", ["7", formatdate(NOW + 7, usegmt=True)])
def test_retry_after_is_obeyed_on_whatever_may_be_retried(status: int, header: str) -> None:
    verdict = judged(Answer(status, {"Retry-After": header}))
    assert isinstance(verdict, Wait)
    assert verdict.seconds == 7


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("1", 1),
        (" 30 ", 30),
        ("300", 300),
        ("301", 300),
        ("99999999999999999999", 300),
        (formatdate(NOW + 3600, usegmt=True), 300),
        ("Mon, 21 Sep 2026 14:13:30 -0000", 10),
        ("Mon, 21 Sep 2026 16:13:30 +0200", 10),
        ("0", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("soon", None),
        (formatdate(NOW, usegmt=True), None),
        (formatdate(NOW - 60, usegmt=True), None),
        ("Mon, 99 Sep 2026 14:13:30 GMT", None),
        ("Mon, 21 Sep 99999 14:13:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped_else_the_backoff_holds(
    header: str, seconds: float | None
) -> None:
    verdict = judged(Answer(429, {"Retry-After": header}), attempt=3)
    assert isinstance(verdict, Wait)
    assert verdict.seconds == (backoff(3, 0.5) if seconds is None else seconds)


@given(st.text() | st.from_regex(r"[A-Z][a-z]{2}, \d+ \w+ \d+ \d+:\d+:\d+ .*", fullmatch=True))
def test_no_header_makes_it_fail_or_wait_longer_than_five_minutes(header: str) -> None:
    verdict = judged(Answer(429, {"Retry-After": header, "Date": header}))
    assert isinstance(verdict, Wait)
    assert 0 <= verdict.seconds <= 300
    clock_skew({"Date": header}, NOW)


@pytest.mark.parametrize(("status", "too_large"), [(400, False), (413, True)])
def test_a_refused_batch_is_split(status: int, *, too_large: bool) -> None:
    verdict = judged(Answer(status, body=b'{"success": false}'))
    assert verdict == Split(f"Segment refuses it with status {status}", too_large=too_large)


@pytest.mark.parametrize("status", [400, 413])
@pytest.mark.parametrize(
    "body",
    [
        b'{"success": false, "message": "An invalid write key was provided"}',
        b"Invalid WriteKey",
        b'{"code": "invalid_write_key"}',
    ],
)
def test_a_refusal_that_names_the_write_key_parks(status: int, body: bytes) -> None:
    verdict = judged(Answer(status, body=body))
    assert isinstance(verdict, Park)
    assert "write key" in verdict.why


@pytest.mark.parametrize("status", [401, 403])
def test_an_unauthorized_key_parks_and_names_the_remedy(status: int) -> None:
    verdict = judged(Answer(status))
    assert isinstance(verdict, Park)
    assert "write key" in verdict.why


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_parks(status: int) -> None:
    verdict = judged(Answer(status, {"Location": "/login"}))
    assert isinstance(verdict, Park)
    assert "redirects" in verdict.why


@pytest.mark.parametrize(
    "status", [100, 402, 404, 405, 406, 409, 411, 414, 415, 422, 451, 501, 505]
)
def test_everything_else_parks(status: int) -> None:
    verdict = judged(Answer(status))
    assert isinstance(verdict, Park)
    assert f"status {status}" in verdict.why


@pytest.mark.parametrize("status", [302, 400, 401, 404, 413, 429, 500])
def test_a_foreign_body_is_never_repeated(status: int) -> None:
    verdict = judged(Answer(status, body=b"secret write key"))
    assert "secret" not in str(verdict)


def test_the_backoff_doubles_from_half_a_second_to_a_minute_and_is_fully_jittered() -> None:
    ceilings = [backoff(attempt, 1.0) for attempt in range(9)]
    assert ceilings == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff(10**6, 1.0) == 60
    assert backoff(7, 0.0) == 0
    assert backoff(7, 0.25) == 15


def test_the_skew_is_how_far_our_clock_is_ahead() -> None:
    assert clock_skew({"Date": formatdate(NOW - 90, usegmt=True)}, NOW) == 90
    assert clock_skew({"Date": formatdate(NOW + 90, usegmt=True)}, NOW) == -90
    assert clock_skew({}, NOW) is None
    assert clock_skew({"Date": "yesterday"}, NOW) is None
