"""The commands that run until they are stopped."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import click

from saleor_segment_operator.cli.flags import load, options
from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.standalone import RunSettings
from saleor_segment_server import logs
from saleor_segment_server.settings import CommonSettings, ServeSettings

Daemon = Callable[[asyncio.Event], Awaitable[None]]
"""Runs until the event is set, then drains and returns."""

RUN_NAMES = {"files": ("-f", "--file")}
"""Flags of ``run`` that are not called after their setting."""


@click.command()
@options(RunSettings, RUN_NAMES)
def run(**given: Any) -> None:
    """Connect shops to Segment in this one process, from the manifests of a cluster.

    The files hold SaleorSegmentIntegrations and Secrets and are read again when they change. Apps
    and webhooks are kept as the files say; the state is printed as conditions. Ctrl-C drains.
    """
    settings = load(RunSettings, given, RUN_NAMES)
    # Imported here: it brings the GraphQL client in, which `serve` does without.
    from saleor_segment_operator.standalone.run import run_standalone  # noqa: PLC0415

    start(settings, lambda stop: run_standalone(settings, stop))


@click.command()
@options(OperateSettings, {})
def operate(**given: Any) -> None:
    """Keep the SaleorSegmentIntegrations of a cluster: apps, webhooks and Pipelines as they ask."""
    settings = load(OperateSettings, given, {})
    # Imported here: it brings kopf and the GraphQL client in, which the others do without.
    from saleor_segment_operator.operate.operate import operate as operate_until  # noqa: PLC0415

    start(settings, lambda stop: operate_until(settings, stop))


@click.command()
@options(ServeSettings, {})
def serve(**given: Any) -> None:
    """Receive, keep and forward the deliveries of Pipelines in a file or in a release's Secrets."""
    settings = load(ServeSettings, given, {})
    # Imported here: `run` and `settings` need not load it.
    from saleor_segment_server.serve import serve as serve_until  # noqa: PLC0415

    start(settings, lambda stop: serve_until(settings, stop))


def start(settings: CommonSettings, daemon: Daemon) -> None:
    """Run ``daemon`` until it ends or a signal stops it; a second signal ends the process."""
    logs.configure(level=settings.log_level, output=settings.log_format)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_until_stopped(daemon))


async def _until_stopped(daemon: Daemon) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stop, number)
    await daemon(stop)


def _stop(stop: asyncio.Event, number: signal.Signals) -> None:
    if stop.is_set():
        os._exit(128 + number)  # asked twice: what is acknowledged is in the journal
    stop.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - absent where it is not built for the platform
    except ImportError:
        return None
    return uvloop.new_event_loop
