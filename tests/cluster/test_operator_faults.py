"""What the API server answers wrongly while an integration comes and goes, call by call.

A first integration tells which kinds of calls there are; then each kind fails once, or for long.
"""

import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.kube.resources import INTEGRATIONS
from tests.cluster.faulty import Fault, FaultyApi
from tests.cluster.lives import Life, Scene, a_scene
from tests.cluster.operating import RELEASE
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster

EVENTS = ["ORDER_CREATED"]
_BRIEF = aiohttp.ClientTimeout(total=0.5)
_UID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

Logs = list[MutableMapping[str, Any]]
Kind = tuple[str, str]
"""Verb, and a pattern of the path."""


@dataclass
class Road:
    """A scene whose operator goes through a proxy."""

    scene: Scene
    proxy: FaultyApi
    kubeconfig: Path

    async def come(self, life: Life, name: str) -> None:
        await self.scene.ground.apply(name, events=EVENTS)
        await life.work(name)

    async def go(self, life: Life, name: str) -> str:
        uid = await self.scene.uid(name)
        await self.scene.ground.api.delete(INTEGRATIONS, self.scene.ground.namespace, name)
        await life.work(name)
        return uid

    async def without(self, verb: str, path: str, life: Life, name: str, logs: Logs) -> None:
        """Do some passes without a right; hold that they say so, and give it back."""
        fault, before = self.proxy.fail(Fault(verb, path, 403)), len(logs)
        said, delay = "", 0.0
        while fault.struck < 2 and delay <= 60:  # an Event that may not be told holds up nothing
            delay = await life.once(name) or 0.0
            self.scene.clock.now += delay
            said += str((await self.scene.ground.status(name)).document())
        assert delay <= 60 or path.endswith("/events$"), f"{verb} {path}"
        assert fault.struck, f"{verb} {path}"
        assert "planned Forbidden: the chart's RBAC" in said + str(logs[before:]), f"{verb} {path}"
        self.proxy.heal()

    async def kinds(self) -> tuple[Sequence[Kind], Sequence[Kind]]:
        """Tell the kinds of calls of one that comes and of one that goes, in their order."""
        async with self.scene.life(kubeconfig=self.kubeconfig) as life:
            await self.come(life, "first")
            coming = self._heard()
            await self.go(life, "first")
            return coming, self._heard()

    def _heard(self) -> Sequence[Kind]:
        found = list(dict.fromkeys(_kind(verb, path) for verb, path in self.proxy.calls))
        self.proxy.calls.clear()
        return found


def _kind(verb: str, path: str) -> Kind:
    pattern = re.sub(_UID, _UID, path)
    pattern = re.sub(r"-pipelines-\d", r"-pipelines-\\d", pattern)
    return verb, re.sub(f"(?<={INTEGRATIONS.plural}/)first", "[^/]+", pattern) + "$"


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def road(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Road]:
    cluster = Cluster(plane)
    await cluster.install()
    async with (
        a_scene(cluster, tmp_path) as scene,
        FaultyApi(plane.api_url, plane.ca) as proxy,
    ):
        config = json.loads(scene.ground.kubeconfig.read_text())
        token = config["users"][0]["user"]["token"]
        yield Road(scene, proxy, proxy.kubeconfig(tmp_path / "proxied", token))
    await cluster.close()


FAULTS: Mapping[str, dict[str, Any]] = {
    **{f"status-{status}": {"status": status} for status in (403, 409, 410, 422, 429, 500)},
    "answer-lost": {"status": 500, "done": True},
    "no-answer": {},
}


async def test_any_kind_of_call_may_fail_once_and_nothing_is_lost_or_doubled(road: Road) -> None:
    coming, going = await road.kinds()
    kinds = dict.fromkeys((*coming, *going))
    for name, fault in FAULTS.items():
        faults = [road.proxy.fail(Fault(verb, path, times=1, **fault)) for verb, path in kinds]
        async with road.scene.life(kubeconfig=road.kubeconfig, timeout=_BRIEF) as life:
            await road.come(life, name)
            await road.scene.assert_ready(name)
            uid = await road.go(life, name)
            await road.scene.assert_gone(name, uid)
        assert [fault.struck for fault in faults] == [1] * len(kinds), name
        road.proxy.heal()
    assert road.scene.saleor.mutations.count("appCreate") == 1 + len(FAULTS)


async def test_a_right_that_is_missing_is_named_with_its_remedy_and_taken_up_once_granted(
    road: Road, logs: Logs
) -> None:
    coming, going = await road.kinds()
    for number, (verb, path) in enumerate(coming):
        name = f"comes-{number}"
        await road.scene.ground.apply(name, events=EVENTS)
        async with road.scene.life(kubeconfig=road.kubeconfig) as life:
            await road.without(verb, path, life, name, logs)
            await life.work(name)
        await road.scene.assert_ready(name)
    for number, (verb, path) in enumerate(kind for kind in going if kind not in coming):
        name = f"comes-{number}"
        async with road.scene.life(kubeconfig=road.kubeconfig) as life:
            uid = await road.scene.uid(name)
            await road.scene.ground.api.delete(INTEGRATIONS, road.scene.ground.namespace, name)
            await road.without(verb, path, life, name, logs)
            await life.work(name)
        await road.scene.assert_gone(name, uid)


async def test_an_api_server_that_asks_for_time_gets_it(road: Road) -> None:
    coming, _ = await road.kinds()
    kinds = [kind for kind in coming if not kind[1].endswith("events$")]  # told once, if at all
    for number, (verb, path) in enumerate(kinds):
        name = f"comes-{number}"
        await road.scene.ground.apply(name, events=EVENTS)
        fault = road.proxy.fail(Fault(verb, path, 429, retry_after=33))
        async with road.scene.life(kubeconfig=road.kubeconfig) as life:
            for passes in (1, 2):
                while fault.struck < passes:
                    delay = await life.once(name) or 0
                    road.scene.clock.now += delay
                assert delay >= 33
                assert fault.struck == passes
            road.proxy.heal()
            await life.work(name)
        await road.scene.assert_ready(name)


async def test_one_that_cannot_be_worked_is_no_matter_to_the_others(road: Road) -> None:
    for name in ("one", "other"):
        await road.scene.ground.apply(name, events=EVENTS)
    uid = await road.scene.uid("one")
    road.proxy.fail(Fault(".*", f"/(one|{RELEASE}-app-{uid})(/status)?$", 500))
    async with road.scene.life(kubeconfig=road.kubeconfig) as life:
        await life.once("one")
        await life.work("other")
        await road.scene.assert_ready("other")
        road.proxy.heal()
        await life.work("one")
    await road.scene.assert_ready("one")
