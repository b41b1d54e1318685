import io
from datetime import UTC, datetime

from saleor_segment_operator.resource import (
    ConditionStatus,
    ConditionType,
    Finding,
    Key,
    Reason,
    Status,
    transition,
)
from saleor_segment_operator.standalone.console import Console

KEY = Key("default", "main-shop")


def _status(*findings: Finding, generation: int = 1) -> Status:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return Status(conditions=transition((), findings, generation=generation, now=now))


def _finding(name: ConditionType, status: ConditionStatus, message: str = "Because.") -> Finding:
    return Finding(name, status, Reason.WAITING, message)


def test_a_line_for_each_condition_that_is_not_as_it_was() -> None:
    out = io.StringIO()
    ready, key = ConditionType.READY, ConditionType.WRITE_KEY_VALID
    before = _status(_finding(ready, ConditionStatus.FALSE), _finding(key, ConditionStatus.UNKNOWN))
    after = _status(
        _finding(ready, ConditionStatus.TRUE, "All\nis well."),
        _finding(key, ConditionStatus.UNKNOWN),
        generation=2,
    )
    Console(out).conditions(KEY, before, after)
    (line,) = out.getvalue().splitlines()
    assert line.split(maxsplit=5)[1:] == [
        "default/main-shop",
        "Ready",
        "True",
        "Waiting",
        "All is well.",
    ]


def test_nothing_is_said_where_nothing_changed() -> None:
    out = io.StringIO()
    status = _status(_finding(ConditionType.READY, ConditionStatus.TRUE))
    Console(out).conditions(KEY, status, status)
    assert out.getvalue() == ""


class _LeftAlone(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


def test_a_reader_who_left_stops_nothing() -> None:
    Console(_LeftAlone()).gone(KEY)
