"""``saleor-segment serve --pipelines kubernetes`` as a process with a server's rights only."""

import asyncio
import signal
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest

from saleor_segment_server.contract import Pipeline
from tests.cluster.plane.audit import Call
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.release import NAMES, ClusterStand, Release, home
from tests.data_plane.receiving import PIPELINE_ID, Shop
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import KEY, NEXT_KEY, Serving
from tests.twins.segment import SegmentTwin

pytestmark = pytest.mark.cluster

HOME = home(PIPELINE_ID)
IDS = [f"5bcfe642-0000-4000-8000-{number:012}" for number in range(20)]
ELSEWHERE = next(pipeline_id for pipeline_id in IDS if home(pipeline_id) != HOME)
"""Id of a Pipeline that lies in another Secret."""


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new()


@pytest.fixture
async def release(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Release]:
    async with httpx.AsyncClient(
        base_url=plane.api_url,
        verify=ssl.create_default_context(cafile=plane.ca),
        headers={"Authorization": f"Bearer {plane.admin_token}"},
        timeout=30,
    ) as client:
        release = Release(plane, client, tmp_path)
        await release.create()
        yield release
        await client.delete(f"/api/v1/namespaces/{release.namespace}")


@pytest.fixture
async def stand(release: Release, tmp_path: Path, signer: Signer) -> AsyncIterator[ClusterStand]:
    async with (
        Shop(signer).serving() as shop,
        SegmentTwin(keys=[KEY]) as segment,
        aiohttp.ClientSession() as client,
    ):
        yield ClusterStand(tmp_path, shop, segment, client, release=release)


async def status(serving: Serving, path: str) -> int:
    async with serving.stand.client.get(serving.private + path) as response:
        return response.status


async def is_ready(serving: Serving) -> bool:
    return await status(serving, "/readyz") == 200


async def held(serving: Serving) -> dict[str, str]:
    async with serving.stand.client.get(f"{serving.private}/internal/v1/pipelines") as response:
        return {one["id"]: one["hash"] for one in (await response.json())["pipelines"]}


async def holds(serving: Serving, *pipelines: Pipeline, seconds: float = 20.0) -> None:
    """Wait until the server holds just these."""
    expected = {one.id: one.fingerprint() for one in pipelines}

    async def does() -> bool:
        return await held(serving) == expected

    await until(does, seconds=seconds)


async def test_it_is_ready_without_pipelines_and_holds_each_that_is_written(
    stand: ClusterStand, signer: Signer
) -> None:
    other = stand.pipeline(id=ELSEWHERE)
    async with stand.serving() as serving:
        await until(lambda: is_ready(serving))
        assert await held(serving) == {}
        assert await serving.order(signer) == 503
        await stand.release.lay(stand.pipeline(), other)
        await holds(serving, stand.pipeline(), other)
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        assert await serving.program.end(signal.SIGTERM) == 0


async def test_a_changed_key_is_in_use_within_two_seconds_while_deliveries_flow(
    stand: ClusterStand, signer: Signer
) -> None:
    stand.segment.add_key(NEXT_KEY)
    await stand.release.lay(stand.pipeline())
    async with stand.serving() as serving, flowing(serving, signer):
        await until(lambda: len(stand.arrived()) > 5)
        began = time.monotonic()
        await stand.release.lay(stand.pipeline(NEXT_KEY))
        await until(lambda: NEXT_KEY in keys_used(stand), seconds=10)
        assert time.monotonic() - began < 2
        stand.segment.revoke_key(KEY)
        goal = len(stand.arrived()) + 10
        await until(lambda: len(stand.arrived()) > goal)
    async with stand.serving():
        await until(lambda: stand.arrived() == stand.acknowledged)
    assert stand.segment.inbox.totals()["doubled"] == 0
    assert KEY not in serving.program.text
    assert NEXT_KEY not in serving.program.text


def keys_used(stand: ClusterStand) -> set[str]:
    return {message["writeKey"] for message in stand.segment.inbox.messages()}


@asynccontextmanager
async def flowing(serving: Serving, signer: Signer) -> AsyncIterator[None]:
    """Deliver one order after the other; each must be acknowledged."""
    await until(lambda: is_ready(serving))
    enough = asyncio.Event()

    async def deliver() -> None:
        while not enough.is_set():
            assert await serving.order(signer) == 200
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(deliver())
        yield
        enough.set()


@pytest.mark.parametrize("how", ["paused", "killed"])
async def test_without_the_api_server_events_flow_and_changes_arrive_once_it_is_back(
    stand: ClusterStand, signer: Signer, how: str
) -> None:
    plane = stand.release.plane
    await stand.release.lay(stand.pipeline())
    stand.segment.add_key(NEXT_KEY)
    async with stand.serving() as serving, flowing(serving, signer):
        if how == "paused":
            plane.pause()
        else:
            plane.stop()
        try:
            before = len(stand.arrived())
            await until(lambda: len(stand.arrived()) > before + 20)
            assert await is_ready(serving)
        finally:
            if how == "paused":
                plane.resume()
            else:
                await plane.start()
        await stand.release.lay(stand.pipeline(NEXT_KEY))
        await until(lambda: NEXT_KEY in keys_used(stand), seconds=40)
    async with stand.serving():
        await until(lambda: stand.arrived() == stand.acknowledged)


