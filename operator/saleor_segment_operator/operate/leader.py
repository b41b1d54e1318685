"""What an operator does while it leads."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from saleor_segment_operator.kube.endpoints import ServerAddresses
from saleor_segment_operator.kube.handlers import Register
from saleor_segment_operator.kube.installation_watch import InstallationWatch
from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.listing import Listing
from saleor_segment_operator.kube.pipelines import KubePipelines
from saleor_segment_operator.kube.pipelines_watch import PipelinesWatch
from saleor_segment_operator.kube.secret_watch import SecretWatch, Versions
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.kube.unwatched import Unwatched
from saleor_segment_operator.kube.watch import Watch
from saleor_segment_operator.operate.health import Health
from saleor_segment_operator.operate.metrics import Metrics, Sources, outcome, stopwatch
from saleor_segment_operator.operate.settings import OperateSettings
from saleor_segment_operator.reconcile import (
    Queue,
    Reconciler,
    SaleorPool,
    Sweep,
    keep_measuring,
    keep_sweeping,
)
from saleor_segment_operator.reconcile.act import Step
from saleor_segment_operator.resource import Key
from saleor_segment_operator.saleor import Saleor
from saleor_segment_operator.servers import Servers
from saleor_segment_operator.settings import ReconcileSettings
from saleor_segment_server.cluster import Access, Api
from saleor_segment_server.outbound import Guard, api_server
from saleor_segment_server.outbound.write_key import CDN, WriteKeyProbe
from saleor_segment_server.tokens import TokenFile

_STALE = 3.0
"""Resyncs without a list that succeeded, after which an operator is not ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is there already when an operator begins to lead."""

    settings: OperateSettings
    namespace: str
    """The release's."""
    access: Access
    api: Api
    metrics: Metrics
    health: Health
    clock: Callable[[], float]
    """Seconds since the epoch."""
    instance: str
    """Who this is among the operators of the release."""
    environment: Mapping[str, str]
    """What Kubernetes tells a pod."""


class Leader:
    """The reconciler and all that feeds it.

    Args:
        around: What it works with.
        step: Called before each change of the world.
    """

    _reconciler: Reconciler
    _sweep: Sweep

    def __init__(self, around: Surroundings, *, step: Step) -> None:
        self._around = around
        self._settings = settings = around.settings
        self._step = step
        self._resync = settings.resync.total_seconds()
        namespaces = settings.watch_namespaces
        self._queue = Queue(self._work, workers=settings.workers)
        self._register = Register(self._queue.add)
        self._watch = Watch(around.access, namespaces, self._told)
        self._listing = Listing(around.api, namespaces, self._register, interval=self._resync)
        self._secret_watch = SecretWatch(
            around.api, namespaces, Versions(self._register, self._secret_changed)
        )
        self._integrations = KubeIntegrations(
            around.api, namespaces, instance=around.instance, clock=around.clock
        )
        self._secrets = KubeSecrets(
            around.api, release=settings.release, namespace=around.namespace
        )
        self._pipelines = KubePipelines(
            around.api,
            release=settings.release,
            namespace=around.namespace,
            shards=settings.pipeline_shards,
        )
        self._pipelines_watch = PipelinesWatch(
            around.api,
            release=settings.release,
            namespace=around.namespace,
            pipelines=self._pipelines,
            changed=self._queue.add,
        )
        self._installation_watch = InstallationWatch(
            around.api,
            release=settings.release,
            namespace=around.namespace,
            secrets=self._secrets,
        )
        self._unwatched = Unwatched(
            around.api, namespaces, self._secrets, interval=self._resync, clock=around.clock
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; a pass under way then may finish.

        Raises:
            StartError: The internal token cannot be read.
            Lost: The watch is lost.
        """
        async with AsyncExitStack() as stack:
            servers = await stack.enter_async_context(await self._make_servers())
            self._reconciler = await self._make_reconciler(servers, stack)
            self._sweep = self._make_sweep(servers)
            self._show()
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(each)
                    for each in (
                        self._listing.run(),
                        self._watch.run(),
                        self._secret_watch.run(),
                        self._pipelines_watch.run(),
                        self._installation_watch.run(),
                        self._unwatched.run(),
                        keep_measuring(self._reconciler, self._integrations, stop),
                        self._reconciler.recovery.run(stop),
                        self._reconciler.rotation.run(stop),
                        keep_sweeping(self._sweep, stop),
                    )
                ]
                await self._queue.run(stop)
                for task in beside:  # also those that would go through hundreds before they end
                    task.cancel()

    def _show(self) -> None:
        """Let probes and metrics see what is going on."""
        self._around.health.unready = self._unready
        self._around.metrics.read(
            Sources(
                integrations=self._register.readiness,
                queued=lambda: self._queue.depth,
                watch_age=lambda: self._watch.pulse.age,
                watch_events=lambda: self._watch.events,
                watch_missed=lambda: self._register.missed,
                orphaned=lambda: self._reconciler.orphaned + self._unwatched.orphaned,
            )
        )

    def _unready(self) -> str | None:
        listed = self._listing.age
        if listed is None:
            return "integrations are not listed yet"
        if listed > _STALE * self._resync:
            return f"integrations were last listed {listed:.0f} s ago"
        if not self._watch.pulse.live:
            return "integrations are not watched yet"
        return None if self._secret_watch.synced else "Secrets are not listed yet"

    def _told(self, kind: str | None, document: Mapping[str, Any]) -> None:
        """Take in an event of the watch."""
        if kind != "DELETED":
            self._integrations.saw(document)
        self._register.see(kind, document)

    def _secret_changed(self, key: Key) -> None:
        """See to a Secret of this integration that has changed: to a write key at once."""
        self._reconciler.rotation.add(key)
        self._queue.add(key)

    async def _work(self, key: Key) -> float | None:
        seconds = stopwatch()
        delay = await self._reconciler.reconcile(key)
        self._around.metrics.passed(outcome(delay, self._resync), seconds())
        return delay

    async def _make_servers(self) -> Servers:
        around, settings = self._around, self._settings
        token = TokenFile(settings.internal_token_file)
        await token.load()
        addresses = ServerAddresses(
            around.api, namespace=around.namespace, service=f"{settings.release}-server"
        )
        return Servers(addresses, tokens=token.valid)

    async def _make_reconciler(self, servers: Servers, stack: AsyncExitStack) -> Reconciler:
        settings = self._settings
        probe = await stack.enter_async_context(
            WriteKeyProbe(cdn=CDN if settings.verify_write_keys else None)
        )
        return Reconciler(
            integrations=self._integrations,
            secrets=self._secrets,
            pipelines=self._pipelines,
            saleor=await stack.enter_async_context(SaleorPool(self._make_saleor)),
            servers=servers,
            probe=probe.verdict,
            settings=ReconcileSettings(
                public_url=settings.public_url,
                resync=settings.resync,
                allowed_endpoint_hosts=settings.allowed_endpoint_hosts,
            ),
            clock=self._around.clock,
            step=self._step,
        )

    def _make_sweep(self, servers: Servers) -> Sweep:
        return Sweep(
            integrations=self._integrations,
            secrets=self._secrets,
            pipelines=self._pipelines,
            servers=servers,
            clock=self._around.clock,
        )

    def _make_saleor(self, api_url: str) -> Saleor:
        guard = Guard(
            allow_loopback=self._settings.allow_loopback,
            forbid_private=self._settings.forbid_private,
            refused=api_server(self._around.environment),
        )
        return Saleor(api_url, guard=guard, clock=self._around.clock)
