"""What becomes of integrations over several lives: theirs, the operator's, a cluster's."""

import copy
from collections.abc import AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import FINALIZER, RELEASE, ConditionType, Reason
from saleor_segment_server.cluster import SECRETS, Patch
from saleor_segment_server.contract import PipelineState
from tests.cluster.lives import Scene, a_scene
from tests.cluster.operating import EMAIL, NAME, PASSWORD, PUBLIC_URL
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster

EVENTS = ["ORDER_CREATED"]
Logs = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def scene(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    cluster = Cluster(plane)
    await cluster.install()
    async with a_scene(cluster, tmp_path) as scene:
        yield scene
    await cluster.close()


async def make_ready(scene: Scene) -> str:
    """Apply the integration and work until it is Ready; return its uid."""
    await scene.ground.apply(events=EVENTS)
    async with scene.life() as life:
        await life.work(NAME)
    await scene.assert_ready(NAME)
    return await scene.uid(NAME)


async def test_saleor_away_at_the_start_is_told_and_waited_for(scene: Scene) -> None:
    scene.saleor.fail(graphql_down=True)
    await scene.ground.apply(events=EVENTS)
    async with scene.life() as life:
        for _ in range(12):
            delay = await life.once(NAME)
            assert delay is not None
            assert delay <= 60
            scene.clock.now += delay
        assert await scene.says(NAME) == ("Unknown", Reason.SALEOR_UNREACHABLE)
        scene.saleor.heal()
        await life.work(NAME)
    await scene.assert_ready(NAME)


async def test_saleor_away_at_the_end_is_waited_for_a_quarter_of_an_hour_over_two_lives(
    scene: Scene,
) -> None:
    uid = await make_ready(scene)
    (app,) = scene.apps(NAME)
    scene.saleor.fail(graphql_down=True)
    await scene.ground.delete()
    async with scene.life() as life:
        for _ in range(4):
            scene.clock.now += await life.once(NAME) or 0
    asked = scene.clock.now
    assert await scene.says(NAME) == ("False", Reason.DELETING)
    async with scene.life() as life:
        assert await life.work(NAME) is None
    assert 900 <= scene.clock.now - asked < 1000
    assert await scene.found(NAME) is None
    assert not await scene.has_record(uid)
    assert (NAME, Reason.ORPHANED) in await scene.events()
    assert app.works


async def test_a_password_that_is_mended_is_taken_up_after_the_throttle(scene: Scene) -> None:
    await scene.ground.secret("saleor-staff", email=EMAIL, password="wrong")
    await scene.ground.apply(events=EVENTS)
    async with scene.life() as life:
        for _ in range(3):
            await life.once(NAME)
        assert await scene.says(NAME, ConditionType.CREDENTIALS_VALID) == (
            "False",
            Reason.CREDENTIALS_REJECTED,
        )
        logins = scene.saleor.mutations.count("tokenCreate")
        assert logins == 1
        await scene.ground.secret("saleor-staff", email=EMAIL, password=PASSWORD)
        await life.work(NAME)
    await scene.assert_ready(NAME)


async def test_one_that_is_applied_again_while_it_goes_goes_all_the_same_and_then_comes_anew(
    scene: Scene,
) -> None:
    uid = await make_ready(scene)
    scene.ground.servers.tally(uid).pending = 3
    await scene.ground.delete()
    async with scene.life() as life:
        for _ in range(3):
            await life.once(NAME)
        await scene.ground.apply(events=["ORDER_CREATED", "ORDER_UPDATED"])  # it still is the old
        assert await scene.uid(NAME) == uid
        for _ in range(2):
            scene.clock.now += await life.once(NAME) or 0
        assert scene.ground.table[uid].state is PipelineState.DRAINING
        scene.ground.servers.tally(uid).pending = 0
        assert await life.work(NAME) is None
        await scene.assert_gone(NAME, uid)
        await scene.ground.apply(events=EVENTS)
        await life.work(NAME)
    assert await scene.uid(NAME) != uid
    await scene.assert_ready(NAME)


@pytest.mark.parametrize("kept", ["installation", "app", "all"])
async def test_a_restored_integration_finds_its_app_and_what_the_old_one_left_is_swept(
    scene: Scene, kept: str
) -> None:
    """A backup brings the integration with another uid, its old status and some of our Secrets."""
    old = await make_ready(scene)
    (app,) = scene.apps(NAME)
    backup = await scene.found(NAME)
    assert backup is not None
    await scene.unheld(NAME)
    await scene.ground.delete()
    for secret in await scene.secrets():
        part = secret["metadata"]["labels"]["saleor-segment.io/part"]
        if kept != "all" and part not in {"installation", kept}:
            await scene.ground.api.delete(SECRETS, scene.ground.release, secret["metadata"]["name"])
    await restore(scene, backup)
    assert await scene.says(NAME) == ("True", Reason.RECONCILED)  # as the backup says
    async with scene.life() as life:
        await life.work(NAME)
        await scene.assert_ready(NAME)
        assert scene.apps(NAME) == [app]
        assert scene.saleor.mutations.count("appCreate") == 1
        await life.look_back(NAME)
        for _ in range(2):
            await life.sweep()
            await scene.look()
    assert set(scene.ground.table) == {await scene.uid(NAME)}
    assert not await scene.has_record(old)
    status = await scene.ground.status(NAME)
    assert status.webhook_url == f"{PUBLIC_URL}/webhooks/{await scene.uid(NAME)}"


async def restore(scene: Scene, backup: Any) -> None:
    """Create an object as tools that restore do, finalizers and status as they were."""
    document = copy.deepcopy(dict(backup))
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        document["metadata"].pop(name, None)
    assert document["metadata"]["finalizers"] == [FINALIZER]
    api, namespace = scene.ground.api, scene.ground.namespace
    await api.create(INTEGRATIONS, namespace, document)
    status = {"status": document["status"]}
    await api.patch(INTEGRATIONS, namespace, NAME, status, how=Patch.MERGE, subresource="status")


async def test_the_release_annotation_lets_go_at_once_whatever_is_broken(scene: Scene) -> None:
    uid = await make_ready(scene)
    scene.saleor.fail(graphql_down=True)
    scene.ground.servers.down = True
    await scene.ground.annotate(RELEASE, "true")
    await scene.ground.delete()
    began = scene.clock.now
    async with scene.life() as life:
        assert await life.work(NAME) is None
    assert scene.clock.now == began
    assert await scene.found(NAME) is None
    assert not await scene.has_record(uid)
    assert (NAME, Reason.RELEASED) in await scene.events()
