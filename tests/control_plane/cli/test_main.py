import importlib.metadata
from collections.abc import Callable

import click
import pytest
import structlog

from saleor_segment_operator import errors as operator_errors
from saleor_segment_operator.cli.main import cli, invoke
from saleor_segment_server import errors as server_errors

PLANTED = "hunter2-planted"


def _failing(make: Callable[[], BaseException]) -> click.Command:
    @click.command()
    def command() -> None:
        raise make()

    return command


@pytest.mark.parametrize("kind", [operator_errors.StartError, server_errors.StartError])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_only_the_user_can_mend_is_its_line_and_exit_code_2(
    kind: type[Exception], depth: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def error() -> Exception:
        found: Exception = kind("a.yaml:3: mend it")
        for _ in range(depth):
            found = ExceptionGroup("tasks", [OSError("follows from it"), found])
        return found

    assert invoke(_failing(error), []) == 2
    assert capsys.readouterr().err == "a.yaml:3: mend it\n"


def test_a_bug_is_one_line_without_its_text_and_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with structlog.testing.capture_logs() as events:
        assert invoke(_failing(lambda: KeyError(PLANTED)), []) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "KeyError" in err
    assert "--log-level debug" in err
    assert PLANTED not in err
    assert [(event["event"], event["log_level"]) for event in events] == [("crashed", "debug")]


def test_an_interrupt_before_there_is_a_loop_is_exit_code_130() -> None:
    assert invoke(_failing(KeyboardInterrupt), []) == 130


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nope"], "saleor-segment: No such command 'nope'. Try saleor-segment --help."),
        (
            ["run", "--x"],
            "saleor-segment run: No such option '--x'. Try saleor-segment run --help.",
        ),
        (["run", "-f"], "saleor-segment: Option '-f' requires an argument."),
    ],
)
def test_a_mistyped_command_is_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(cli, arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(line)
    assert err.count("\n") == 1


def test_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    version = importlib.metadata.version("saleor-segment-operator")
    assert invoke(cli, ["--version"]) == 0
    assert capsys.readouterr().out == f"saleor-segment {version}\n"


def test_help_alone_and_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(cli, ["--help"]) == 0
    asked = capsys.readouterr().out
    assert invoke(cli, []) == 2
    assert capsys.readouterr().err == asked
    assert "run " in asked