async def test_a_start_without_the_api_server_waits_alive_unready_and_is_then_ready(
    stand: ClusterStand, signer: Signer
) -> None:
    plane = stand.release.plane
    await stand.release.lay(stand.pipeline())
    plane.stop()
    try:
        async with stand.serving() as serving:
            told = await serving.program.logged("watch_failed")
            assert "API server" in told["why"]
            assert await status(serving, "/healthz") == 200
            assert not await is_ready(serving)
            assert await serving.order(signer) == 503
            await plane.start()
            await until(lambda: is_ready(serving), seconds=40)
            assert await serving.order(signer) == 200
    except BaseException:
        plane.stop()
        await plane.start()
        raise


async def test_a_drained_pipeline_is_gone_for_good_and_a_lost_one_may_come_back(
    stand: ClusterStand, signer: Signer
) -> None:
    release = stand.release
    await release.lay(stand.pipeline())
    async with stand.serving() as serving:
        await holds(serving, stand.pipeline())
        await release.delete_secret(HOME)
        await holds(serving)
        assert await serving.order(signer) == 503
        await release.lay(stand.pipeline())
        await holds(serving, stand.pipeline())
        assert await serving.order(signer) == 200
        await release.lay(gone=[PIPELINE_ID])
        await holds(serving)
        assert await serving.order(signer) == 503
        draining = stand.pipeline(state="Draining")
        await release.lay(draining)
        await holds(serving, draining)
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        await release.lay(gone=[PIPELINE_ID])
        await holds(serving)
        assert await serving.order(signer) == 404


async def test_it_reads_no_other_secret_and_calls_no_more_than_its_role_grants(
    stand: ClusterStand,
) -> None:
    release = stand.release
    await release.lay(stand.pipeline())
    await release.post(f"{release.core}/secrets", name="other", stringData={"password": "planted"})
    mark = release.plane.audit.mark()
    async with stand.serving() as serving:
        await holds(serving, stand.pipeline())
        await until(lambda: watched(release.plane.audit.calls(release.account, since=mark)))
    calls = release.plane.audit.calls(release.account, since=mark)
    assert {(call.resource, call.namespace, call.name) for call in calls} == {
        ("secrets", release.namespace, name) for name in NAMES
    }
    assert {(call.verb, call.code) for call in calls} == {("list", 200), ("watch", 200)}
    token = (stand.folder / "account/token").read_text()
    as_server = {"Authorization": f"Bearer {token}"}
    for path in ("/secrets/other", "/secrets", "/configmaps"):
        answer = await release.client.get(release.core + path, headers=as_server)
        assert answer.status_code == 403, path
    assert "planted" not in serving.program.text


def watched(calls: list[Call]) -> bool:
    return {call.name for call in calls if call.verb == "watch"} == set(NAMES)


async def test_a_missing_permission_is_named_and_waited_for(stand: ClusterStand) -> None:
    await stand.release.forbid()
    async with stand.serving() as serving:
        told = await serving.program.logged("watch_failed")
        assert NAMES[0] in told["why"] or NAMES[1] in told["why"]
        assert 'cannot list resource "secrets"' in told["why"]
        assert "Role" in told["remedy"]
        assert not await is_ready(serving)
        await stand.release.permit()
        await until(lambda: is_ready(serving), seconds=40)


async def test_a_pipeline_does_not_lead_to_the_api_server(
    stand: ClusterStand, signer: Signer
) -> None:
    await stand.release.lay(
        stand.pipeline(segment={"endpoint": stand.release.plane.api_url, "writeKey": KEY})
    )
    async with stand.serving() as serving:
        await until(lambda: is_ready(serving))
        assert await serving.order(signer) == 200
        told = await until(lambda: why_waiting(serving))
    assert told == "address refused"  # although loopback, where it is, is allowed


async def why_waiting(serving: Serving) -> Any:
    return (await serving.report())["waiting"]


async def test_told_to_stop_it_accepts_and_sends_until_traffic_has_moved_on(
    stand: ClusterStand, signer: Signer
) -> None:
    await stand.release.lay(stand.pipeline())
    async with stand.serving("--shutdown-delay", "2s") as serving:
        await until(lambda: is_ready(serving))
        serving.program.process.send_signal(signal.SIGTERM)
        await serving.program.logged("unready")
        assert not await is_ready(serving)
        assert await serving.order(signer) == 200
        await until(lambda: stand.arrived() == stand.acknowledged)
        assert await serving.program.ended() == 0
