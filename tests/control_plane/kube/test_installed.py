import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.kube.installed import shortfall, wait_until_installed
from saleor_segment_operator.resource.crd import manifest
from tests.control_plane.kube.little_api import LittleApi
from tests.system.programs import until

PATH = "/openapi/v3/apis/saleor-segment.io/v1alpha1"


@pytest.fixture
def published() -> dict[str, Any]:
    """What an API server publishes that has this version's CRD."""
    (version,) = manifest()["spec"]["versions"]
    kind = {
        "group": "saleor-segment.io",
        "version": "v1alpha1",
        "kind": "SaleorSegmentIntegration",
    }
    schema = copy.deepcopy(version["schema"]["openAPIV3Schema"])
    schema["x-kubernetes-group-version-kind"] = [kind]
    base = "/apis/saleor-segment.io/v1alpha1/namespaces/{namespace}/saleorsegmentintegrations"
    return {
        "paths": {base: {}, f"{base}/{{name}}/status": {}},
        "components": {"schemas": {"io.k8s.Other": {}, "io.ours": schema}},
    }


@pytest.fixture
async def server() -> AsyncIterator[LittleApi]:
    async with LittleApi() as server:
        yield server


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


def test_this_versions_definition_will_do(published: dict[str, Any]) -> None:
    assert shortfall(published) is None


def test_none_is_no_definition(published: dict[str, Any]) -> None:
    assert "is not installed" in str(shortfall(None))
    del published["components"]["schemas"]["io.ours"]
    assert "is not installed" in str(shortfall(published))


def test_an_older_definition_is_told_by_the_fields_it_lacks(published: dict[str, Any]) -> None:
    properties = published["components"]["schemas"]["io.ours"]["properties"]
    del properties["spec"]["properties"]["segment"]["properties"]["region"]
    del properties["status"]["properties"]["conditions"]["items"]["properties"]["reason"]
    said = str(shortfall(published))
    assert "lacks spec.segment.region, status.conditions.reason: apply" in said


def test_a_definition_without_status_subresource_will_not_do(published: dict[str, Any]) -> None:
    published["paths"].popitem()
    assert "the status subresource" in str(shortfall(published))


async def test_an_operator_waits_for_it_and_says_so_once(
    server: LittleApi, published: dict[str, Any], tmp_path: Path, logs: list[Any]
) -> None:
    async with server.client(tmp_path) as api:
        waiting = asyncio.create_task(wait_until_installed(api, every=0.02))
        await until(lambda: len(server.calls) > 3)
        assert ["is not installed" in each["problem"] for each in logs] == [True]
        server.fails = 500
        await until(lambda: len(logs) > 1)
        assert "planned 500" in logs[1]["problem"]
        server.fails, server.objects[PATH] = None, published
        await asyncio.wait_for(waiting, 5)
