from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.cluster.conftest import a_plane
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.ports.stores import KubeStores


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[MutableMapping[str, Any]]]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture(scope="package")
def plane(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """One for these modules together: they are short, and work in namespaces of their own."""
    with a_plane(pytestconfig, tmp_path_factory) as plane:
        yield plane


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    cluster = Cluster(plane)
    await cluster.install()
    yield cluster
    await cluster.close()


@pytest.fixture
async def stores(cluster: Cluster) -> AsyncIterator[KubeStores]:
    async with cluster.admin() as api:
        yield KubeStores(api, api, namespace=await cluster.namespace())
