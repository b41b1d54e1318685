from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from saleor_segment_operator.cli.daemons import RUN_NAMES, run, serve
from saleor_segment_operator.cli.flags import Setting, load, settings_of
from saleor_segment_operator.errors import StartError
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.standalone import RunSettings
from saleor_segment_server.settings import ServeSettings

ALL = [
    *((run, setting) for setting in settings_of(RunSettings, RUN_NAMES)),
    *((serve, setting) for setting in settings_of(ServeSettings, {})),
]
PLANTED = "hunter2-planted"


@pytest.fixture(autouse=True)
def _no_settings_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, setting in ALL:
        monkeypatch.delenv(setting.variable, raising=False)


def _run_settings(**given: object) -> RunSettings:
    return load(RunSettings, {"files": ("a.yaml",), **given}, RUN_NAMES)


@pytest.mark.parametrize(("command", "setting"), ALL)
def test_help_tells_flag_variable_default_and_meaning(
    command: click.Command, setting: Setting
) -> None:
    text = " ".join(CliRunner().invoke(command, ["--help"], terminal_width=200).output.split())
    assert setting.flag in text
    assert setting.variable in text
    assert setting.help
    assert setting.help.replace("``", "") in text
    if setting.default:
        assert f"default {setting.default}]" in text


@pytest.mark.parametrize("setting", list(settings_of(RunSettings, RUN_NAMES)))
def test_a_default_means_what_is_shown(setting: Setting) -> None:
    if setting.default:
        assert _run_settings(**{setting.field: setting.default}) == _run_settings()


def test_a_default_of_nothing_is_called_none() -> None:
    shown = {setting.field: setting.default for setting in settings_of(OperateSettings, {})}
    assert shown["watch_namespaces"] == "none"
    assert shown["kubeconfig"] == ""


def test_a_flag_wins_over_the_environment_and_that_over_the_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _run_settings().resync == timedelta(minutes=5)
    monkeypatch.setenv("SALEOR_SEGMENT_RESYNC", "2m")
    assert _run_settings().resync == timedelta(minutes=2)
    assert _run_settings(resync="1m").resync == timedelta(minutes=1)


def test_files_in_one_variable_are_separated_by_colons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALEOR_SEGMENT_FILES", "a.yaml:b.yaml")
    assert load(RunSettings, {"files": ()}, RUN_NAMES).files == (Path("a.yaml"), Path("b.yaml"))


@pytest.mark.parametrize(
    ("field", "flag"),
    [
        ("log_level", "--log-level"),
        ("listen", "--listen"),
        ("max_event_age", "--max-event-age"),
        ("quota", "--quota"),
        ("max_connections", "--max-connections"),
        ("public_url", "--public-url"),
        ("namespace", "--namespace"),
        ("resync", "--resync"),
    ],
)
def test_a_bad_value_is_one_line_that_names_its_source_and_not_the_value(
    field: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = f"!{PLANTED}"
    with pytest.raises(StartError) as by_flag:
        _run_settings(**{field: bad})
    assert str(by_flag.value).startswith(f"{flag}: ")
    variable = f"SALEOR_SEGMENT_{field.upper()}"
    monkeypatch.setenv(variable, bad)
    with pytest.raises(StartError) as by_variable:
        _run_settings()
    assert str(by_variable.value).startswith(f"{variable}: ")
    for error in (by_flag, by_variable):
        assert PLANTED not in str(error.value)
        assert "\n" not in str(error.value)


def test_what_is_missing_is_named_with_flag_variable_and_meaning() -> None:
    with pytest.raises(StartError, match=r"^--file \(or SALEOR_SEGMENT_FILES\) is missing: YAML"):
        load(RunSettings, {}, RUN_NAMES)


def test_a_resync_that_would_spin_is_refused() -> None:
    with pytest.raises(StartError, match="--resync: must be 1s or longer"):
        _run_settings(resync="0s")
