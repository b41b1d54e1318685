"""Taking away what integrations left behind that went without a farewell.

Somebody took our finalizer off, or a backup brought back more than there was. Nothing is taken away
on the word of a list, a cache or a missing permission: only after its integration was asked for by
name, and the store said that there is none, or another. What stands in Saleor stays there, as
whoever took the finalizer off must have wanted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile.moment import Clock, is_set_within
from saleor_segment_operator.reconcile.ports import Integrations, Pipelines, Secrets
from saleor_segment_operator.reconcile.recovered import is_past
from saleor_segment_operator.reconcile.retire import DRAIN
from saleor_segment_operator.resource import (
    ConditionStatus,
    ConditionType,
    Integration,
    Key,
    Reason,
)
from saleor_segment_operator.servers import Servers
from saleor_segment_server.contract import Pipeline, PipelineState

_EVERY = 3600.0
_SOON = 60.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Orphan:
    """What is kept of an integration that is gone."""

    key: Key
    heir: Integration | None
    """Who has its name now, with another uid: a backup was restored, say."""


class Sweep:
    """Calling it does one round.

    Args:
        integrations: Who is alive.
        secrets: What is kept of apps.
        pipelines: What the servers are told.
        servers: What is still to be sent.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        integrations: Integrations,
        secrets: Secrets,
        pipelines: Pipelines,
        servers: Servers,
        clock: Clock,
    ) -> None:
        self._integrations = integrations
        self._secrets = secrets
        self._pipelines = pipelines
        self._servers = servers
        self._clock = clock
        self._since: dict[str, float] = {}

    async def __call__(self) -> bool:
        """Look at all that is kept; tell whether something has to be looked at again soon.

        Raises:
            Unavailable: A store does not answer; what was not looked at stays as it is.
            Blocked: A store refuses to list.
        """
        apps, pipelines = await self._secrets.apps(), await self._pipelines.ids()
        # Listed before anyone is asked: what is made later is not among them.
        orphans = await self._orphans(_owned(apps, pipelines))
        for uid in orphans.keys() & apps.keys():
            await self._forget_app(uid, orphans[uid].key)
        left = [
            uid
            for uid in orphans.keys() & pipelines.keys()
            if not await self._is_needed(uid, orphans[uid])
            and not await self._retire(uid, orphans[uid].key)
        ]
        self._since = {uid: since for uid, since in self._since.items() if uid in left}
        return bool(left)

    async def _orphans(self, owned: Mapping[Key, frozenset[str]]) -> Mapping[str, "_Orphan"]:
        """Return those whose integration is gone for certain."""
        orphans: dict[str, _Orphan] = {}
        for key, uids in owned.items():
            try:
                alive = await self._integrations.get(key)
            except Blocked as error:  # no longer watched, perhaps: it may well be alive
                _log.warning("left_alone", integration=str(key), why=str(error))
                continue
            gone = uids - {alive.uid if alive else None}
            orphans |= dict.fromkeys(gone, _Orphan(key, alive))
        return orphans

    async def _is_needed(self, uid: str, orphan: "_Orphan") -> bool:
        """Tell whether the one that took its place cannot do without its Pipeline yet.

        Saleor's webhooks may still lead to it, and what Saleor gave up is handed in under its id.
        """
        heir = orphan.heir
        if heir is None:
            return False
        own = await self._pipelines.get(heir.uid)
        needed = own is None or not _is_heard(heir) or not is_past(own.since, heir.status.recovery)
        if needed:
            _log.info("pipeline_kept_for_its_heir", integration=str(orphan.key), uid=uid)
        return needed

    async def _forget_app(self, uid: str, key: Key) -> None:
        app_id = await self._app_id(uid)
        await self._secrets.delete_app(uid)
        _log.warning(
            "app_forgotten",
            integration=str(key),
            uid=uid,
            app=app_id,
            why="its integration is gone; the app stays in Saleor",
        )

    async def _app_id(self, uid: str) -> str | None:
        """Return which app it was, for the log: a record that is damaged goes all the same."""
        with suppress(Blocked):
            record = await self._secrets.app(uid)
            return record.app_id if record else None
        return None

    async def _retire(self, uid: str, key: Key) -> bool:
        """Let the servers send what they have, then take the Pipeline out; tell whether it is."""
        pipeline = await self._pipelines.get(uid)
        if pipeline is None or await self._is_done(pipeline, key):
            await self._pipelines.delete(uid)
            _log.warning("pipeline_removed", integration=str(key), uid=uid)
            return True
        return False

    async def _is_done(self, pipeline: Pipeline, key: Key) -> bool:
        since = self._since.setdefault(pipeline.id, self._clock())
        if pipeline.state is PipelineState.ACTIVE:
            draining = pipeline.model_copy(update={"state": PipelineState.DRAINING})
            await self._pipelines.put(draining, of=key)
            _log.warning("pipeline_without_integration", integration=str(key), uid=pipeline.id)
            return False
        late = self._clock() - since >= DRAIN.total_seconds()
        try:
            return await self._is_sent(pipeline, late=late)
        except Unavailable as error:
            # One that no server holds has nothing left to be sent; and nothing is in a hurry here.
            _log.warning("servers_not_asked", uid=pipeline.id, why=str(error))
            return late and error.reason == Reason.PIPELINE_PENDING

    async def _is_sent(self, pipeline: Pipeline, *, late: bool) -> bool:
        """Tell whether nothing waits on any server, each of which saw that it drains."""
        if not await self._servers.held(pipeline.id, pipeline.fingerprint()):
            return False
        pending = (await self._servers.totals(pipeline.id)).pending
        if pending and (late or pipeline.state is PipelineState.PAUSED):
            await self._servers.bury(pipeline.id)
            _log.warning("events_buried", uid=pipeline.id, events=pending)
            return True
        return pending == 0


async def keep_sweeping(
    sweep: Sweep, stop: asyncio.Event, *, interval: float = _EVERY, soon: float = _SOON
) -> None:
    """Sweep at once and once per ``interval`` seconds, after ``soon`` where something is left."""
    delay = 0.0
    while not await is_set_within(stop, delay):
        try:
            delay = soon if await sweep() else interval
        except (Blocked, Unavailable) as error:
            _log.warning("sweep_failed", reason=error.reason, why=str(error))
            delay = soon
        except Exception:  # noqa: BLE001 - a bug here does not end what keeps Saleor in order
            _log.exception("sweep_failed")
            delay = interval


def _is_heard(integration: Integration) -> bool:
    """Tell whether its webhooks lead to it: a restored status may speak of the one before."""
    status = integration.status
    enabled = status.condition(ConditionType.WEBHOOKS_ENABLED)
    return (
        enabled is not None
        and enabled.status is ConditionStatus.TRUE
        and (status.webhook_url or "").endswith(f"/{integration.uid}")
    )


def _owned(*kept: Mapping[str, Key | None]) -> Mapping[Key, frozenset[str]]:
    """Return the uids by the integration's key; what does not tell its own is left alone."""
    owned: defaultdict[Key, set[str]] = defaultdict(set)
    for each in kept:
        for uid, key in each.items():
            if key is not None:
                owned[key].add(uid)
    return {key: frozenset(uids) for key, uids in owned.items()}
