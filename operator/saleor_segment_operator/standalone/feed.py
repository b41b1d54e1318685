"""Keeps what the reconciler sees at what the files say."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from saleor_segment_operator.errors import StartError, Unavailable
from saleor_segment_operator.resource import Key
from saleor_segment_operator.resource.named import SecretName, named_secrets
from saleor_segment_operator.standalone.console import Console
from saleor_segment_operator.standalone.folder import FolderSecrets
from saleor_segment_operator.standalone.integrations import FolderIntegrations
from saleor_segment_operator.standalone.manifests import ManifestFiles
from saleor_segment_server.errors import DocumentUnreadable

_LOOK_EVERY = 0.25  # a rotated key has two seconds to be in use; a change is seen in two looks
_RETRY_AFTER = 1.0
_REMIND_EVERY = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Feed:
    """Applies the files, and again whenever they change; while they are broken, the last good."""

    def __init__(
        self,
        files: ManifestFiles,
        *,
        integrations: FolderIntegrations,
        secrets: FolderSecrets,
        changed: Callable[[Key], None],
        console: Console,
        interval: float = _LOOK_EVERY,
    ) -> None:
        """Bring ``files`` to ``integrations`` and ``secrets``.

        Args:
            files: What is read.
            integrations: Where manifests become objects.
            secrets: Where Secrets are kept.
            changed: Called with each integration that is to be looked at.
            console: Where broken files are shown.
            interval: Seconds between two looks at the files.
        """
        self._files = files
        self._integrations = integrations
        self._secrets = secrets
        self._changed = changed
        self._console = console
        self._interval = interval
        self._applied: Mapping[SecretName, Mapping[str, bytes]] = {}
        self._broken: str | None = None

    async def start(self) -> None:
        """Apply the files for the first time, and have every integration looked at.

        Raises:
            StartError: They are broken, or the folder cannot be written.
        """
        try:
            await self._apply()
        except (DocumentUnreadable, Unavailable) as error:
            raise StartError(str(error)) from None
        for key in await self._integrations.keys():
            self._changed(key)

    async def run(self) -> None:
        """Follow the files until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._remind())
            async for _ in self._files.changes(interval=self._interval):
                await self._follow()

    async def _follow(self) -> None:
        while True:
            try:
                await self._apply()
            except DocumentUnreadable as error:
                return self._say(str(error))
            except Unavailable as error:
                _log.warning("state_unwritable", problem=str(error))
                await asyncio.sleep(_RETRY_AFTER)
            else:
                return self._say(None)

    async def _apply(self) -> None:
        manifests = await self._files.read()
        self._integrations.check(manifests.integrations)
        self._secrets.apply(manifests.secrets)
        await self._integrations.apply(manifests.integrations)
        await self._tell(_differing(self._applied, manifests.secrets))
        self._applied = manifests.secrets

    async def _tell(self, changed: set[SecretName]) -> None:
        for key in await self._integrations.keys():
            integration = await self._integrations.get(key)
            if integration is not None and named_secrets(integration) & changed:
                self._changed(key)

    def _say(self, broken: str | None) -> None:
        if broken != self._broken:
            self._console.manifests(broken)
        self._broken = broken

    async def _remind(self) -> None:
        while True:
            await asyncio.sleep(_REMIND_EVERY)
            if self._broken is not None:
                _log.warning("manifests_still_unreadable", problem=self._broken)


def _differing(
    before: Mapping[SecretName, Mapping[str, bytes]],
    after: Mapping[SecretName, Mapping[str, bytes]],
) -> set[SecretName]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}
