"""What the chart comes to, for each of the supported options."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from saleor_segment_operator.cli.daemons import operate, serve
from saleor_segment_operator.cli.release import release
from saleor_segment_operator.operate.metrics import Metrics as OperatorMetrics
from saleor_segment_server.metrics import Metrics
from tests.chart.charts import (
    CHART,
    GOLDEN,
    OPTIONS,
    ROOT,
    WEBHOOK,
    Manifest,
    find,
    golden,
    kinds,
    manifests,
    render,
)
from tests.chart.pods import command_of, container, workloads

NAME = "saleor-segment"
STANDARD = {"name", "instance", "component", "part-of", "version", "managed-by"}
APPLICATION = {"healthz", "readyz", "metrics"}

each_option = pytest.mark.parametrize("values", OPTIONS.values(), ids=OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_render_is_as_it_was(name: str) -> None:
    """Mended by ``python -m tests.chart.regenerate``; read the diff."""
    assert (GOLDEN / f"{name}.yaml").read_text() == golden(OPTIONS[name])


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(OPTIONS)


@each_option
def test_helm_lints_it_strictly(values: Mapping[str, Any]) -> None:
    report = helm_python.lint(CHART, dict(values), strict=True)
    assert report["errors"] == []
    assert [one for one in report["messages"] if one["severity"] > 1] == []


def test_the_chart_is_of_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert chart["appVersion"] == version[1]
    assert f"ARG VERSION={version[1]}\n" in (ROOT / "Dockerfile").read_text()


def test_the_definition_in_the_chart_is_the_published_one() -> None:
    """Mended by ``python -m tests.chart.regenerate``."""
    published = {path.name: path.read_text() for path in (ROOT / "crds").glob("*.yaml")}
    assert len(published) == 1
    inside = {path.name: path.read_text() for path in (CHART / "files/crds").iterdir()}
    assert inside == published
    (name,) = published
    rendered = find(manifests(WEBHOOK), "CustomResourceDefinition", Path(name).stem + _GROUP)
    assert rendered["spec"] == yaml.safe_load(published[name])["spec"]


def test_the_definition_is_kept_unless_it_is_not_to_be() -> None:
    keep = {"helm.sh/resource-policy": "keep"}
    assert _definition(WEBHOOK)["metadata"]["annotations"] == keep
    dropped = _definition({**WEBHOOK, "crds": {"keep": False}})
    assert "annotations" not in dropped["metadata"]
    assert "CustomResourceDefinition" not in kinds(manifests(OPTIONS["bare"]))


@each_option
def test_every_object_has_a_name_a_place_and_labels(values: Mapping[str, Any]) -> None:
    for one in manifests(values):
        labels = one["metadata"]["labels"]
        missing = {name for name in STANDARD if f"app.kubernetes.io/{name}" not in labels}
        assert missing <= {"component"}, one
        clusterwide = one["kind"].startswith(("Cluster", "Custom"))
        assert ("namespace" in one["metadata"]) != clusterwide


@each_option
def test_no_two_objects_are_the_same(values: Mapping[str, Any]) -> None:
    found = [(m["kind"], m["metadata"].get("namespace"), _name(m)) for m in manifests(values)]
    assert len(set(found)) == len(found)


@each_option
def test_selectors_find_their_pods_and_no_others(values: Mapping[str, Any]) -> None:
    objects = manifests(values)
    pods = {name: one["spec"]["template"] for name, one in workloads(objects).items()}
    for one in objects:
        component = one["metadata"]["labels"].get("app.kubernetes.io/component")
        if one["kind"] == "Service":
            assert _selected(one["spec"]["selector"], pods) == [component]
        if one["kind"] in {"Deployment", "StatefulSet", "PodDisruptionBudget"}:
            assert _selected(one["spec"]["selector"]["matchLabels"], pods) == [component]
        if one["kind"] == "NetworkPolicy":
            assert _selected(one["spec"]["podSelector"]["matchLabels"], pods) == [component]


@each_option
def test_pods_keep_to_the_restricted_standard(values: Mapping[str, Any]) -> None:
    for workload in workloads(manifests(values)).values():
        pod = workload["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(workload)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


@each_option
def test_ports_are_where_probes_services_and_routes_look(values: Mapping[str, Any]) -> None:
    objects = manifests(values)
    pods = workloads(objects)
    host = "[::]" if values.get("ipFamily") == "IPv6" else "0.0.0.0"
    for component in ("operator", "server"):
        main = container(pods[component])
        ports = {port["name"]: port["containerPort"] for port in main["ports"]}
        told = {one["name"]: one.get("value", "") for one in main["env"]}
        assert told["SALEOR_SEGMENT_PRIVATE_LISTEN"] == f"{host}:{ports['private']}"
        if component == "server":
            assert told["SALEOR_SEGMENT_LISTEN"] == f"{host}:{ports['webhooks']}"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            get = main[probe]["httpGet"]
            assert get["path"].strip("/") in APPLICATION
            assert get["port"] in ports
        for one in objects:
            selected = one["metadata"]["labels"].get("app.kubernetes.io/component") == component
            if one["kind"] == "Service" and selected:
                assert {port["targetPort"] for port in one["spec"]["ports"]} <= set(ports)


def test_the_daemons_run_commands_that_exist() -> None:
    pods = workloads(manifests(WEBHOOK))
    assert command_of(pods["operator"]) is operate
    assert command_of(pods["server"]) is serve
    assert command_of(pods["uninstall"]) is release


@each_option
def test_volumes_are_mounted_where_the_settings_say(values: Mapping[str, Any]) -> None:
    for workload in workloads(manifests(values)).values():
        told = {one["name"]: one.get("value", "") for one in container(workload)["env"]}
        mounts = {one["mountPath"] for one in container(workload)["volumeMounts"]}
        if token := told.get("SALEOR_SEGMENT_INTERNAL_TOKEN_FILE"):
            assert str(Path(token).parent) in mounts
        if workload["kind"] == "StatefulSet":
            assert told["SALEOR_SEGMENT_DATA_DIR"] in mounts


def test_what_cannot_be_changed_later_holds_no_version() -> None:
    server = workloads(manifests(WEBHOOK))["server"]
    (claim,) = server["spec"]["volumeClaimTemplates"]
    fixed = (claim["metadata"]["labels"], server["spec"]["selector"]["matchLabels"])
    for labels in fixed:
        assert {key.partition("/")[2] for key in labels} == {"name", "instance", "component"}


def test_pods_do_not_restart_because_the_chart_has_a_new_version() -> None:
    for workload in workloads(manifests(WEBHOOK)).values():
        assert "0.1.0" not in str(workload["spec"]["template"]["metadata"])


@pytest.mark.parametrize(
    ("release", "name"),
    [
        ("saleor-segment", "saleor-segment"),
        ("saleor-segment-operator", "saleor-segment"),
        ("shop", "shop-saleor-segment"),
        ("a" * 53, "a" * 42),
    ],
)
def test_objects_are_named_after_the_release(release: str, name: str) -> None:
    objects = manifests(WEBHOOK, name=release)
    server = workloads(objects)["server"]
    assert _name(server) == f"{name}-server"
    assert len(_name(server)) <= 52  # the hash of a revision follows in a label of 63
    assert all(len(_name(one)) <= 63 for one in objects if one["kind"] in {"Service", "Job"})


def test_the_internal_token_is_long_and_new_where_there_is_none() -> None:
    tokens = {find(manifests(WEBHOOK), "Secret", f"{NAME}-internal-token")["data"]["token"]}
    tokens.add(find(manifests(WEBHOOK), "Secret", f"{NAME}-internal-token")["data"]["token"])
    assert len(tokens) == 2
    assert all(len(token) == 64 for token in tokens)
    assert "Secret" not in kinds(manifests(OPTIONS["everything"]))


def test_a_path_in_the_public_address_is_taken_off_by_the_route() -> None:
    route = find(manifests(OPTIONS["httproute"]), "HTTPRoute", f"{NAME}-webhooks")
    (rule,) = route["spec"]["rules"]
    assert rule["matches"][0]["path"]["value"] == "/segment/webhooks"
    assert rule["filters"][0]["urlRewrite"]["path"]["replacePrefixMatch"] == "/webhooks"
    assert route["spec"]["hostnames"] == ["events.example.com"]


def test_the_host_of_the_ingress_has_no_port() -> None:
    values = {"webhook": {"publicUrl": "http://events.example.com:8080"}}
    ingress = find(
        manifests({**values, "ingress": {"enabled": True}}), "Ingress", f"{NAME}-webhooks"
    )
    assert ingress["spec"]["rules"][0]["host"] == "events.example.com"


def test_before_an_uninstall_finalizers_are_released() -> None:
    job = workloads(manifests(WEBHOOK))["uninstall"]
    assert job["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-delete",
        "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
    }
    operator = workloads(manifests(WEBHOOK))["operator"]["spec"]["template"]["spec"]
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == operator["serviceAccountName"]
    assert "Job" not in kinds(manifests(OPTIONS["bare"]))


def test_alerts_ask_for_metrics_that_exist() -> None:
    rule = find(manifests(OPTIONS["everything"]), "PrometheusRule", "events")
    asked = set(re.findall(r"saleor_segment_\w+", str(rule["spec"])))
    metrics = Metrics()
    metrics.watch(dict, lambda _: None)
    page = metrics.render() + OperatorMetrics().render()
    shown = set(re.findall(r"^# TYPE (\S+)", page.decode(), re.MULTILINE))
    assert asked
    assert asked <= shown


@each_option
def test_notes_tell_the_next_step(values: Mapping[str, Any]) -> None:
    notes = _notes(values)
    for said in ("kubectl -n shop create secret", "kubectl get ssi -A", "8 MiB"):
        assert said in notes
    assert str(values["webhook"]["publicUrl"]) in notes
    manifest = notes.partition("<<'YAML'\n")[2].partition("YAML")[0]
    assert yaml.safe_load(manifest)["kind"] == "SaleorSegmentIntegration"


def test_notes_warn_of_what_loses_events() -> None:
    assert "WARNING" not in _notes(WEBHOOK)
    assert "in the clear" in _notes({"webhook": {"publicUrl": "http://events.example.com"}})
    assert "loses the events not yet sent" in _notes(OPTIONS["everything"])


_GROUP = ".saleor-segment.io"


def _definition(values: Mapping[str, Any]) -> Manifest:
    (found,) = (one for one in manifests(values) if one["kind"] == "CustomResourceDefinition")
    return found


def _name(manifest: Manifest) -> str:
    return str(manifest["metadata"]["name"])


def _selected(selector: Mapping[str, str], pods: Mapping[str, Manifest]) -> list[str]:
    return [name for name, pod in pods.items() if selector.items() <= _labels(pod).items()]


def _labels(pod: Manifest) -> Mapping[str, str]:
    labels: Mapping[str, str] = pod["metadata"]["labels"]
    return labels


def _notes(values: Mapping[str, Any]) -> str:
    return render(values)["saleor-segment-operator/templates/NOTES.txt"]
