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


def _finding(
    name: ConditionType,
    status: ConditionStatus,
    message: str = "Because.",
    reason: Reason = Reason.CREATING,
) -> Finding:
    return Finding(name, status, reason, message)


def _words(out: io.StringIO) -> list[list[str]]:
    return [line.split(maxsplit=5)[1:] for line in out.getvalue().splitlines()]


def test_a_line_for_each_condition_and_then_for_each_that_changes() -> None:
    out = io.StringIO()
    console = Console(out)
    ready, key = ConditionType.READY, ConditionType.WRITE_KEY_VALID
    before = _status(
        _finding(ready, ConditionStatus.FALSE, "So."), _finding(key, ConditionStatus.UNKNOWN)
    )
    after = _status(
        _finding(ready, ConditionStatus.TRUE, "All\nis well."),
        _finding(key, ConditionStatus.UNKNOWN),
        generation=2,
    )
    console.conditions(KEY, before)
    console.conditions(KEY, before)
    console.conditions(KEY, after)
    assert _words(out) == [
        ["default/main-shop", "Ready", "False", "Creating", "So."],
        ["default/main-shop", "WriteKeyValid", "Unknown", "Creating", "Because."],
        ["default/main-shop", "Ready", "True", "Creating", "All is well."],
    ]


def test_what_only_waits_or_repeats_ready_is_left_out_until_it_says_more() -> None:
    out = io.StringIO()
    console = Console(out)
    names = (ConditionType.READY, ConditionType.DELIVERING, ConditionType.PIPELINE_SYNCED)
    console.conditions(
        KEY,
        _status(
            _finding(names[0], ConditionStatus.FALSE),
            _finding(names[1], ConditionStatus.UNKNOWN),
            _finding(names[2], ConditionStatus.FALSE, "It waits.", Reason.WAITING),
        ),
    )
    assert [words[1] for words in _words(out)] == ["Ready"]
    console.conditions(
        KEY,
        _status(
            _finding(names[0], ConditionStatus.FALSE),
            _finding(names[1], ConditionStatus.TRUE, "It sends."),
            _finding(names[2], ConditionStatus.TRUE, "It is held."),
        ),
    )
    assert [words[1] for words in _words(out)] == ["Ready", "Delivering", "PipelineSynced"]


def test_one_that_comes_again_after_it_was_gone_is_shown_anew() -> None:
    out = io.StringIO()
    console = Console(out)
    status = _status(_finding(ConditionType.READY, ConditionStatus.TRUE))
    console.conditions(KEY, status)
    console.gone(KEY)
    console.conditions(KEY, status)
    assert [words[1] for words in _words(out)] == ["Ready", "Gone", "Ready"]


class _LeftAlone(io.StringIO):
    def flush(self) -> None:
        raise BrokenPipeError


def test_a_reader_who_left_stops_nothing() -> None:
    Console(_LeftAlone()).gone(KEY)
