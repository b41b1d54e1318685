"""Lives of the reconciler on the API server, with an operator's rights: begun, ended, begun anew.

Time stands still until a pass wants to wait, as in ``tests.control_plane.reconcile.harness``; what
lies between the reconciler and the API server is real.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.own import data
from saleor_segment_operator.kube.pipelines import KubePipelines
from saleor_segment_operator.kube.resources import INTEGRATIONS, app_secret
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.operate.operate import operate
from saleor_segment_operator.reconcile import Reconciler, SaleorPool, Sweep
from saleor_segment_operator.resource import (
    FINALIZER,
    Condition,
    ConditionType,
    Key,
    Reason,
)
from saleor_segment_operator.saleor import Saleor
from saleor_segment_operator.servers import Servers
from saleor_segment_operator.settings import ReconcileSettings
from saleor_segment_server.cluster import EVENTS, SECRETS, Access, Api, Patch
from saleor_segment_server.contract import Pipeline
from saleor_segment_server.outbound import Guard
from tests.cluster.operating import EMAIL, PASSWORD, PUBLIC_URL, RELEASE, Ground, standing
from tests.cluster.ports.cluster import Cluster
from tests.control_plane.reconcile.harness import SIGNING_KEY, Clock, Killed, Segment
from tests.twins.saleor import App, SaleorTwin

_CALL = aiohttp.ClientTimeout(total=20)

Told = Callable[[str, str, int], None]
"""As ``Api`` tells of each call: verb, resource, HTTP status."""


@dataclass
class Book:
    """What the lives of one integration do, and when one of them ends."""

    entries: list[str] = field(default_factory=list)
    kill_at: int | None = None
    """The number of the entry at which the life ends."""

    def write(self, entry: str) -> None:
        """Note what is about to be done, or was."""
        self.entries.append(entry)
        if len(self.entries) - 1 == self.kill_at:
            self.kill_at = None
            raise Killed

    async def step(self, name: str) -> None:
        """Note a step before it is made."""
        self.write(name)

    def wrote(self, verb: str, resource: str, _status: int) -> None:
        """Note a call that changed something on the API server, after it was answered."""
        if verb not in {"get", "list", "watch"}:
            self.write(f"{verb} {resource}")


@dataclass
class Life:
    """One life of the operator's reconciler."""

    scene: "Scene"
    reconciler: Reconciler
    sweep: Sweep
    delays: list[float] = field(default_factory=list)
    """What each pass wanted to wait."""

    async def once(self, name: str) -> float | None:
        """Do one pass."""
        await self.scene.look()
        delay = await self.reconciler.reconcile(self.scene.key(name))
        if delay is not None:
            self.delays.append(delay)
        return delay

    async def work(self, name: str, *, patience: float = 70.0, passes: int = 60) -> float | None:
        """Do passes until one wants to wait longer than ``patience``; return that wait."""
        for _ in range(passes):
            delay = await self.once(name)
            if delay is None or delay > patience:
                return delay
            self.scene.clock.now += delay
        raise AssertionError(f"no end after {passes} passes: {await self.scene.found(name)}")

    async def look_back(self, name: str) -> None:
        """Look at what Saleor gave up, so late that no later look goes back to the beginning."""
        self.scene.clock.now += 3700.0
        await self.work(name)
        await self.reconciler.recovery.recover(self.scene.key(name))


