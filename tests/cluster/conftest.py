"""A control plane for each module of cluster tests: none meets what another left behind.

Those of ``ports`` share one.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane import build
from tests.cluster.plane.control_plane import ControlPlane

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE) and "plane" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="module")
def plane(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    with a_plane(pytestconfig, tmp_path_factory) as plane:
        yield plane


def a_plane(config: pytest.Config, folders: pytest.TempPathFactory) -> ControlPlane:
    """Return a control plane to be started, or skip where there is none."""
    return ControlPlane(_programs(config), folders.mktemp("control-plane") / "run")


@pytest.fixture(scope="module")
def kubectl(plane: ControlPlane) -> Kubectl:
    return Kubectl(plane.kubeconfig)


@pytest.fixture(scope="module")
def helm(plane: ControlPlane) -> Helm:
    return Helm(plane.kubeconfig)


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubelet]:
    with Kubelet(plane, tmp_path_factory.mktemp("kubelet")) as kubelet:
        yield kubelet


@pytest.fixture
async def namespace(kubectl: Kubectl) -> AsyncIterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    await kubectl.run("create", "namespace", name)
    # Pods need both; the controller manager makes them.
    for made in ("serviceaccount/default", "configmap/kube-root-ca.crt"):
        await kubectl.within(name).wait(made, "create")
    yield name
    await kubectl.run("delete", "namespace", name, "--wait=false")


def _programs(config: pytest.Config) -> Path:
    try:
        return build.find(os.environ)
    except build.Missing as missing:
        if config.getoption("--require-cluster"):
            pytest.fail(f"no control plane: {missing}", pytrace=False)
        pytest.skip(f"no control plane: {missing}")
