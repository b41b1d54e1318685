"""Integrations of ours where we watch no longer: somebody narrowed ``watchNamespaces``.

Nothing that is changed there is seen, and only we would take our finalizer off. So they are looked
for where the chart's ``rbac.letGo`` permits it, are told of, and let go once they are deleted.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import structlog

from saleor_segment_operator.errors import OperatorError
from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.kube.unkept import tell_unkept
from saleor_segment_operator.resource import Integration, Reason
from saleor_segment_server.cluster import Api, Forbidden

_SOON = 15.0
"""Seconds between two looks while there are any: whoever deletes one waits for us."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Unwatched:
    """Looks for what we keep outside of the watched namespaces.

    Args:
        api: Where the integrations are.
        namespaces: Which are watched; none for all, and then there is nothing to do.
        secrets: Knows who we are.
        interval: Seconds between two looks.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        api: Api,
        namespaces: Sequence[str],
        secrets: KubeSecrets,
        *,
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self._integrations = KubeIntegrations(api, (), clock=clock)
        self._namespaces = frozenset(namespaces)
        self._secrets = secrets
        self._interval = interval
        self._clock = clock
        self._warned: set[str] = set()
        self._told: set[str] = set()
        self.orphaned = 0
        """How many were let go with Saleor not cleaned up."""

    async def run(self) -> None:
        """Look until cancelled, where not all namespaces are watched."""
        while self._namespaces:
            found = False
            try:
                found = await self.look()
            except OperatorError as error:
                _log.warning("unwatched_not_seen_to", why=str(error))
            await asyncio.sleep(min(self._interval, _SOON) if found else self._interval)

    async def look(self) -> bool:
        """See to each; tell whether any may be left. Without the right to list nothing is done.

        Raises:
            Blocked: Who we are, or what there is, may not be read.
            Unavailable: It cannot be read now.
        """
        ours = await self._secrets.identity()
        found = [one for one in await self._elsewhere() if ours and one.kept_by == ours]
        for one in found:
            try:
                await self._see_to(one)
            except OperatorError as error:  # the others are seen to all the same
                _log.warning("unwatched_not_seen_to", integration=str(one.key), why=str(error))
        return bool(found)

    async def _elsewhere(self) -> Sequence[Integration]:
        try:
            documents = await self._integrations.list()
        except OperatorError as error:
            if isinstance(error.__cause__, Forbidden):
                return ()  # without rbac.letGo
            raise
        found = [Integration.parse(document) for document in documents]
        return [one for one in found if one.key.namespace not in self._namespaces]

    async def _see_to(self, listed: Integration) -> None:
        if listed.deleting is not None:
            await self._let_go(listed)
            return
        if listed.uid not in self._warned:
            self._warned.add(listed.uid)
            _log.warning("not_watched", integration=str(listed.key), why=_why(listed))
        if listed.uid not in self._told:
            await self._tell(listed)
            self._told.add(listed.uid)

    async def _let_go(self, integration: Integration) -> None:
        await self._integrations.release(integration)
        self.orphaned += 1
        why = "its namespace is not watched: what the operator made in Saleor stays there"
        _log.warning("orphaned", integration=str(integration.key), why=why)

    async def _tell(self, listed: Integration) -> None:
        found = await self._integrations.get(listed.key)  # a list of metadata has no status
        if found is not None and found.uid == listed.uid:
            now = datetime.fromtimestamp(self._clock(), UTC)
            await tell_unkept(self._integrations, found, Reason.NOT_WATCHED, _why(listed), now=now)


def _why(integration: Integration) -> str:
    return (
        f"The operator no longer watches namespace {integration.key.namespace}: changes are not "
        "heeded. Add it to watchNamespaces again, or delete the integration; then its app and "
        "webhooks stay in Saleor."
    )