@dataclass
class Scene:
    """The ground of a release with time of its own, and what became of its integrations."""

    ground: Ground
    clock: Clock
    servers: Servers

    @property
    def saleor(self) -> SaleorTwin:
        return self.ground.saleor

    def key(self, name: str) -> Key:
        return Key(self.ground.namespace, name)

    @asynccontextmanager
    async def life(
        self,
        book: Book | None = None,
        *,
        kubeconfig: Path | None = None,
        told: Told = lambda *_: None,
        timeout: aiohttp.ClientTimeout = _CALL,  # noqa: ASYNC109 - aiohttp's own
    ) -> AsyncIterator[Life]:
        """Begin a life; leaving it ends it without a farewell."""
        book = Book() if book is None else book
        access = Access(kubeconfig=kubeconfig or self.ground.kubeconfig)
        make = partial(Saleor, guard=Guard(allow_loopback=True), clock=self.clock, timeout=5)
        async with (
            Api(access, told=told, timeout=timeout) as api,
            SaleorPool(make) as pool,
        ):
            stores = self._stores(api)
            settings = ReconcileSettings(public_url=PUBLIC_URL)
            yield Life(
                self,
                Reconciler(
                    **stores,
                    saleor=pool,
                    probe=Segment().verdict,
                    settings=settings,
                    spread=lambda: 0.5,
                    step=book.step,
                ),
                Sweep(**stores),
            )

    def _stores(self, api: Api) -> dict[str, Any]:
        release: dict[str, Any] = {"release": RELEASE, "namespace": self.ground.release}
        return {
            "clock": self.clock,
            "servers": self.servers,
            "integrations": KubeIntegrations(api, [self.ground.namespace], clock=self.clock),
            "secrets": KubeSecrets(api, **release),
            "pipelines": KubePipelines(api, **release, shards=4),
        }

    # What became of it.

    async def look(self) -> None:
        """Have the servers hold what the Pipelines' Secrets say."""
        self.ground.table.clear()
        for secret in await self.secrets("pipelines"):
            for value in data(secret).values():
                pipeline = Pipeline.model_validate(json.loads(value))
                self.ground.table[pipeline.id] = pipeline

    async def secrets(self, part: str = "") -> Sequence[Mapping[str, Any]]:
        """Return the operator's own Secrets, of one part or all."""
        labels = f"saleor-segment.io/part={part}" if part else "saleor-segment.io/part"
        return (await self.ground.api.list(SECRETS, self.ground.release, labels=labels)).items

    async def found(self, name: str) -> Mapping[str, Any] | None:
        """Return the integration as it is stored."""
        return await self.ground.found(name)

    async def uid(self, name: str) -> str:
        found = await self.found(name)
        assert found is not None
        return str(found["metadata"]["uid"])

    async def condition(self, name: str, kind: ConditionType = ConditionType.READY) -> Condition:
        found = (await self.ground.status(name)).condition(kind)
        assert found is not None, f"{kind} of {name} is missing"
        return found

    async def says(
        self, name: str, kind: ConditionType = ConditionType.READY
    ) -> tuple[str, Reason]:
        condition = await self.condition(name, kind)
        return condition.status.value, condition.reason

    async def events(self) -> list[tuple[str, str]]:
        """Return integration and reason of every Event."""
        found = (await self.ground.api.list(EVENTS, self.ground.namespace)).items
        return [(each["involvedObject"]["name"], each["reason"]) for each in found]

    def apps(self, name: str) -> list[App]:
        """Return the apps in Saleor that were made for it."""
        end = f"/{self.ground.namespace}/{name}"
        return [app for app in self.saleor.apps if app.identifier.endswith(end)]

    async def unheld(self, name: str) -> None:
        """Take the finalizer off by hand."""
        body = {"metadata": {"finalizers": None}}
        await self.ground.api.patch(
            INTEGRATIONS, self.ground.namespace, name, body, how=Patch.MERGE
        )

    async def assert_ready(self, name: str, *, app: App | None = None) -> None:
        """Hold that it is Ready with one app, whose token is kept, and a webhook per event."""
        uid = await self.uid(name)
        assert await self.says(name) == ("True", Reason.RECONCILED), await self.found(name)
        if app is None:
            (app,) = self.apps(name)
            record = data(await self._own(app_secret(RELEASE, uid)))
            assert record["app_id"].decode() == app.id
            assert record["token"].decode() in {token.secret for token in app.tokens}
            assert uid in app.metadata.values()
        prefix = f"{PUBLIC_URL}/webhooks/{uid}/"
        ours = [each for each in app.webhooks if each.target_url.startswith(PUBLIC_URL)]
        found = await self.found(name)
        assert found is not None
        assert found["metadata"]["finalizers"] == [FINALIZER]
        assert len(ours) == len(found["spec"]["events"])
        assert all(each.is_active and each.target_url.startswith(prefix) for each in ours)
        await self.look()
        assert self.ground.table[uid].saleor.app_ids == (app.id,)

    async def assert_gone(self, name: str, uid: str, *, app: App | None = None) -> None:
        """Hold that nothing is left of it, but an app of the user's own."""
        assert await self.found(name) is None
        await self.look()
        assert uid not in self.ground.table
        assert not await self.has_record(uid)
        assert self.apps(name) == []
        if app is not None:
            assert app.works
            assert [each for each in app.webhooks if PUBLIC_URL in each.target_url] == []

    async def has_record(self, uid: str) -> bool:
        """Tell whether we keep anything of an app for an integration with this uid."""
        name = app_secret(RELEASE, uid)
        return name in [secret["metadata"]["name"] for secret in await self.secrets()]

    async def _own(self, name: str) -> Mapping[str, Any]:
        found = await self.ground.api.get(SECRETS, self.ground.release, name)
        assert found is not None, f"Secret {name} is missing"
        return found


Spec = Mapping[str, Any]


def existing(ground: Ground, secret: str = "my-app") -> Spec:
    """Return the part of a spec that names an app of the user's own."""
    app = {"existing": {"tokenSecretRef": {"name": secret}}}
    return {"saleor": {"apiUrl": ground.saleor.api_url, "app": app}}


async def own_app(ground: Ground, name: str) -> App:
    """Make an app of the user's own, its token in a Secret of its name."""
    app = ground.saleor.app(name, ("MANAGE_ORDERS",), name)
    await ground.secret(name, token=app.token)
    return app


@asynccontextmanager
async def a_scene(cluster: Cluster, folder: Path) -> AsyncIterator[Scene]:
    """Put up a ground where time stands still."""
    clock = Clock()
    async with SaleorTwin(clock=clock, key=SIGNING_KEY) as saleor:
        saleor.staff(EMAIL, PASSWORD)
        async with (
            standing(cluster, saleor, folder) as ground,
            Servers(ground.servers.addresses, tokens=None) as servers,
        ):
            yield Scene(ground, clock, servers)


@asynccontextmanager
async def an_operator(
    ground: Ground, *, clock: Callable[[], float] = time.time, **settings: Any
) -> AsyncIterator["asyncio.Task[None]"]:
    """Run the whole operator in this process; leaving it stops it gently, if it still runs."""
    given: dict[str, Any] = {
        "kubeconfig": ground.kubeconfig,
        "namespace": ground.release,
        "release": RELEASE,
        "watch_namespaces": (ground.namespace,),
        "public_url": PUBLIC_URL,
        "private_listen": "127.0.0.1:0",
        "allow_loopback": True,
        "verify_write_keys": False,
    }
    stop = asyncio.Event()
    settings_ = OperateSettings(**(given | settings))
    task = asyncio.create_task(operate(settings_, stop, clock=clock))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait({task}, timeout=20)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
