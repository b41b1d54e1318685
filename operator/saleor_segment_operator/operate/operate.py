"""Composition root of the control plane in a cluster.

What goes up goes down in reverse: the queue ends first, a pass under way may finish; then what
watches; then the clients; the Lease last but the probes, so that the next operator starts at once.
"""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from saleor_segment_operator.kube.installed import wait_until_installed
from saleor_segment_operator.kube.lease import Lease
from saleor_segment_operator.kube.resources import lease as lease_name
from saleor_segment_operator.operate.health import Health, listening
from saleor_segment_operator.operate.leader import Leader, Surroundings
from saleor_segment_operator.operate.metrics import Metrics
from saleor_segment_operator.operate.settings import OperateSettings
from saleor_segment_operator.reconcile.act import Step, no_step
from saleor_segment_server.addresses import http_url
from saleor_segment_server.cluster import Access, Api

Clock = Callable[[], float]
"""Seconds since the epoch."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def operate(
    settings: OperateSettings,
    stop: asyncio.Event,
    *,
    clock: Clock = time.time,
    step: Step = no_step,
    environment: Mapping[str, str] = os.environ,
    bound: Callable[[str], None] | None = None,
) -> None:
    """Keep the integrations of a cluster until ``stop`` is set.

    Args:
        settings: See there.
        stop: Ends it, gently.
        clock: Seconds since the epoch.
        step: Called before each change of the world; tests stop the world there.
        environment: What Kubernetes tells a pod.
        bound: Called with the URL of the private port once it is open.

    Raises:
        StartError: Something only the user can mend stands in the way.
        Lost: Leadership or the watch is lost: a fresh process gets it back.
    """
    access = Access(kubeconfig=settings.kubeconfig, service_account=settings.service_account)
    namespace = access.release_namespace(settings.namespace)
    metrics = Metrics()
    health = Health(metrics)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(Api(access, told=metrics.called))
        address = await stack.enter_async_context(
            listening(health, metrics, settings.private_listen)
        )
        _announce(address, bound)
        await stack.enter_async_context(_beating(health))
        surroundings = Surroundings(
            settings=settings,
            namespace=namespace,
            access=access,
            api=api,
            metrics=metrics,
            health=health,
            clock=clock,
            instance=f"{socket.gethostname()}_{secrets.token_hex(4)}",
            environment=environment,
        )
        await _lead(surroundings, stop, step)


async def _lead(around: Surroundings, stop: asyncio.Event, step: Step) -> None:
    health, metrics = around.health, around.metrics
    health.unready = lambda: "waiting for the CRD"
    if not await _done_before(stop, wait_until_installed(around.api)):
        return
    lease = Lease(
        around.api,
        namespace=around.namespace,
        name=lease_name(around.settings.release),
        identity=around.instance,
        duration=around.settings.lease_duration.total_seconds(),
    )
    health.unready = lambda: None  # so that a rollout goes on: this one has to wait for the other
    if not await _done_before(stop, lease.acquire()):
        return
    async with _held(lease):
        metrics.leader.set(1)
        await Leader(around, step=_fenced(lease, step)).run(stop)
        metrics.leader.set(0)


@asynccontextmanager
async def _held(lease: Lease) -> AsyncIterator[None]:
    """Keep the Lease for the time of a ``with``, and give it up for the next one at its end."""
    try:
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(lease.keep())
            yield
            keeping.cancel()
    finally:
        await lease.release()


def _fenced(lease: Lease, step: Step) -> Step:
    """Return a step that does not go on once we cannot be sure to lead: the process is ending."""

    async def fenced(name: str) -> None:
        await step(name)
        if not lease.held:
            _log.warning("change_left_out", action=name)
            await asyncio.Event().wait()

    return fenced


async def _done_before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do ``work`` unless ``stop`` is set first; tell whether it was done."""
    async with asyncio.TaskGroup() as group:
        working, stopping = group.create_task(work), group.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        done = working.done()
        working.cancel()
        stopping.cancel()
    return done


@asynccontextmanager
async def _beating(health: Health) -> AsyncIterator[None]:
    beating = asyncio.create_task(health.beat())
    try:
        yield
    finally:
        beating.cancel()


def _announce(address: tuple[str, int], bound: Callable[[str], None] | None) -> None:
    url = http_url(*address)
    _log.info("operator_started", private=url)
    if bound is not None:
        bound(url)
