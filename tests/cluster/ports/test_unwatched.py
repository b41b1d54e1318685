"""What becomes of integrations after ``watchNamespaces`` was narrowed."""

import asyncio
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator.kube.unwatched import Unwatched
from saleor_segment_operator.resource import (
    FINALIZER,
    Condition,
    ConditionStatus,
    ConditionType,
    Reason,
    Status,
)
from saleor_segment_server.cluster import Api
from tests.cluster.ports.cluster import READS_INTEGRATIONS, Cluster
from tests.ports.memory import INSTALLATION
from tests.ports.stores import KubeStores
from tests.system.programs import until

Logs = list[MutableMapping[str, Any]]


@pytest.fixture
async def kept(stores: KubeStores) -> KubeStores:
    """Return one whose integration the installation keeps."""
    ours = await stores.secrets.installation()
    await stores.integrations.hold(await stores.apply(), by=ours.id)
    return stores


def looking(
    stores: KubeStores, *, watched: Sequence[str] = ("elsewhere",), api: Api | None = None
) -> Unwatched:
    return Unwatched(
        api or stores.api, watched, stores.secrets, interval=0.05, clock=lambda: stores.now
    )


async def ready(stores: KubeStores) -> Condition | None:
    status = (await stores.document()).get("status")
    return Status.parse(status).condition(ConditionType.READY)


async def test_it_is_said_once_in_its_status_and_in_the_log(kept: KubeStores, logs: Logs) -> None:
    unwatched = looking(kept)
    assert await unwatched.look()
    assert await unwatched.look()
    told = await ready(kept)
    assert told is not None
    assert (told.status, told.reason) == (ConditionStatus.UNKNOWN, Reason.NOT_WATCHED)
    assert kept.key.namespace in told.message
    assert "watchNamespaces" in told.message
    assert [line["integration"] for line in logs if line["event"] == "not_watched"] == [
        str(kept.key)
    ]
    assert FINALIZER in (await kept.document())["metadata"]["finalizers"]


async def test_one_that_is_deleted_there_goes_and_is_logged(kept: KubeStores, logs: Logs) -> None:
    unwatched = looking(kept)
    looks = asyncio.create_task(unwatched.run())
    try:
        await until(lambda: any(line["event"] == "not_watched" for line in logs))
        await kept.delete()
        await until(lambda: unwatched.orphaned == 1)
    finally:
        looks.cancel()
    assert await kept.integrations.get(kept.key) is None
    assert [line["integration"] for line in logs if line["event"] == "orphaned"] == [str(kept.key)]


async def test_one_that_is_watched_is_none_of_its_business(kept: KubeStores) -> None:
    assert not await looking(kept, watched=[kept.key.namespace]).look()
    assert await ready(kept) is None


async def test_one_that_another_installation_keeps_is_left_to_it(stores: KubeStores) -> None:
    await stores.secrets.installation()
    await stores.integrations.hold(await stores.apply(), by=INSTALLATION.id)
    await stores.delete()
    assert not await looking(stores).look()
    assert (await stores.document())["metadata"]["finalizers"] == [FINALIZER]


async def test_where_all_are_watched_it_ends_at_once(kept: KubeStores) -> None:
    await asyncio.wait_for(looking(kept, watched=()).run(), timeout=5)
    assert await ready(kept) is None


async def test_without_the_right_to_list_everywhere_it_does_nothing(
    kept: KubeStores, cluster: Cluster, tmp_path: Path, logs: Logs
) -> None:
    access = await cluster.account(kept.key.namespace, READS_INTEGRATIONS, tmp_path)
    async with Api(access) as api:
        assert not await looking(kept, api=api).look()
    assert await ready(kept) is None
    assert [line for line in logs if line["log_level"] != "debug"] == []
