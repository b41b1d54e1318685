"""Watching the Secret with the installation's identity: deleted by hand it is written back.

The operator that runs knows the identity; the next one would not, and would refuse to work.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from saleor_segment_operator.errors import OperatorError
from saleor_segment_operator.kube.resources import INSTALLATION, selector
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_server.cluster import SECRETS, Api, Follower, WatchEvent

_AGAIN = 10.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class InstallationWatch:
    """Follows the installation's Secret of a release by its metadata.

    Args:
        api: Where it is.
        release: Whose it is.
        namespace: Where it is.
        secrets: What knows the identity, and writes it.
        again: Seconds until it is tried again where it cannot be written.
    """

    def __init__(
        self,
        api: Api,
        *,
        release: str,
        namespace: str,
        secrets: KubeSecrets,
        again: float = _AGAIN,
    ) -> None:
        self._secrets = secrets
        self._again = again
        self._follower = Follower(
            api,
            SECRETS,
            namespace,
            labels=selector(release, INSTALLATION),
            metadata_only=True,
            listed=self._listed,
            changed=self._saw,
        )

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._follower.run()

    async def _listed(self, documents: Sequence[Any]) -> None:
        if not documents:
            await self._restore()

    async def _saw(self, event: WatchEvent) -> None:
        if event.kind == "DELETED":
            await self._restore()

    async def _restore(self) -> None:
        while True:
            try:
                await self._secrets.restore_installation()
            except OperatorError as error:
                _log.warning("installation_not_written_back", why=str(error))
                await asyncio.sleep(self._again)
            else:
                return
