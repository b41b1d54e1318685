"""The command that lets all integrations go, before an uninstall."""

import asyncio
from typing import Any

import click

from saleor_segment_operator.cli.flags import load, options
from saleor_segment_operator.operate.settings import Names
from saleor_segment_server import logs
from saleor_segment_server.settings import ClusterSettings


class ReleaseSettings(ClusterSettings):
    """What ``saleor-segment release`` is told."""

    watch_namespaces: Names = ()
    """Namespaces whose integrations are let go, separated by commas; empty for all. Those elsewhere
    that this installation kept are let go too, where they may be listed."""


@click.command()
@options(ReleaseSettings, {})
def release(**given: Any) -> None:
    """Take the operator's finalizer off every integration, so that all can be deleted without it.

    Run it before an uninstall; the chart's does. The operator is stopped for a minute, so that it
    does not put the finalizer back. What is in Saleor stays: delete the integrations first, and
    wait until they are gone, to have their apps and webhooks removed.
    """
    settings = load(ReleaseSettings, given, {})
    logs.configure(level=settings.log_level, output=settings.log_format)
    asyncio.run(_release(settings))


async def _release(settings: ReleaseSettings) -> None:
    # Imported here: the other commands do without the API server's client.
    from saleor_segment_operator.kube.release import release_all  # noqa: PLC0415
    from saleor_segment_server.cluster import Access, Api  # noqa: PLC0415

    access = Access(kubeconfig=settings.kubeconfig, service_account=settings.service_account)
    namespace = access.release_namespace(settings.namespace)
    async with Api(access) as api:
        await release_all(
            api,
            settings.watch_namespaces,
            release=settings.release,
            namespace=namespace,
            say=click.echo,
        )
