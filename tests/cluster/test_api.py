"""The client and what follows by it, on a real API server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from saleor_segment_server.cluster import (
    SECRETS,
    Access,
    Api,
    Conflict,
    Follower,
    Forbidden,
    Missing,
    Patch,
    Refused,
    Resource,
    Terminating,
    Unanswered,
    Unserved,
    WatchEvent,
)
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import NO_RULES, Cluster
from tests.system.programs import until

IN_NO_TIME = aiohttp.ClientTimeout(total=1.0)


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    cluster = Cluster(plane)
    yield cluster
    await cluster.close()


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[Api]:
    async with cluster.admin() as api:
        yield api


@pytest.fixture
async def place(cluster: Cluster) -> str:
    return await cluster.namespace()


def a_secret(name: str = "one", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": {"kept": "yes"}},
        "stringData": data,
    }


async def test_an_object_is_made_read_changed_and_deleted(api: Api, place: str) -> None:
    made = await api.create(SECRETS, place, a_secret(a="1"))
    assert await api.get(SECRETS, place, "one") == made
    body = {"data": {"b": "Mg=="}}
    await api.patch(SECRETS, place, "one", body, how=Patch.MERGE, manager="tests")
    add = {"op": "add", "path": "/data/c", "value": "Mw=="}
    changed = await api.patch(SECRETS, place, "one", [add], how=Patch.JSON)
    assert changed["data"] == {"a": "MQ==", "b": "Mg==", "c": "Mw=="}
    await api.delete(SECRETS, place, "one")
    await api.delete(SECRETS, place, "one")
    assert await api.get(SECRETS, place, "one") is None


async def test_an_apply_makes_what_is_absent_and_takes_out_what_it_said_before(
    api: Api, place: str
) -> None:
    head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "one"}}
    for data in ({"a": "MQ=="}, {"b": "Mg=="}):
        applied = await api.patch(
            SECRETS, place, "one", {**head, "data": data}, how=Patch.APPLY, manager="tests"
        )
        assert applied["data"] == data


async def test_conflicts_are_told_from_refusals(api: Api, place: str) -> None:
    made = await api.create(SECRETS, place, a_secret())
    with pytest.raises(Conflict):
        await api.create(SECRETS, place, a_secret())
    await api.patch(SECRETS, place, "one", {"data": {"b": "Mg=="}}, how=Patch.MERGE)
    with pytest.raises(Conflict):
        await api.replace(SECRETS, place, "one", made)
    other = "5bcfe642-0000-4000-8000-000000000000"
    with pytest.raises(Conflict):
        await api.delete(SECRETS, place, "one", uid=other)
    with pytest.raises(Conflict):
        await api.patch(
            SECRETS, place, "one", {"metadata": {"resourceVersion": "1"}}, how=Patch.MERGE
        )
    with pytest.raises(Refused):
        await api.create(SECRETS, place, a_secret("Not A Name"))
    half = {"stringData": {"a": "x" * 2**19}}
    await api.patch(SECRETS, place, "one", half, how=Patch.MERGE)
    more = {"stringData": {"b": "x" * (2**19 + 1)}}
    with pytest.raises(Refused):  # a Secret holds 1 MiB
        await api.patch(SECRETS, place, "one", more, how=Patch.MERGE)
    await api.delete(SECRETS, place, "one", uid=made["metadata"]["uid"])


async def test_what_is_not_there_is_told_apart_from_what_is_not_served(
    api: Api, place: str
) -> None:
    assert await api.get(SECRETS, "no-such-namespace", "one") is None
    with pytest.raises(Missing):
        await api.patch(SECRETS, place, "one", {}, how=Patch.MERGE)
    with pytest.raises(Missing):
        await api.create(SECRETS, "no-such-namespace", a_secret())
    unknown = Resource("example.com", "v1", "things")
    with pytest.raises(Unserved):
        await api.get(unknown, place, "one")
    with pytest.raises(Unserved):
        await api.list(unknown)
    with pytest.raises(Unserved):
        await api.delete(unknown, place, "one")


async def test_a_namespace_that_is_being_deleted_takes_nothing_new(
    api: Api, cluster: Cluster, place: str
) -> None:
    await api.create(SECRETS, place, a_secret() | {"metadata": {"name": "one"}})
    body = {"metadata": {"finalizers": ["example.com/keep"]}}
    await api.patch(SECRETS, place, "one", body, how=Patch.MERGE)
    await cluster.delete_namespace(place)
    with pytest.raises(Terminating):
        await api.create(SECRETS, place, a_secret("another"))
    assert await api.get(SECRETS, place, "one") is not None
    gone = {"metadata": {"finalizers": None}}
    await api.patch(SECRETS, place, "one", gone, how=Patch.MERGE)


async def test_a_list_tells_metadata_only_or_all_and_what_a_selector_selects(
    api: Api, place: str
) -> None:
    for name in ("one", "two"):
        await api.create(SECRETS, place, a_secret(name, a="1"))
    listing = await api.list(SECRETS, place)
    assert [each["data"] for each in listing.items] == [{"a": "MQ=="}] * 2
    (only,) = (await api.list(SECRETS, place, fields="metadata.name=two")).items
    assert only["metadata"]["name"] == "two"
    bare = (await api.list(SECRETS, place, labels="kept=yes", metadata_only=True)).items
    assert [each["metadata"]["name"] for each in bare] == ["one", "two"]
    assert not any("data" in each for each in bare)
    assert (await api.list(SECRETS, place, labels="kept=no")).items == []


async def test_a_list_longer_than_a_page_is_whole(api: Api, place: str) -> None:
    names = [f"secret-{number:03}" for number in range(501)]
    for few in (names[start : start + 50] for start in range(0, len(names), 50)):
        await asyncio.gather(*(api.create(SECRETS, place, a_secret(name)) for name in few))
    found = (await api.list(SECRETS, place, metadata_only=True)).items
    assert [each["metadata"]["name"] for each in found] == names


async def test_a_missing_right_names_verb_resource_and_namespace(
    cluster: Cluster, place: str, tmp_path: Path
) -> None:
    async with Api(await cluster.account(place, NO_RULES, tmp_path)) as api:
        with pytest.raises(Forbidden, match=r'cannot get resource "secrets".*namespace "ports-'):
            await api.get(SECRETS, place, "one")
        with pytest.raises(Forbidden, match='cannot watch resource "secrets"'):
            await anext(api.watch(SECRETS, place, since="0"))


async def test_a_token_that_is_not_known_may_be_renewed(
    plane: ControlPlane, place: str, tmp_path: Path
) -> None:
    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig", token="nobody")
    async with Api(Access(kubeconfig=kubeconfig)) as api:
        with pytest.raises(Unanswered):
            await api.get(SECRETS, place, "one")


async def test_a_pod_finds_its_way_by_its_service_account(
    plane: ControlPlane, cluster: Cluster, place: str, tmp_path: Path
) -> None:
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]
    found = await (await cluster.account(place, rules, tmp_path)).credentials()
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "token").write_text(found.token or "")
    (folder / "ca.crt").write_bytes(plane.ca.read_bytes())
    (folder / "namespace").write_text(place)
    where = {"KUBERNETES_SERVICE_HOST": plane.host, "KUBERNETES_SERVICE_PORT": str(plane.port)}
    access = Access(service_account=folder, environment=where)
    assert access.release_namespace(None) == place
    assert access.release_namespace("another") == "another"
    async with Api(access) as api:
        assert (await api.list(SECRETS, place)).items == []
    (folder / "token").write_text("worn out")
    async with Api(access) as api:
        with pytest.raises(Unanswered):
            await api.list(SECRETS, place)


async def test_a_watch_goes_on_from_where_a_list_was(api: Api, place: str) -> None:
    listing = await api.list(SECRETS, place)
    await api.create(SECRETS, place, a_secret(a="1"))
    await api.delete(SECRETS, place, "one")
    watch = api.watch(SECRETS, place, since=listing.version, seconds=1, metadata_only=True)
    events = [each async for each in watch]
    told = [(each.kind, each.object["metadata"].get("name")) for each in events]
    assert told[:2] == [("ADDED", "one"), ("DELETED", "one")]
    assert all(kind == "BOOKMARK" for kind, _ in told[2:])
    assert not any("data" in each.object for each in events)


class Told:
    """What a follower makes of a namespace's Secrets."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.lists = 0

    async def listed(self, items: Sequence[Mapping[str, Any]]) -> None:
        self.lists += 1
        self.names = {item["metadata"]["name"] for item in items}

    async def changed(self, event: WatchEvent) -> None:
        name = event.object["metadata"]["name"]
        (self.names.discard if event.kind == "DELETED" else self.names.add)(name)


