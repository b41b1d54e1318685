"""The chart's values, put together: Kubernetes' part and one value for each setting.

A setting of both daemons is in ``settings``, one of ``operate`` alone in ``operator.settings``, one
of ``serve`` alone in ``server.settings``, each under its own name, unless it has a place of its own
or the chart itself decides it. A new setting so becomes a value by itself.
"""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_settings import BaseSettings

from saleor_segment_operator.cli import chart
from saleor_segment_operator.cli.flags import Setting, settings_of
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_server.settings import Label, ServeSettings

PLACED: Mapping[str, str] = {
    "public_url": "webhook.publicUrl",
    "watch_namespaces": "watchNamespaces",
    "pipeline_shards": "pipelineShards",
}
"""Settings whose value has a place of its own."""
DECIDED: Mapping[str, str] = {
    "kubeconfig": "a pod uses its ServiceAccount",
    "service_account": "a pod's token is mounted in the usual place",
    "namespace": "it is the release's, told to the pod by Kubernetes",
    "release": "it is the name of the chart's objects",
    "listen": "Service, probes and policies name the chart's port",
    "private_listen": "Service, probes and policies name the chart's port",
    "internal_token_file": "it is where the chart mounts the Secret",
    "data_dir": "it is where the chart mounts the volume",
    "pipelines": "in a cluster they are in Secrets",
}
"""Settings that the chart decides, and why."""
DEFAULTS: Mapping[str, str] = {
    "shutdown_delay": "5s",  # a Service and what is before it need a moment to leave a pod out
}
"""Defaults that differ in a cluster, as they are written."""

_SIZE = r"^[0-9]+(Ki|Mi|Gi|Ti)?$"
_DURATION = r"^[0-9]+(\.[0-9]+)?[smhd]$"
_WRITTEN = {"SIZE": _SIZE, "DURATION": _DURATION}
_WIDTH = 96
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def _section(name: str, model: type[BaseSettings], fields: set[str], text: str) -> type[Any]:
    written = {one.field: one for one in settings_of(model, {})}
    members: Any = {
        field: _member(written[field], model.model_fields[field])
        for field in model.model_fields
        if field in fields - PLACED.keys() - DECIDED.keys()
    }
    return create_model(name, __base__=chart.Section, __doc__=text, **members)


def _member(setting: Setting, field: FieldInfo) -> tuple[Any, Any]:
    text = setting.help.replace("``", "").replace(", separated by commas", "")
    if pattern := _WRITTEN.get(setting.metavar):
        default = DEFAULTS.get(setting.field, setting.default)
        return Annotated[str, Field(pattern=pattern, description=text)], default
    if setting.repeatable:
        return Annotated[list[str], Field(description=text)], list(field.default)
    return Annotated[field.annotation, *field.metadata, Field(description=text)], field.default


Namespaces = list[Label]
"""Names of namespaces."""
_OPERATE, _SERVE = set(OperateSettings.model_fields), set(ServeSettings.model_fields)
BothSettings = _section(
    "BothSettings", ServeSettings, _OPERATE & _SERVE, "What operator and server are told."
)
OperatorSettings = _section(
    "OperatorSettings", OperateSettings, _OPERATE - _SERVE, "What the operator is told besides."
)
ServerSettings = _section(
    "ServerSettings", ServeSettings, _SERVE - _OPERATE, "What the server is told besides."
)


class Operator(chart.OperatorWorkload):
    """The operator: registers apps and webhooks. Events flow without it."""

    settings: OperatorSettings = OperatorSettings()  # type: ignore[valid-type]


class Server(chart.ServerWorkload):
    """The server: receives, keeps and forwards events."""

    settings: ServerSettings = ServerSettings()  # type: ignore[valid-type]


