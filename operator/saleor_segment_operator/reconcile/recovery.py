"""When to bring back what Saleor gave up, and what is said of it.

Saleor gives a delivery up after 310 s without a 2xx and keeps it. So it is asked for these at the
start, once the servers were away for a while, and every hour. That runs beside the passes, on a
queue of its own: there may be a day's deliveries to hand in.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import credentials, recovered, webhooks
from saleor_segment_operator.reconcile.look import Look, Memory, Ways
from saleor_segment_operator.reconcile.moment import Clock, moment
from saleor_segment_operator.reconcile.pace import Pace
from saleor_segment_operator.reconcile.plan import Plan
from saleor_segment_operator.reconcile.ports import Integrations, Pipelines, Secrets
from saleor_segment_operator.reconcile.queue import Queue
from saleor_segment_operator.reconcile.recovered import Eras, Result
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import Integration, Invalid, Key, Reason, RecoveryStatus, Spec
from saleor_segment_operator.saleor import Saleor
from saleor_segment_operator.servers import Servers

Shops = Callable[[str], Awaitable[Saleor]]
"""Returns the client of the shop at an API address."""
Renew = Callable[[RecoveryStatus | None], RecoveryStatus]
Publish = Callable[[Integration, Renew], Awaitable[None]]
"""Changes what an integration's status says of recovery."""

_EVERY = 3600.0
_SOON = 60.0
"""Seconds until another look while Saleor sends deliveries again, or one may have escaped."""
_BLOCKED = 300.0
"""Seconds until another look where the user must mend something first."""
_AFTER_A_BUG = 600.0
_AT_ONCE = 200
"""Deliveries after which another integration has its turn."""
_WORKERS = 2
_GRACE = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Case:
    """What is kept of one integration between its turns."""

    uid: str
    memory: Memory = field(default_factory=Memory)
    look: Look | None = None
    """The look that is under way."""
    away: bool = False
    """Whether the servers were out of reach when they were last looked at."""
    again: bool = False
    """Whether they were since the look that is under way began."""


