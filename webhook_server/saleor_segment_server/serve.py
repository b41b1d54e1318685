"""Composition root of the data plane: builds its parts, runs them, takes them down in order."""

import asyncio
import gc
import os
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import aiohttp
import structlog

from saleor_segment_server.admin import Admin
from saleor_segment_server.app import Listener, private_app, public_app
from saleor_segment_server.descriptors import allowed
from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.forwarder import Forwarder
from saleor_segment_server.journal import Limits, SqliteJournal
from saleor_segment_server.jwks import KeyStore
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.outbound import Guard, api_server
from saleor_segment_server.pipelines import OpenSource, Table, Tombstones, from_file
from saleor_segment_server.receiver import Receiver
from saleor_segment_server.segment import SegmentClient
from saleor_segment_server.settings import ReceivingSettings, ServeSettings
from saleor_segment_server.tokens import TokenFile

_IN_FLIGHT_SECONDS = 3.0  # of the 10 s that a stop may take; the forwarder has had 5
_CLOSING_SECONDS = 0.5
_PRIVATE_CONNECTIONS = 256
_HOUSEKEEPING_SECONDS = 3600.0
_YOUNG_OBJECTS = 20_000  # several windows

log = structlog.get_logger(__name__)


class Server:
    """The data plane in this process: an async context manager that is listening once entered.

    Leaving it drains: no more connections, requests in flight finish, the journal closes.

    Args:
        settings: What a receiving process is told.
        pipelines: Opens the source of the Pipelines.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: ReceivingSettings,
        *,
        pipelines: OpenSource,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._open_source = pipelines
        self._clock = clock
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open everything.

        Raises:
            StartError: Something only the user can mend stands in the way.
        """
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self._stack = stack.pop_all()
        log.info("listening", public=self.url, private=self.private_url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._public.stop_listening()
        await self._receiver.drain(seconds=_IN_FLIGHT_SECONDS)
        await self._stack.aclose()
        log.info("stopped")

    @property
    def url(self) -> str:
        """The public address as bound."""
        return self._public.url

    @property
    def private_url(self) -> str:
        """The private address as bound."""
        return self._private.url

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the Pipelines, forward, keep house, until ``stop`` is set, and the delay after."""
        ending = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._source.run(ending))
            tasks.create_task(self._forwarder.run(ending))
            tasks.create_task(self._keep_house(ending))
            await stop.wait()
            self._receiver.draining = True
            log.info("unready", accepting_for=self._settings.shutdown_delay.total_seconds())
            await asyncio.sleep(self._settings.shutdown_delay.total_seconds())
            ending.set()

    async def _open(self, stack: AsyncExitStack) -> None:
        settings, clock = self._settings, self._clock
        limits = Limits(quota=settings.quota, size=settings.journal_size, ballast=settings.ballast)
        self._journal = await stack.enter_async_context(
            SqliteJournal(settings.data_dir / "journal.db", limits=limits, clock=clock)
        )
        guard = Guard(
            allow_loopback=settings.allow_loopback,
            forbid_private=settings.forbid_private,
            refused=api_server(os.environ),
        )
        keys = await self._open_keys(stack, guard)
        table, metrics = await self._table(keys), Metrics()
        self._forwarder = await self._open_forwarder(stack, guard, table, metrics)
        self._source = await stack.enter_async_context(
            self._open_source(table, metrics.pipelines_broken.set)
        )
        self._receiver = Receiver(
            table=table,
            keys=keys,
            journal=self._journal,
            metrics=metrics,
            max_event_age=settings.max_event_age,
            body_memory=settings.body_memory,
            clock=clock,
            accepted=self._forwarder.wake,
        )
        await self._listen(stack, table, metrics)

    async def _open_keys(self, stack: AsyncExitStack, guard: Guard) -> KeyStore:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=guard.connector(), cookie_jar=aiohttp.DummyCookieJar())
        )
        path = self._settings.data_dir / "jwks.json"
        keys = KeyStore(session=session, path=path, clock=self._clock)
        await keys.load()
        return keys

    async def _open_forwarder(
        self, stack: AsyncExitStack, guard: Guard, table: Table, metrics: Metrics
    ) -> Forwarder:
        client = await stack.enter_async_context(
            SegmentClient(clock=self._clock, connector=guard.connector)
        )
        forwarder = Forwarder(
            journal=self._journal,
            table=table,
            client=client,
            metrics=metrics,
            clock=self._clock,
            random=random.random,
            max_rate=self._settings.max_rate,
        )
        metrics.watch(self._journal.tallies, forwarder.parked)
        return forwarder

    async def _table(self, keys: KeyStore) -> Table:
        tombstones = Tombstones(self._settings.data_dir / "tombstones.json")
        await tombstones.load()
        table = Table(tombstones)

        def seed() -> None:
            keys.seed(*(pipeline.saleor for pipeline in table.pipelines.values()))

        table.subscribe(seed)
        return table

    async def _listen(self, stack: AsyncExitStack, table: Table, metrics: Metrics) -> None:
        settings = self._settings
        token = TokenFile(settings.internal_token_file)
        await token.load()
        admin = Admin(
            table=table,
            journal=self._journal,
            metrics=metrics,
            parked=self._forwarder.parked,
            waiting=self._forwarder.waiting,
            receiver=self._receiver,
            tokens=token.valid,
        )
        self._private = Listener(
            private_app(admin),
            settings.private_listen,
            setting="--private-listen",
            max_connections=_PRIVATE_CONNECTIONS,
        )
        await self._private.open()
        stack.push_async_callback(self._private.close, seconds=_CLOSING_SECONDS)
        self._public = Listener(
            public_app(self._receiver),
            settings.listen,
            setting="--listen",
            max_connections=allowed(settings.max_connections),
            dropped=metrics.dropped,
        )
        await self._public.open()
        stack.push_async_callback(self._public.close, seconds=_CLOSING_SECONDS)

    async def _keep_house(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._journal.expire()
            except JournalUnavailable as error:
                log.warning("housekeeping_failed", problem=str(error))
            try:
                async with asyncio.timeout(_HOUSEKEEPING_SECONDS):
                    await stop.wait()
            except TimeoutError:
                continue


async def serve(
    settings: ServeSettings, stop: asyncio.Event, *, clock: Callable[[], float] = time.time
) -> None:
    """Run the data plane alone until ``stop`` is set.

    Raises:
        StartError: Something only the user can mend stands in the way.
    """
    async with Server(settings, pipelines=_source(settings), clock=clock) as server:
        _spare_the_collector()
        await server.run(stop)


def _spare_the_collector() -> None:
    """Let Python's garbage collector look less often, and not at all at what stays for good.

    Windows of events come and go without cycles. Looking at them, and at the modules, took a tenth
    of the forwarder's time.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 20)


def _source(settings: ServeSettings) -> OpenSource:
    if not settings.from_kubernetes:
        return from_file(settings.pipelines)
    # Imported here: the Kubernetes client is 12 MB, which a server without a cluster does without.
    from saleor_segment_server.cluster import Access  # noqa: PLC0415
    from saleor_segment_server.pipelines.secrets import from_secrets  # noqa: PLC0415

    access = Access(kubeconfig=settings.kubeconfig, service_account=settings.service_account)
    return from_secrets(
        access,
        namespace=settings.namespace,
        release=settings.release,
        shards=settings.pipeline_shards,
    )
