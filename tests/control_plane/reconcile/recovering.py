"""A world whose server is a real receiver with its journal, and a way to it that may fail."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from saleor_segment_operator.reconcile.recovery import Recovery
from saleor_segment_operator.resource import ConditionType, Integration, RecoveryStatus, Status
from saleor_segment_server.bodies import LARGEST_BODY
from saleor_segment_server.contract import Pipeline
from tests.control_plane.reconcile.harness import (
    EMAIL,
    KEY,
    PASSWORD,
    SIGNING_KEY,
    Clock,
    Process,
    World,
    running,
)
from tests.control_plane.reconcile.plane import Plane
from tests.data_plane import receiving
from tests.ports.memory import MemoryIntegrations, MemoryPipelines, MemorySecrets
from tests.twins.saleor import SaleorTwin
from tests.twins.saleor.sending.deliveries import Delivery

RECOVERED = ConditionType.DELIVERIES_RECOVERED
_SCALE = 5000.0
"""Saleor's 310 s pass in 62 ms."""
_HOPS = frozenset({"host", "content-length", "connection", "accept-encoding"})


class SharedClock(Clock, receiving.Clock):
    """One time for the shop, the operator and the server."""


@dataclass
class Gate:
    """The public way to the receiver: open, closed, or answering itself as a proxy would."""

    target: str = ""
    closed: bool = False
    status: int = 0
    """Where set, what it answers instead of passing anything on."""
    url: str = ""
    passed: list[bytes] = field(default_factory=list)
    """The bodies that came through."""

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        if self.closed and request.transport is not None:
            request.transport.abort()
            return web.Response()
        if self.status:
            return web.Response(status=self.status)
        body = await request.read()
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in _HOPS
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.target + request.path, data=BytesIO(body), headers=headers
            ) as response,
        ):
            self.passed.append(body)
            return web.Response(status=response.status, body=await response.read())

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_post("/{path:.*}", self._pass)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


class RealPlane(Plane):
    """One real server, as the operator sees it; it reads the table whenever it is looked for."""

    def __init__(self, table: dict[str, Pipeline], door: receiving.Door) -> None:
        super().__init__(table)
        self.door = door

    async def addresses(self) -> list[str]:
        if self.down:
            return []
        await self.door.table.replace(list(self.table.values()))
        return [self.door.private.url]

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        raise NotImplementedError


@dataclass
class WatchedIntegrations(MemoryIntegrations):
    """They tell when what is said of recovery changes."""

    looks: list[RecoveryStatus] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, integration: Integration, status: Status) -> None:
        before = self.objects[integration.key].status.recovery
        await super().publish(integration, status)
        if status.recovery is not None and status.recovery != before:
            self.looks.append(status.recovery)
            self.news.set()


@dataclass
class Recovering:
    """The world, its gate and its server."""

    world: World
    gate: Gate
    door: receiving.Door
    integrations: WatchedIntegrations

    async def looked(self, times: int) -> None:
        """Wait until the status of recovery has changed so often."""
        async with asyncio.timeout(10):
            while len(self.integrations.looks) < times:
                self.integrations.news.clear()
                await self.integrations.news.wait()

    @property
    def saleor(self) -> SaleorTwin:
        return self.world.saleor

    @property
    def status(self) -> RecoveryStatus:
        found = self.world.status.recovery
        assert found is not None
        return found

    @property
    def message(self) -> str:
        return self.world.condition(RECOVERED).message

    def says(self) -> tuple[str, str]:
        return self.world.says(RECOVERED)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        """Start the operator's process, and bring the integration up to Ready."""
        async with running(self.world, public_url=self.gate.url) as process:
            await process.work()
            yield process

    async def orders(self, count: int, *, seconds: float = 400.0) -> list[Delivery]:
        """Place orders and let Saleor's retries end; return the deliveries that it gave up."""
        known = len(self.saleor.deliveries)
        for _ in range(count):
            self.saleor.shop.place_order()
        await self.saleor.settled()
        self.world.clock.now += seconds
        return [each for each in self.saleor.deliveries[known:] if each.outcome == "failed"]

    async def journaled(self, pipeline_id: str | None = None) -> list[bytes]:
        """Return the bodies that the server holds, all of them pending."""
        uid = self.world.integration.uid if pipeline_id is None else pipeline_id
        pending = await self.door.journal.take(uid, limit=10_000, max_bytes=2**30)
        return [each.body for each in pending]


async def turns(recovery: Recovery, world: World, *, most: int = 100) -> float | None:
    """Let it do turns until it wants to wait; return for how long."""
    for _ in range(most):
        delay = await recovery.recover(KEY)
        if delay != 0.0:
            return delay
    raise AssertionError(f"no end after {most} turns: {world.status.document()}")


@asynccontextmanager
async def recovering(folder: Path, *, version: str = "3.23.28") -> AsyncIterator[Recovering]:
    clock, pipelines, gate = SharedClock(), MemoryPipelines(), Gate()
    async with AsyncExitStack() as stack:
        twin = SaleorTwin(version=version, clock=clock, key=SIGNING_KEY, time_scale=_SCALE)
        saleor = await stack.enter_async_context(twin)
        door = await stack.enter_async_context(receiving.Door(folder, clock=clock))
        await stack.enter_async_context(gate.serving())
        gate.target = door.public.url
        saleor.staff(EMAIL, PASSWORD)
        plane = RealPlane(pipelines.table, door)
        integrations = WatchedIntegrations()
        world = World(saleor, plane, clock, integrations, MemorySecrets(), pipelines)
        world.secret("saleor-staff", email=EMAIL, password=PASSWORD)
        world.secret("segment", writeKey="key-one")
        world.integrations.apply(KEY, world.spec())
        yield Recovering(world, gate, door, integrations)