class Recovery:
    """Brings back what Saleor gave up, through the servers' own door."""

    def __init__(
        self,
        *,
        integrations: Integrations,
        secrets: Secrets,
        pipelines: Pipelines,
        saleor: Shops,
        servers: Servers,
        publish: Publish,
        public_url: str,
        clock: Clock,
        spread: Callable[[], float] = random.random,
    ) -> None:
        """Work on these.

        Args:
            integrations: What is asked for.
            secrets: The users' Secrets and our own.
            pipelines: What the servers were told.
            saleor: The shops.
            servers: Who takes deliveries.
            publish: Where is said what came of it.
            public_url: Base of the address that Saleor calls.
            clock: Seconds since the epoch.
            spread: Random numbers from 0 to 1, for jitter.
        """
        self._integrations = integrations
        self._secrets = secrets
        self._pipelines = pipelines
        self._saleor = saleor
        self._servers = servers
        self._publish = publish
        self._public_url = public_url
        self._clock = clock
        self._pace = Pace(resync=_EVERY, random=spread)
        self._queue = Queue(self.recover, workers=_WORKERS, grace=_GRACE)
        self._cases: dict[Key, _Case] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Look when it is due, until ``stop`` is set."""
        await self._queue.run(stop)

    def notice(self, seen: Observed, plan: Plan | None = None) -> None:
        """See what a pass found: the first that finds webhooks enabled asks for a look.

        Another is asked for once the servers are back that were out of reach.
        """
        key, uid = seen.integration.key, seen.integration.uid
        case = self._cases.get(key)
        known = case is not None and case.uid == uid
        if isinstance(seen.held, Problem):
            if case is not None and seen.held.reason is Reason.SERVERS_UNREACHABLE:
                case.away = True
        elif seen.held and not known and plan is not None and _is_heard(plan):
            self._cases[key] = _Case(uid)
            self._queue.add(key)
        elif seen.held and known and case is not None:
            self._come_back(key, case)

    def notice_servers(self) -> None:
        """See that the servers answer: looks that wait for them go on."""
        for key, case in self._cases.items():
            self._come_back(key, case)

    def _come_back(self, key: Key, case: _Case) -> None:
        if case.away:
            case.away, case.again = False, case.look is not None
            self._queue.add(key)

    async def recover(self, key: Key) -> float | None:
        """Bring some back; return the seconds until more is due, or ``None`` until a pass says."""
        case = self._cases.get(key)
        integration: Integration | None = None
        try:
            integration = await self._integrations.get(key)
            if case is None or integration is None or not _is_alive(integration, case):
                self._forget(key)
                return None
            return await self._turn(integration, case)
        except (Blocked, Unavailable) as error:
            _log.warning("recovery_hindered", integration=str(key), reason=error.reason)
            await self._say_hindered(integration, case, str(error))
            if case is not None and error.reason == Reason.SERVERS_UNREACHABLE:
                case.away = True  # the next to hear of the servers says when to go on
                return self._pace.after_calm(key)
            return self._wait(key, error)
        except Exception as error:  # noqa: BLE001 - a bug met by one integration is not the others'
            _log.exception("recovery_failed", integration=str(key))
            message = f"{type(error).__name__}: a bug of the operator, see its log."
            await self._say_hindered(integration, case, message)
            return _AFTER_A_BUG

    async def _turn(self, integration: Integration, case: _Case) -> float | None:
        spec = integration.spec
        ways = None if isinstance(spec, Invalid) else await self._ways(integration, spec)
        if isinstance(spec, Invalid) or ways is None:
            self._forget(integration.key)
            return None
        look = case.look = case.look or await self._begin(integration, spec, ways, case)
        ended = await look.go_on(ways, most=_AT_ONCE)
        if not ended:
            await self._say(integration, look.result, recovered.progress)
            return 0.0
        await self._conclude(integration, case, look)
        if look.cut or case.again:
            return 0.0
        if look.resent or look.moved:
            return _SOON
        return self._pace.after_calm(integration.key)

    async def _ways(self, integration: Integration, spec: Spec) -> Ways | None:
        """Return how to get at the deliveries; ``None`` where no app stands for it any more."""
        managed = spec.saleor.app.managed is not None
        record = await self._secrets.app(integration.uid) if managed else None
        login = await credentials.login(self._secrets, integration.key.namespace, spec, record)
        if login.token is None:
            return None
        saleor = await self._saleor(spec.saleor.api_url)
        return Ways(
            saleor,
            self._servers,
            token=login.token,
            staff=login.staff,
            suspended=spec.suspend,
        )

    async def _begin(self, integration: Integration, spec: Spec, ways: Ways, case: _Case) -> Look:
        app = await ways.saleor.own_app(ways.token)
        if app is None:
            message = "Saleor does not know the app token, or its app is not active."
            raise Blocked(Reason.TOKEN_REJECTED, message)
        installation = await self._secrets.installation()
        desired = Desired.of(integration, spec, installation, self._public_url)
        ours = webhooks.ours(app.webhooks, marker=desired.marker, url=desired.webhook_url)
        eras = await self._eras(integration)
        now, case.again = moment(self._clock), False
        since = recovered.look_from(now, before=integration.status.recovery, began=eras.began)
        ids = [webhook.id for webhook in ours]
        return Look(eras.at, ids, since=since, began=now, memory=case.memory)

    async def _eras(self, integration: Integration) -> Eras:
        own = await self._pipelines.get(integration.uid)
        ids = await self._pipelines.ids()
        others = [
            await self._pipelines.get(each)
            for each, key in ids.items()
            if key == integration.key and each != integration.uid
        ]
        return Eras.of(integration.uid, own, (each for each in others if each is not None))

    async def _conclude(self, integration: Integration, case: _Case, look: Look) -> None:
        whole = not (look.cut or look.moved)

        def renew(before: RecoveryStatus | None) -> RecoveryStatus:
            after = recovered.concluded(before, look.result, began=look.began, resent=look.resent)
            # The next look goes as far back as this one where one may have escaped it.
            return after if whole else after.model_copy(update={"open_since": look.since})

        told = recovered.announcements(integration.status.recovery, look.result)
        await self._publish(integration, renew)
        case.look = None
        for announcement in told:
            await self._integrations.announce(integration, announcement)
        if whole:
            made = (created_at for created_at, _ in look.result.missing.values())
            case.memory.forget(min([look.began - recovered.OVERLAP, *look.resent, *made]))

    async def _say(
        self,
        integration: Integration,
        result: Result,
        renew: Callable[[RecoveryStatus | None, Result], RecoveryStatus],
    ) -> None:
        """Publish what came of a look so far, and count nothing twice."""
        brought = result.brought
        await self._publish(integration, lambda before: renew(before, result))
        result.counted = brought

    async def _say_hindered(
        self, integration: Integration | None, case: _Case | None, why: str
    ) -> None:
        if integration is None or case is None:
            return
        result = case.look.result if case.look else Result()
        try:
            await self._say(
                integration, result, lambda before, result: recovered.hindered(before, result, why)
            )
        except (Blocked, Unavailable) as error:
            _log.warning("status_unwritable", integration=str(integration.key), why=error.reason)

    def _wait(self, key: Key, error: Blocked | Unavailable) -> float:
        if isinstance(error, Blocked):
            return _BLOCKED
        return self._pace.after_trouble(key, error.retry_after)

    def _forget(self, key: Key) -> None:
        self._cases.pop(key, None)
        self._pace.forget(key)


def _is_heard(plan: Plan) -> bool:
    """Whether deliveries come: a webhook is enabled."""
    return plan.webhooks is not None and any(hook.is_active for _, hook in plan.webhooks.kept)


def _is_alive(integration: Integration, case: _Case) -> bool:
    return integration.deleting is None and integration.uid == case.uid
