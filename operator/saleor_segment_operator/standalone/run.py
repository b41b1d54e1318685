"""Composition root without a cluster: the operator and the server in one process.

Going down is the way up backwards: no more reconciling, then the server drains, then the folder is
let go.
"""

import asyncio
import ipaddress
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TextIO

from saleor_segment_operator.errors import StartError, Unavailable
from saleor_segment_operator.reconcile import Queue, Reconciler, SaleorPool, keep_measuring
from saleor_segment_operator.resource import Key
from saleor_segment_operator.saleor import Saleor
from saleor_segment_operator.servers import Servers
from saleor_segment_operator.settings import ReconcileSettings
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.feed import Feed
from saleor_segment_operator.standalone.files import Files, locked, make_folder
from saleor_segment_operator.standalone.folder import PIPELINES, FolderPipelines, FolderSecrets
from saleor_segment_operator.standalone.integrations import FolderIntegrations
from saleor_segment_operator.standalone.manifests import ManifestFiles
from saleor_segment_operator.standalone.settings import RunSettings
from saleor_segment_server.addresses import host_and_port
from saleor_segment_server.outbound import Guard
from saleor_segment_server.outbound.write_key import CDN, WriteKeyProbe
from saleor_segment_server.pipelines import from_file
from saleor_segment_server.serve import Server
from saleor_segment_server.tokens import TokenFile

Clock = Callable[[], float]
"""Seconds since the epoch."""

_GRACE = 2.0  # seconds for a pass under way when we stop; the server needs the rest of ten


async def run_standalone(
    settings: RunSettings,
    stop: asyncio.Event,
    *,
    out: TextIO = sys.stdout,
    clock: Clock = time.time,
) -> None:
    """Keep shops connected, receive and forward, until ``stop`` is set.

    Raises:
        StartError: Something only the user can mend stands in the way.
    """
    _refuse_vague_address(settings)
    with _held(settings.data_dir) as state:
        operator = _Operator(settings, state, out=out, clock=clock)
        await operator.start()
        pipelines = from_file(state / PIPELINES)
        async with Server(settings, pipelines=pipelines, clock=clock) as server:
            await _run_both(operator, server, stop)


async def _run_both(operator: "_Operator", server: Server, stop: asyncio.Event) -> None:
    down = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run(down))
        await operator.run(server, stop)
        down.set()


class _Operator:
    """The control plane on files."""

    def __init__(self, settings: RunSettings, state: Path, *, out: TextIO, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reconciler: Reconciler | None = None
        self._queue = Queue(self._work, grace=_GRACE)
        self._console = console = Console(out, clock=clock)
        self._integrations = FolderIntegrations(
            Files(state / "integrations"), console=console, changed=self._queue.add, clock=clock
        )
        self._secrets = FolderSecrets(Files(state), Files(state / "apps"))
        self._pipelines = FolderPipelines(Files(state))
        self._feed = Feed(
            ManifestFiles(settings.files, namespace=settings.namespace),
            integrations=self._integrations,
            secrets=self._secrets,
            changed=self._secret_changed,
            console=console,
        )

    async def start(self) -> None:
        """Read the files, before anything listens."""
        try:
            await self._pipelines.ensure()
        except Unavailable as error:
            raise StartError(str(error)) from None
        await self._feed.start()

    async def run(self, server: Server, stop: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            public_url = self._settings.public_url or server.url
            self._console.listening(public_url, server.private_url)
            self._reconciler = reconciler = await self._make_reconciler(server, public_url, stack)
            async with asyncio.TaskGroup() as group:
                following = group.create_task(self._feed.run())
                group.create_task(keep_measuring(reconciler, self._integrations, stop))
                group.create_task(reconciler.recovery.run(stop))
                group.create_task(reconciler.rotation.run(stop))
                await self._queue.run(stop)
                following.cancel()

    async def _make_reconciler(
        self, server: Server, public_url: str, stack: AsyncExitStack
    ) -> Reconciler:
        async def addresses() -> Sequence[str]:
            return (server.private_url,)

        settings = self._settings
        token = TokenFile(settings.internal_token_file)
        await token.load()
        cdn = CDN if settings.verify_write_keys else None
        probe = await stack.enter_async_context(WriteKeyProbe(cdn=cdn))
        return Reconciler(
            integrations=self._integrations,
            secrets=self._secrets,
            pipelines=self._pipelines,
            saleor=await stack.enter_async_context(SaleorPool(self._make_saleor)),
            servers=await stack.enter_async_context(Servers(addresses, tokens=token.valid)),
            probe=probe.verdict,
            settings=ReconcileSettings(public_url=public_url, resync=settings.resync),
            clock=self._clock,
        )

    def _make_saleor(self, api_url: str) -> Saleor:
        guard = Guard(
            allow_loopback=self._settings.allow_loopback,
            forbid_private=self._settings.forbid_private,
        )
        return Saleor(api_url, guard=guard, clock=self._clock)

    def _secret_changed(self, key: Key) -> None:
        """See to a Secret of this integration that has changed: to a write key at once."""
        if self._reconciler is not None:  # before it runs, all is looked at anyway
            self._reconciler.rotation.add(key)
        self._queue.add(key)

    async def _work(self, key: Key) -> float | None:
        assert self._reconciler is not None  # noqa: S101 - the queue runs once it is made
        delay = await self._reconciler.reconcile(key)
        integration = await self._integrations.get(key)
        if integration is not None:  # after a restart nothing may have changed, and still be shown
            self._console.conditions(key, integration.status)
        return delay


@contextmanager
def _held(data_dir: Path) -> Iterator[Path]:
    """Make the folder for the state and keep other processes out of it."""
    state = data_dir / "state"
    make_folder(data_dir)
    make_folder(state)
    with locked(state / "lock"):
        for name in ("integrations", "apps"):
            make_folder(state / name)
        yield state


def _refuse_vague_address(settings: RunSettings) -> None:
    host, _ = host_and_port(settings.listen)
    try:
        vague = ipaddress.ip_address(host).is_unspecified
    except ValueError:  # a name
        vague = False
    if vague and settings.public_url is None:
        raise StartError(
            f"--listen {settings.listen} is every address of this machine: "
            "say with --public-url which one Saleor is to call"
        )
