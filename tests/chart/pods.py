"""What the chart's pods tell the processes in them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from pydantic_settings import BaseSettings

from saleor_segment_operator.cli.main import cli
from tests.chart.charts import Manifest, manifests

Model = TypeVar("Model", bound=BaseSettings)

_KINDS = {"operator": "Deployment", "server": "StatefulSet", "uninstall": "Job"}
_FIELDS = {"metadata.namespace": "saleor-segment"}


def workloads(objects: list[Manifest]) -> dict[str, Manifest]:
    """Return the Deployment, the StatefulSet and the Job among them, by component."""
    return {
        component: one
        for component, kind in _KINDS.items()
        for one in objects
        if one["kind"] == kind
    }


def container(workload: Manifest) -> Manifest:
    """Return its one container."""
    (one,) = workload["spec"]["template"]["spec"]["containers"]
    found: Manifest = one
    return found


def environment_of(component: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Return flags and environment of a component's container, flags as variables."""
    found = container(workloads(manifests(values))[component])
    told = {one["name"]: _value(one) for one in found["env"]}
    for flag in found["args"][1:]:
        name, _, value = flag.removeprefix("--").partition("=")
        told["SALEOR_SEGMENT_" + name.replace("-", "_").upper()] = value
    return told


def command_of(workload: Manifest) -> click.Command:
    """Return the command that its container runs."""
    return cli.commands[container(workload)["args"][0]]


def settings_in(environment: Mapping[str, str], model: type[Model]) -> Model:
    """Return the settings that a process with that environment runs with."""
    with _environment(environment):
        return model()


@contextmanager
def _environment(told: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(told)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _value(variable: Manifest) -> str:
    if "value" in variable:
        return str(variable["value"])
    return _FIELDS[variable["valueFrom"]["fieldRef"]["fieldPath"]]