@asynccontextmanager
async def following(
    plane: ControlPlane, place: str, *, silence: float = 60.0
) -> AsyncIterator[tuple[Follower, Told]]:
    told = Told()
    async with Api(Access(kubeconfig=plane.kubeconfig), timeout=IN_NO_TIME) as api:
        follower = Follower(
            api,
            SECRETS,
            place,
            metadata_only=True,
            listed=told.listed,
            changed=told.changed,
            first=0.05,
            silence=silence,
        )
        with capture_logs():
            running = asyncio.create_task(follower.run())
            try:
                await until(lambda: follower.following)
                yield follower, told
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def test_a_follower_keeps_in_step(plane: ControlPlane, api: Api, place: str) -> None:
    async with following(plane, place) as (_, told):
        await api.create(SECRETS, place, a_secret("one"))
        await api.create(SECRETS, place, a_secret("two"))
        await api.delete(SECRETS, place, "one")
        await until(lambda: told.names == {"two"})
        assert told.lists == 1


async def test_a_follower_outlasts_a_restart_of_the_api_server(
    plane: ControlPlane, api: Api, place: str
) -> None:
    async with following(plane, place) as (follower, told):
        await api.create(SECRETS, place, a_secret("one"))
        await until(lambda: told.names == {"one"})
        plane.stop()
        await until(lambda: not follower.following)
        await plane.start()
        async with Api(Access(kubeconfig=plane.kubeconfig)) as fresh:
            await fresh.create(SECRETS, place, a_secret("two"))
        await until(lambda: told.names == {"one", "two"}, seconds=60)
        assert follower.synced


async def test_a_follower_gives_up_a_watch_on_an_api_server_that_has_stopped_speaking(
    plane: ControlPlane, place: str
) -> None:
    async with following(plane, place, silence=1.0) as (follower, told):
        plane.pause()
        try:
            await until(lambda: not follower.following)
        finally:
            plane.resume()
        await until(lambda: follower.following)
        assert told.names == set()
