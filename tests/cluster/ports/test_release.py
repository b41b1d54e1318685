"""Letting everything go before an uninstall, while the operator runs or not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from saleor_segment_operator.errors import Lost, StartError
from saleor_segment_operator.kube.lease import Lease
from saleor_segment_operator.kube.release import HELD_FOR, HOLDER, release_all
from saleor_segment_operator.kube.resources import lease as lease_name
from saleor_segment_operator.resource import (
    FINALIZER,
    ConditionStatus,
    ConditionType,
    Reason,
    Status,
)
from saleor_segment_operator.resource.conditions import Finding, transition
from saleor_segment_server.cluster import LEASES, Api
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import READS_INTEGRATIONS, Cluster
from tests.ports.memory import INSTALLATION
from tests.ports.stores import NOW, RELEASE, KubeStores
from tests.system.programs import saleor_segment

ANOTHER = "example.com/another"


class Said(list[str]):
    def __call__(self, line: str) -> None:
        self.append(line)


@pytest.fixture
async def held(stores: KubeStores) -> KubeStores:
    await stores.integrations.hold(await stores.apply(), by=INSTALLATION.id)
    return stores


@pytest.fixture
async def leader(stores: KubeStores) -> AsyncIterator[Lease]:
    lease = _lease(stores, "operator-0")
    await lease.acquire()
    yield lease
    await lease.release()


async def released(
    stores: KubeStores,
    said: Said,
    notice: float | None = None,
    watched: Sequence[str] | None = None,
) -> list[float]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if notice is not None:
            await asyncio.sleep(notice)

    await release_all(
        stores.api,
        watched or [stores.key.namespace],
        release=RELEASE,
        namespace=stores.release_namespace,
        say=said,
        sleep=sleep,
    )
    return waits


async def finalizers(stores: KubeStores) -> list[str]:
    return list((await stores.document())["metadata"].get("finalizers") or ())


async def test_every_finalizer_of_ours_is_taken_off_and_no_other(held: KubeStores) -> None:
    await held.change(finalizers=[FINALIZER, ANOTHER])
    said = Said()
    assert await released(held, said) == []
    assert await finalizers(held) == [ANOTHER]
    assert said == [f"{held.key}: released"]


async def test_one_that_another_installation_keeps_is_left_to_it(held: KubeStores) -> None:
    await held.secrets.installation()
    said = Said()
    await released(held, said)
    assert await finalizers(held) == [FINALIZER]
    assert said == [f"{held.key}: left to another installation, {INSTALLATION.id}"]


async def test_one_that_is_being_deleted_goes(held: KubeStores) -> None:
    await held.delete()
    await released(held, Said())
    assert await held.integrations.get(held.key) is None


async def test_one_of_ours_where_nobody_watches_any_more_goes_and_no_other(
    stores: KubeStores, cluster: Cluster
) -> None:
    ours = await stores.secrets.installation()
    await stores.integrations.hold(await stores.apply(), by=ours.id)
    foreign = KubeStores(stores.api, stores.admin, namespace=await cluster.namespace())
    await foreign.integrations.hold(await foreign.apply(), by=INSTALLATION.id)
    said = Said()
    await released(stores, said, watched=["elsewhere"])
    assert await finalizers(stores) == []
    assert await finalizers(foreign) == [FINALIZER]
    assert said == [f"{stores.key}: released"]


async def test_its_status_says_that_nobody_keeps_it_and_what_was_found_last(
    held: KubeStores,
) -> None:
    found = await held.integrations.get(held.key)
    assert found is not None
    findings = [
        Finding(kind, ConditionStatus.TRUE, Reason.RECONCILED, "All is well.")
        for kind in (ConditionType.READY, ConditionType.WEBHOOKS_ENABLED)
    ]
    conditions = transition((), findings, generation=1, now=NOW)
    status = Status(conditions=conditions, webhook_url="https://events.example.com/v1/x")
    await held.integrations.publish(found, status)
    await released(held, Said())
    left = Status.parse((await held.document())["status"])
    ready = left.condition(ConditionType.READY)
    assert ready is not None
    assert (ready.status, ready.reason) == (ConditionStatus.UNKNOWN, Reason.NOT_KEPT)
    assert left.webhook_url == status.webhook_url
    assert left.condition(ConditionType.WEBHOOKS_ENABLED) == conditions[1]


async def test_with_nothing_there_it_says_so(stores: KubeStores) -> None:
    said = Said()
    await released(stores, said)
    assert said == ["there is no integration"]


async def test_the_operator_that_runs_ends_and_none_starts(held: KubeStores, leader: Lease) -> None:
    keeping = asyncio.create_task(leader.keep())
    assert await released(held, Said(), notice=0.5) == [1.0]
    with pytest.raises(Lost, match=HOLDER):
        await keeping
    another = _lease(held, "operator-1")
    waiting = asyncio.create_task(another.acquire())
    await asyncio.wait({waiting}, timeout=1.5)
    assert not waiting.done()
    waiting.cancel()
    assert another.holder == HOLDER
    lease = await held.api.get(LEASES, held.release_namespace, lease_name(RELEASE))
    assert lease is not None
    assert lease["spec"]["leaseDurationSeconds"] == HELD_FOR


async def test_what_the_operator_put_back_before_it_ended_is_taken_off_again(
    held: KubeStores, leader: Lease
) -> None:
    async def put_back(_: float) -> None:
        found = await held.integrations.get(held.key)
        assert found is not None
        await held.integrations.hold(found, by=INSTALLATION.id)

    await release_all(
        held.api,
        [held.key.namespace],
        release=RELEASE,
        namespace=held.release_namespace,
        say=Said(),
        sleep=put_back,
    )
    assert await finalizers(held) == []


async def test_no_operator_starts_for_the_whole_time_from_the_end_on(
    held: KubeStores, leader: Lease
) -> None:
    seen: list[str] = []

    async def renewed() -> str:
        found = await held.api.get(LEASES, held.release_namespace, lease_name(RELEASE))
        assert found is not None
        assert found["spec"]["holderIdentity"] == HOLDER
        return str(found["spec"]["renewTime"])

    async def sleep(_: float) -> None:
        seen.append(await renewed())

    await release_all(
        held.api,
        [held.key.namespace],
        release=RELEASE,
        namespace=held.release_namespace,
        say=Said(),
        sleep=sleep,
    )
    assert await renewed() > seen[0]


async def test_what_it_may_not_do_is_one_line(
    held: KubeStores, cluster: Cluster, tmp_path: Path
) -> None:
    access = await cluster.account(held.key.namespace, READS_INTEGRATIONS, tmp_path)
    async with Api(access) as api:
        with pytest.raises(StartError, match=r'cannot get resource "leases".*the chart\'s RBAC'):
            await release_all(
                api,
                [held.key.namespace],
                release=RELEASE,
                namespace=held.release_namespace,
                say=Said(),
            )
    assert await finalizers(held) == [FINALIZER]


async def test_the_command_says_what_it_did(held: KubeStores, plane: ControlPlane) -> None:
    flags = ["--kubeconfig", str(plane.kubeconfig), "--watch-namespaces", held.key.namespace]
    there = ["--namespace", held.release_namespace, "--release", RELEASE]
    async with saleor_segment("release", *flags, *there) as program:
        assert await program.ended() == 0
    assert program.lines == [f"{held.key}: released"]
    async with saleor_segment("release", *flags) as program:
        assert await program.ended() == 2
    assert program.lines == ["--namespace is missing: outside of a pod say where the release is"]


def _lease(stores: KubeStores, identity: str) -> Lease:
    return Lease(
        stores.api,
        namespace=stores.release_namespace,
        name=lease_name(RELEASE),
        identity=identity,
        duration=1.0,
    )
