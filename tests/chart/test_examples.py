"""The manifests for users of kubectl alone."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from saleor_segment_operator.resource import Integration, Spec
from tests.chart.charts import INSTALL, KUBECTL, ROOT, Manifest, find, install, manifests

KUBECTL_BINARY = Path(sys.executable).parent / "kubectl"
EXAMPLES = ROOT / "examples/kubernetes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the folder, with a token, as its first lines say."""
    copy = tmp_path / "install"
    shutil.copytree(INSTALL, copy)
    (copy / "internal-token").write_text("0123456789abcdef\n")
    return copy


def test_the_manifest_is_a_render_of_the_chart() -> None:
    """Mended by ``python -m tests.chart.regenerate``."""
    assert (INSTALL / "install.yaml").read_text() == install()


def test_kubectl_builds_it(folder: Path) -> None:
    objects = _kustomize(folder)
    expected = {(one["kind"], one["metadata"]["name"]) for one in manifests(KUBECTL)}
    built = {(one["kind"], one["metadata"]["name"]) for one in objects if one["kind"] != "Secret"}
    assert built == {*expected, ("Namespace", "saleor-segment")}


def test_what_is_marked_is_what_is_changed(folder: Path) -> None:
    page = folder / "kustomization.yaml"
    text = page.read_text()
    for before, after in (
        ("https://events.example.com", "https://orders.example.org"),
        ("registry.example.com/saleor-segment-operator", "images.example.org/ours"),
    ):
        assert text.count(before) == 1
        text = text.replace(before, after)
    page.write_text(text)
    objects = _kustomize(folder)
    operator = _container(find(objects, "Deployment", "saleor-segment-operator"))
    told = {one["name"]: one.get("value") for one in operator["env"]}
    assert told["SALEOR_SEGMENT_PUBLIC_URL"] == "https://orders.example.org"
    assert told["SALEOR_SEGMENT_RELEASE"] == "saleor-segment"
    server = _container(find(objects, "StatefulSet", "saleor-segment-server"))
    assert {operator["image"], server["image"]} == {"images.example.org/ours:0.1.0"}


def test_both_daemons_mount_the_token_and_another_one_restarts_them(folder: Path) -> None:
    before = _tokens(_kustomize(folder))
    (folder / "internal-token").write_text("another")
    after = _tokens(_kustomize(folder))
    assert len(before) == len(after) == 1
    assert before != after


def test_without_a_token_kubectl_names_the_file(folder: Path) -> None:
    (folder / "internal-token").unlink()
    answer = subprocess.run(
        [KUBECTL_BINARY, "kustomize", folder], check=False, capture_output=True, text=True
    )
    assert answer.returncode != 0
    assert "internal-token" in answer.stderr


def test_the_sample_shop_is_one() -> None:
    (integration,) = _documents("integration.yaml")
    integration["metadata"] |= _META
    assert isinstance(Integration.parse(integration).spec, Spec)
    spec = integration["spec"]
    secrets = {one["metadata"]["name"]: one["stringData"] for one in _documents("secrets.yaml")}
    app = spec["saleor"]["app"]["managed"]["credentialsSecretRef"]["name"]
    assert set(secrets[app]) == {"email", "password"}
    key = spec["segment"]["writeKeySecretRef"]
    assert key["key"] in secrets[key["name"]]


def test_the_sample_ingress_leads_to_the_public_service() -> None:
    (ingress,) = _documents("ingress.yaml")
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    backend = path["backend"]["service"]
    service = find(manifests(KUBECTL), "Service", backend["name"])
    assert service["metadata"]["namespace"] == ingress["metadata"]["namespace"]
    assert backend["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


_META = {"namespace": "shop", "uid": "00000000-0000-4000-8000-000000000000", "generation": 1}


def _kustomize(folder: Path) -> list[Manifest]:
    command = [str(KUBECTL_BINARY), "kustomize", str(folder)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(yaml.safe_load_all(answer.stdout))


def _documents(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text()))


def _container(workload: Manifest) -> Any:
    return workload["spec"]["template"]["spec"]["containers"][0]


def _tokens(objects: list[Manifest]) -> set[str]:
    (secret,) = (one["metadata"]["name"] for one in objects if one["kind"] == "Secret")
    mounted = {
        volume["secret"]["secretName"]
        for one in objects
        if one["kind"] in {"Deployment", "StatefulSet"}
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if "secret" in volume
    }
    assert mounted == {secret}
    return mounted