class Values(chart.Section):
    """Values of the chart saleor-segment-operator."""

    webhook: chart.Webhook = chart.Webhook()
    watch_namespaces: Namespaces = Field([])
    """Namespaces whose integrations are kept; empty for the whole cluster. The daemons get rights
    there and in the release's namespace only."""
    pipeline_shards: Annotated[int, Field(ge=1, le=64)] = 4
    """Over how many Secrets the shops are spread; a Secret holds several hundred."""
    image: chart.Image = chart.Image()
    image_pull_secrets: list[chart.Free] = Field([])
    """Secrets for pulling the image, as in [{name: registry}]."""
    name_override: chart.Name = ""
    """Name of the app instead of saleor-segment."""
    fullname_override: chart.Name = ""
    """Name that all objects begin with; empty to take the release's. Keep it: the operator's own
    Secrets are called after it."""
    ip_family: Literal["IPv4", "IPv6"] = "IPv4"
    """IP family that the pods listen on: the first of the cluster's, or its only one."""
    common_labels: chart.Texts = Field({})
    """Labels of all objects."""
    crds: chart.Crds = chart.Crds()
    settings: BothSettings = BothSettings()  # type: ignore[valid-type]
    operator: Operator = Operator()
    server: Server = Server()
    internal_token: chart.InternalToken = chart.InternalToken()
    rbac: chart.Rbac = chart.Rbac()
    service: chart.Service = chart.Service()
    ingress: chart.Ingress = chart.Ingress()
    http_route: chart.HttpRoute = chart.HttpRoute()
    network_policy: chart.NetworkPolicy = chart.NetworkPolicy()
    metrics: chart.Metrics = chart.Metrics()
    uninstall: chart.Uninstall = chart.Uninstall()


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's
        return False


def values_schema() -> str:
    """Return the chart's ``values.schema.json``."""
    return json.dumps(_schema(), indent=2, ensure_ascii=False) + "\n"


def _schema() -> dict[str, Any]:
    found = Values.model_json_schema(schema_generator=_Untitled)
    for part in (found, *found["$defs"].values()):
        part.pop("title", None)
        for described in (part, *part["properties"].values()):
            if "description" in described:
                described["description"] = " ".join(described["description"].split())
    shared = {"type": "object", "description": "Of an umbrella chart; not read."}
    found["properties"]["global"] = shared
    return {"$schema": _DIALECT, **found}


def values_yaml() -> str:
    """Return the chart's ``values.yaml``: each default under what it means."""
    head = ("# Written by `saleor-segment values` from the models in cli/chart.py and",)
    rest = ("# cli/chart_values.py and the daemons' settings; a test holds them equal.",)
    return "\n".join((*head, *rest, *_lines(Values(), 0), ""))


def values_markdown() -> str:
    """Return the page ``docs/values.md``."""
    head = (
        "# Values of the chart",
        "",
        "Written by `saleor-segment values --markdown > docs/values.md`; a test holds them equal.",
        "How to use them: [chart.md](chart.md).",
        "",
        "| value | default | meaning |",
        "| --- | --- | --- |",
    )
    rows = (
        f"| `{path}` | `{value}` | {text.replace('|', '/')} |" for path, value, text in leaves()
    )
    return "\n".join((*head, *rows, ""))


def leaves(section: BaseModel | None = None, above: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield path, default as YAML and meaning of each value below ``section``, or of all."""
    for name, value, text in _members(section or Values()):
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield above + name, _scalar(value), text


def _members(section: BaseModel) -> Iterator[tuple[str, Any, str]]:
    for field, info in type(section).model_fields.items():
        value = getattr(section, field)
        text = info.description or (type(value).__doc__ if isinstance(value, BaseModel) else "")
        yield str(info.alias), value, " ".join((text or "").split())


def _lines(section: BaseModel, depth: int) -> Iterator[str]:
    margin = "  " * depth
    for name, value, text in _members(section):
        if not depth:
            yield ""
        lead = margin + "# "
        yield from textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=lead)
        if isinstance(value, BaseModel):
            yield f"{margin}{name}:"
            yield from _lines(value, depth + 1)
        else:
            yield f"{margin}{name}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, str):
        return json.dumps(value)
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
