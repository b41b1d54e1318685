"""Values, their schema and the daemons' settings are one thing."""

import json
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
import yaml
from pydantic_settings import BaseSettings

from saleor_segment_operator.cli import chart_values
from saleor_segment_operator.cli.chart_values import DECIDED, DEFAULTS, PLACED, Values
from saleor_segment_operator.cli.flags import Setting, settings_of
from saleor_segment_operator.cli.release import ReleaseSettings
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_server.settings import ServeSettings
from tests.chart.charts import CHART, ROOT, WEBHOOK
from tests.chart.pods import environment_of, settings_in

DAEMONS: dict[str, type[BaseSettings]] = {"operator": OperateSettings, "server": ServeSettings}
OTHER: dict[str, object] = {
    "logLevel": "debug",
    "logFormat": "console",
    "webhook.publicUrl": "https://other.example.com",
    "watchNamespaces": ["shop-a", "shop-b"],
    "operator.settings.allowedEndpointHosts": ["a.example.com", "b.example.com"],
}
"""Values that tests change to, where their form does not tell one."""


def _settings() -> Iterator[tuple[str, Setting]]:
    for component, model in DAEMONS.items():
        yield from ((component, setting) for setting in settings_of(model, {}))


def _paths() -> dict[str, object]:
    return {path: yaml.safe_load(value) for path, value, _ in chart_values.leaves()}


def test_values_are_written_from_the_models() -> None:
    """Mended by ``python -m tests.chart.regenerate``."""
    assert (CHART / "values.yaml").read_text() == chart_values.values_yaml()
    assert (CHART / "values.schema.json").read_text() == chart_values.values_schema()
    assert (ROOT / "docs/values.md").read_text() == chart_values.values_markdown()


def test_values_yaml_holds_the_defaults_of_the_schema() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values == Values().model_dump(by_alias=True)
    with helm_python.Chart.load(CHART) as chart:
        assert chart.schema == json.loads(chart_values.values_schema())
        chart.validate_schema({})


def test_every_value_says_what_it_is() -> None:
    assert [path for path, _, text in chart_values.leaves() if not text] == []


@pytest.mark.parametrize(("component", "setting"), list(_settings()))
def test_every_setting_is_a_value_or_decided_by_the_chart(component: str, setting: Setting) -> None:
    path = _path(component, setting)
    assert (path in _paths()) != (setting.field in DECIDED)


@pytest.mark.parametrize(("component", "setting"), list(_settings()))
def test_a_setting_is_told_what_its_value_says(component: str, setting: Setting) -> None:
    if setting.field in DECIDED:
        return
    path = _path(component, setting)
    before, other = _paths()[path], _other(path, setting)
    assert other != before
    told = settings_in(environment_of(component, _at(path, other)), DAEMONS[component])
    expected = tuple(other) if isinstance(other, list) else other
    assert getattr(told, setting.field) == _read(DAEMONS[component], setting, expected)


@pytest.mark.parametrize("component", DAEMONS)
def test_without_values_the_daemons_run_with_their_defaults(component: str) -> None:
    told = settings_in(environment_of(component, WEBHOOK), DAEMONS[component])
    for setting in settings_of(DAEMONS[component], {}):
        field = DAEMONS[component].model_fields[setting.field]
        if setting.field not in {*DECIDED, *DEFAULTS, "public_url"}:
            assert getattr(told, setting.field) == field.default, setting.field


def test_what_the_chart_decides_is_what_operator_and_server_meet_at() -> None:
    operator = settings_in(environment_of("operator", WEBHOOK), OperateSettings)
    server = settings_in(environment_of("server", WEBHOOK), ServeSettings)
    assert operator.release == server.release == "saleor-segment"
    assert operator.namespace == server.namespace == "saleor-segment"
    assert operator.pipeline_shards == server.pipeline_shards
    assert operator.internal_token_file == server.internal_token_file
    assert server.from_kubernetes


def test_before_an_uninstall_the_same_namespaces_are_meant_as_the_operator_s() -> None:
    values = {**WEBHOOK, "watchNamespaces": ["shop-a", "shop-b"]}
    operator = settings_in(environment_of("operator", values), OperateSettings)
    uninstall = settings_in(environment_of("uninstall", values), ReleaseSettings)
    assert uninstall.watch_namespaces == operator.watch_namespaces
    assert (uninstall.release, uninstall.namespace) == (operator.release, operator.namespace)


def _path(component: str, setting: Setting) -> str:
    if setting.field in PLACED:
        return PLACED[setting.field]
    both = all(setting.field in model.model_fields for model in DAEMONS.values())
    first, *rest = setting.field.split("_")
    name = first + "".join(word.title() for word in rest)
    return f"settings.{name}" if both else f"{component}.settings.{name}"


def _other(path: str, setting: Setting) -> Any:
    if not setting.metavar:
        return setting.default == "no"
    forms: dict[str, object] = {"SIZE": "1Mi", "DURATION": "7s", "NUMBER": 3}
    return OTHER.get(path, OTHER.get(path.rpartition(".")[2], forms.get(setting.metavar)))


def _at(path: str, value: object) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(WEBHOOK))
    *above, last = path.split(".")
    section = values
    for name in above:
        section = section.setdefault(name, {})
    section[last] = value
    return values


def _read(model: type[BaseSettings], setting: Setting, value: object) -> object:
    required: dict[str, Any] = {"public_url": "https://events.example.com", "pipelines": "x"}
    return getattr(model(**{**required, setting.field: value}), setting.field)
