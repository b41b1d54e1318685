"""A world to reconcile: Saleor's twin and a stand-in for the servers over HTTP, the rest in memory.

Time stands still until a test, or a pass that wants to wait, moves it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from saleor_segment_operator.reconcile import Reconciler, SaleorPool
from saleor_segment_operator.resource import (
    Condition,
    ConditionType,
    Integration,
    Key,
    Reason,
    Status,
)
from saleor_segment_operator.saleor import Saleor
from saleor_segment_operator.servers import Servers
from saleor_segment_operator.settings import ReconcileSettings
from saleor_segment_server.contract import Pipeline
from saleor_segment_server.outbound import Guard
from saleor_segment_server.outbound.write_key import WriteKeyVerdict
from tests.control_plane.reconcile.plane import Plane
from tests.ports.memory import INSTALLATION, MemoryIntegrations, MemoryPipelines, MemorySecrets
from tests.twins.saleor import App, SaleorTwin, SigningKey, Webhook

KEY = Key("shop", "main-shop")
PUBLIC_URL = "https://hooks.example.com"
MARKER = f"{INSTALLATION.id}/{KEY}"
SIGNING_KEY = SigningKey.generate()
EMAIL, PASSWORD = "staff@example.com", "password"

READY = ConditionType.READY


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


@dataclass
class Clock:
    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)


@dataclass
class Segment:
    """What Segment says of write keys: nothing of most."""

    verdicts: dict[str, WriteKeyVerdict] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def verdict(self, endpoint: str, key: str) -> WriteKeyVerdict:
        self.asked.append((endpoint, key))
        return self.verdicts.get(key, WriteKeyVerdict.VALID)


@dataclass
class World:
    """Everything there is, but the operator's process, which ``start`` makes anew."""

    saleor: SaleorTwin
    plane: Plane
    clock: Clock
    integrations: MemoryIntegrations
    secrets: MemorySecrets
    pipelines: MemoryPipelines
    segment: Segment = field(default_factory=Segment)
    steps: list[str] = field(default_factory=list)
    kill_at: int | None = None
    """The number of the step before which the process is killed."""

    # The user's side.

    def spec(self, **changes: Any) -> dict[str, Any]:
        app = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
        return {
            "saleor": {"apiUrl": self.saleor.api_url, "app": app},
            "segment": {"writeKeySecretRef": {"name": "segment"}},
        } | changes

    def of_shop(self, public_url: str) -> dict[str, Any]:
        spec = self.spec()
        return spec | {"saleor": spec["saleor"] | {"publicUrl": public_url}}

    def existing(self, **changes: Any) -> dict[str, Any]:
        app = {"existing": {"tokenSecretRef": {"name": "my-app"}}}
        return self.spec(saleor={"apiUrl": self.saleor.api_url, "app": app}, **changes)

    def secret(self, name: str, **data: str) -> None:
        encoded = {key: value.encode() for key, value in data.items()}
        self.secrets.users[KEY.namespace, name] = encoded

    def delete(self) -> None:
        self.integrations.delete(KEY, self.clock.moment)

    # What became of it.

    @property
    def integration(self) -> Integration:
        return self.integrations.objects[KEY]

    @property
    def gone(self) -> bool:
        return KEY not in self.integrations.objects

    @property
    def status(self) -> Status:
        return self.integration.status

    def condition(self, name: ConditionType) -> Condition:
        found = self.status.condition(name)
        assert found is not None, f"{name} is missing"
        return found

    def says(self, name: ConditionType) -> tuple[str, Reason]:
        condition = self.condition(name)
        return condition.status.value, condition.reason

    @property
    def is_ready(self) -> bool:
        return self.says(READY) == ("True", Reason.RECONCILED)

    @property
    def pipeline(self) -> Pipeline:
        (pipeline,) = self.pipelines.table.values()
        return pipeline

    @property
    def app(self) -> App:
        (app,) = (app for app in self.saleor.apps if app.identifier == MARKER)
        return app

    def webhooks(self, app: App | None = None) -> list[Webhook]:
        return sorted((app or self.app).webhooks, key=lambda webhook: webhook.pk)

    @property
    def announced(self) -> list[str]:
        return [each.reason for each in self.integrations.announcements]


class Process:
    """One life of the operator's process."""

    def __init__(self, world: World, reconciler: Reconciler) -> None:
        self.world = world
        self.reconciler = reconciler

    async def work(
        self, key: Key = KEY, *, patience: float = 20.0, passes: int = 60
    ) -> float | None:
        """Do passes until one wants to wait longer than ``patience``; return that wait."""
        for _ in range(passes):
            delay = await self.reconciler.reconcile(key)
            if delay is None or delay > patience:
                return delay
            self.world.clock.now += delay
        raise AssertionError(f"no end after {passes} passes: {self.world.status.document()}")

    async def once(self) -> float | None:
        """Do one pass."""
        return await self.reconciler.reconcile(KEY)


@asynccontextmanager
async def running(
    world: World, *, public_url: str = PUBLIC_URL, allowed_hosts: tuple[str, ...] = ()
) -> AsyncIterator[Process]:
    """Start the operator's process; leaving it ends it without a farewell."""

    async def step(name: str) -> None:
        world.steps.append(name)
        if len(world.steps) - 1 == world.kill_at:
            world.kill_at = None
            raise Killed

    def make(api_url: str) -> Saleor:
        return Saleor(api_url, guard=Guard(allow_loopback=True), clock=world.clock, timeout=5)

    async with SaleorPool(make) as pool, Servers(world.plane.addresses, tokens=None) as servers:
        yield Process(
            world,
            Reconciler(
                integrations=world.integrations,
                secrets=world.secrets,
                pipelines=world.pipelines,
                saleor=pool,
                servers=servers,
                probe=world.segment.verdict,
                settings=ReconcileSettings(
                    public_url=public_url, allowed_endpoint_hosts=allowed_hosts
                ),
                clock=world.clock,
                spread=lambda: 0.5,
                step=step,
            ),
        )


@asynccontextmanager
async def a_world(version: str = "3.23.28", *, shop_url: str | None = None) -> AsyncIterator[World]:
    clock, pipelines = Clock(), MemoryPipelines()
    async with (
        SaleorTwin(version=version, clock=clock, key=SIGNING_KEY, public_url=shop_url) as saleor,
        Plane(pipelines.table) as plane,
    ):
        saleor.staff(EMAIL, PASSWORD)
        world = World(saleor, plane, clock, MemoryIntegrations(), MemorySecrets(), pipelines)
        world.secret("saleor-staff", email=EMAIL, password=PASSWORD)
        world.secret("segment", writeKey="key-one")
        yield world
