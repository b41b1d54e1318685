"""kopf's watch of integrations, with a namespace's rights only and through a faulty API server."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator.errors import Lost
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.kube.watch import Pace, Watch
from saleor_segment_operator.resource import GROUP
from saleor_segment_server.cluster import Access, Api, Patch
from tests.cluster.faulty import Fault, FaultyApi
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.system.programs import until

RULES = [
    {"apiGroups": [GROUP], "resources": [INTEGRATIONS.plural], "verbs": ["list", "watch"]},
]


@dataclass
class Scene:
    """A namespace, an account that may watch there, and a proxy on its way."""

    api: Api
    namespace: str
    proxy: FaultyApi
    access: Access
    seen: list[tuple[str | None, str, str]] = field(default_factory=list)

    def told(self, kind: str | None, document: Mapping[str, Any]) -> None:
        metadata = document["metadata"]
        mark = (metadata.get("annotations") or {}).get("mark", "")
        self.seen.append((kind, metadata["name"], mark))

    @asynccontextmanager
    async def watching(self, **pace: float) -> AsyncIterator["asyncio.Task[None]"]:
        self.watch = Watch(self.access, [self.namespace], self.told, pace=Pace(**pace))
        task = asyncio.create_task(self.watch.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def make(self, name: str) -> Mapping[str, Any]:
        app = {"existing": {"tokenSecretRef": {"name": "app"}}}
        spec = {
            "saleor": {"apiUrl": "https://shop.example.com/graphql/", "app": app},
            "segment": {"writeKeySecretRef": {"name": "segment"}},
        }
        body = {
            "apiVersion": INTEGRATIONS.api_version,
            "kind": "SaleorSegmentIntegration",
            "metadata": {"name": name},
            "spec": spec,
        }
        return await self.api.create(INTEGRATIONS, self.namespace, body)

    async def mark(self, name: str, mark: str) -> None:
        body = {"metadata": {"annotations": {"mark": mark}}}
        await self.api.patch(INTEGRATIONS, self.namespace, name, body, how=Patch.MERGE)

    async def saw(self, *events: tuple[str | None, str, str]) -> None:
        await until(lambda: set(events) <= set(self.seen))


@pytest.fixture
async def scene(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    cluster = Cluster(plane)
    await cluster.install()
    namespace = await cluster.namespace()
    account = await cluster.account(namespace, RULES, tmp_path)
    token = (await account.credentials()).token
    assert token is not None
    async with cluster.admin() as api, FaultyApi(plane.api_url, plane.ca) as proxy:
        access = Access(kubeconfig=proxy.kubeconfig(tmp_path / "proxied", token))
        yield Scene(api, namespace, proxy, access)
    await cluster.close()


async def test_it_tells_what_there_is_and_what_happens_and_writes_nothing(scene: Scene) -> None:
    before = await scene.make("old")
    async with scene.watching():
        await scene.saw((None, "old", ""))
        await until(lambda: scene.watch.pulse.live)
        await scene.make("new")
        await scene.saw(("ADDED", "new", ""))
        await scene.mark("new", "a")
        await scene.saw(("MODIFIED", "new", "a"))
        await scene.api.delete(INTEGRATIONS, scene.namespace, "new")
        await scene.saw(("DELETED", "new", "a"))
        after = await scene.api.get(INTEGRATIONS, scene.namespace, "old")
        assert after == before
    assert {verb for verb, _ in scene.proxy.calls} == {"GET", "WATCH"}


async def test_it_needs_no_right_but_to_list_and_watch_integrations(scene: Scene) -> None:
    async with scene.watching():
        await until(lambda: scene.watch.pulse.live)
    asked = {path for _, path in scene.proxy.calls if "/namespaces/" in path}
    assert asked == {INTEGRATIONS.path(scene.namespace)}
    assert not [path for _, path in scene.proxy.calls if path.endswith("customresourcedefinitions")]


async def test_it_goes_on_after_its_connections_were_cut(scene: Scene) -> None:
    await scene.make("one")
    async with scene.watching():
        await until(lambda: scene.watch.pulse.live)
        for round_ in ("a", "b", "c"):
            assert scene.proxy.cut_watches() == 1
            await scene.mark("one", round_)
            await scene.saw(("MODIFIED", "one", round_))


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_refusals_that_pass_are_outlasted(scene: Scene, status: int) -> None:
    await scene.make("one")
    async with scene.watching() as task:
        await until(lambda: scene.watch.pulse.live)
        fault = scene.proxy.fail(Fault("WATCH|GET", INTEGRATIONS.plural, status, times=2))
        scene.proxy.cut_watches()
        await until(lambda: fault.struck == 2)
        await scene.mark("one", "a")
        await scene.saw(("MODIFIED", "one", "a"))
        assert not task.done()


async def test_a_version_that_is_too_old_is_listed_anew(scene: Scene) -> None:
    await scene.make("one")
    async with scene.watching():
        await until(lambda: scene.watch.pulse.live)
        scene.proxy.fail(Fault("WATCH", INTEGRATIONS.plural, 410, times=1))
        scene.proxy.cut_watches()
        await scene.mark("one", "a")
        await until(lambda: {("MODIFIED", "one", "a"), (None, "one", "a")} & set(scene.seen))


async def test_a_refused_token_is_read_anew(scene: Scene) -> None:
    await scene.make("one")
    async with scene.watching() as task:
        await until(lambda: scene.watch.pulse.live)
        fault = scene.proxy.fail(Fault("WATCH", INTEGRATIONS.plural, 401, times=1))
        scene.proxy.cut_watches()
        await until(lambda: fault.struck == 1)
        await scene.mark("one", "a")
        await until(
            lambda: {("MODIFIED", "one", "a"), (None, "one", "a")} & set(scene.seen), seconds=15
        )
        assert not task.done()


async def test_a_watch_that_does_not_begin_is_lost(scene: Scene) -> None:
    scene.proxy.fail(Fault("GET|WATCH", INTEGRATIONS.plural))
    async with scene.watching(begin=1) as task:
        with pytest.raises(Lost, match="did not begin within 1 s"):
            await asyncio.wait_for(task, 15)


async def test_a_watch_that_falls_silent_is_lost(scene: Scene) -> None:
    async with scene.watching(server=2, silence=4) as task:
        await until(lambda: scene.watch.pulse.live)
        scene.proxy.fail(Fault("WATCH", INTEGRATIONS.plural))
        with pytest.raises(Lost, match="is dead: silent for"):
            await asyncio.wait_for(task, 90)


async def test_an_idle_watch_is_not_taken_for_a_dead_one(scene: Scene) -> None:
    async with scene.watching(server=1, silence=4) as task:
        await until(lambda: len([1 for verb, _ in scene.proxy.calls if verb == "WATCH"]) > 5)
        assert not task.done()


async def test_kopf_is_started_again_where_it_ends_unless_it_never_began(
    scene: Scene,
) -> None:
    await scene.make("one")
    async with scene.watching() as task:
        await until(lambda: scene.watch.pulse.live)
        fault = scene.proxy.fail(Fault("WATCH", INTEGRATIONS.plural, 400, times=1))
        scene.proxy.cut_watches()
        await until(lambda: fault.struck == 1)
        await scene.mark("one", "a")
        await scene.saw((None, "one", "a"))
        await until(lambda: scene.watch.pulse.live)
        scene.proxy.fail(Fault("WATCH", INTEGRATIONS.plural, 400))
        scene.proxy.cut_watches()
        with pytest.raises(Lost, match="the watch of integrations ended: APIClientError"):
            await asyncio.wait_for(task, 40)
