"""One pass over one integration: observe, plan, act, report."""

import asyncio
import random
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import actions as do
from saleor_segment_operator.reconcile.act import Actor, Outcome, Stage, Step, no_step
from saleor_segment_operator.reconcile.figures import Figures
from saleor_segment_operator.reconcile.moment import Clock, moment
from saleor_segment_operator.reconcile.news import news
from saleor_segment_operator.reconcile.observe import Observer
from saleor_segment_operator.reconcile.pace import Pace
from saleor_segment_operator.reconcile.plan import HOLD, plan
from saleor_segment_operator.reconcile.ports import (
    Announcement,
    Integrations,
    Pipelines,
    Secrets,
)
from saleor_segment_operator.reconcile.recovery import Recovery, Shops
from saleor_segment_operator.reconcile.report import (
    newly_dead,
    report,
    report_delivery,
    report_farewell,
    report_problem,
    report_recovery,
)
from saleor_segment_operator.reconcile.retire import Farewell, retire
from saleor_segment_operator.reconcile.rotation import Rotation
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.reconcile.write_keys import Probe, WriteKeys
from saleor_segment_operator.resource import (
    FINALIZER,
    Integration,
    Invalid,
    Key,
    Reason,
    RecoveryStatus,
    Spec,
    Status,
)
from saleor_segment_operator.servers import Servers
from saleor_segment_operator.settings import ReconcileSettings

_REPLICA_LAG = 0.5
"""Seconds for which Saleor may answer from a replica that does not know yet what was changed: what
seems missing there would be made twice."""
_REPEATABLE = 0.1
"""Seconds after a change that does no harm where it is made once more."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Reconciler:
    """Brings Saleor and the Pipelines to what each integration asks for."""

    def __init__(
        self,
        *,
        integrations: Integrations,
        secrets: Secrets,
        pipelines: Pipelines,
        saleor: Shops,
        servers: Servers,
        probe: Probe,
        settings: ReconcileSettings,
        clock: Clock,
        spread: Callable[[], float] = random.random,
        step: Step = no_step,
    ) -> None:
        """Work on these.

        Args:
            integrations: What is asked for.
            secrets: The users' Secrets and our own.
            pipelines: What the servers are told.
            saleor: The shops.
            servers: What the servers hold and have done.
            probe: Asks Segment about write keys.
            settings: See there.
            clock: Seconds since the epoch.
            spread: Random numbers from 0 to 1, for jitter.
            step: Called before each change of the world.
        """
        self._integrations = integrations
        self._secrets = secrets
        self._saleor = saleor
        self._settings = settings
        self._clock = clock
        self._write_keys = WriteKeys(
            probe, clock=clock, allowed_hosts=settings.allowed_endpoint_hosts
        )
        self._observer = Observer(
            integrations=integrations,
            secrets=secrets,
            pipelines=pipelines,
            servers=servers,
            write_keys=self._write_keys,
        )
        self._actor = Actor(
            integrations=integrations,
            secrets=secrets,
            pipelines=pipelines,
            servers=servers,
            clock=clock,
            step=step,
        )
        self._pace = Pace(resync=settings.resync.total_seconds(), random=spread)
        self._turns: dict[Key, asyncio.Lock] = {}
        self.recovery = Recovery(
            integrations=integrations,
            secrets=secrets,
            pipelines=pipelines,
            saleor=saleor,
            servers=servers,
            publish=self._publish_recovery,
            public_url=settings.public_url,
            clock=clock,
            spread=spread,
        )
        """Brings back what Saleor gave up, while its ``run`` does."""
        self.rotation = Rotation(
            integrations=integrations,
            observer=self._observer,
            actor=self._actor,
            desire=self._desired,
            is_anothers=self._is_anothers,
        )
        """Brings changed write keys into use, while its ``run`` does."""
        self._figures: dict[Key, Figures] = {}
        self._farewells: dict[str, datetime] = {}
        self._left: set[str] = set()
        self.orphaned = 0
        """Integrations that were let go although Saleor could not be cleaned up."""

    async def reconcile(self, key: Key) -> float | None:
        """Do one pass; return the seconds until the next, or ``None`` once it is gone."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            return await self._reconcile(key)

    async def measure_all(self, keys: Iterable[Key]) -> None:
        """Measure those of whom the servers say something new, which are asked of all at once.

        Raises:
            Blocked: One could not be measured; the others were.
            Unavailable: Likewise.
        """
        told = await self._observer.ask_about_all()
        silence = told if isinstance(told, Problem) else None
        if silence is None:
            self.recovery.notice_servers()
        troubles: list[Blocked | Unavailable] = []
        for key in keys:
            known = self._figures.get(key)
            if known is None or not known.hold(told):
                troubles += await self._troubles_of_measuring(key, silence)
        if troubles:
            raise troubles[0]

    async def measure(self, key: Key, *, silence: Problem | None = None) -> None:
        """Bring what the status says of delivery up to date, and look at nothing else.

        Args:
            key: Whose.
            silence: Why the servers need not be asked, where it is known that they are silent.
        """
        async with self._turns.setdefault(key, asyncio.Lock()):
            integration = await self._integrations.get(key)
            if integration is None or integration.deleting or not integration.status.conditions:
                return
            if await self._is_anothers(integration):
                return
            seen = await self._observer.observe_ours(integration, silence=silence)
            status = report_delivery(seen, moment(self._clock))
            await self._publish(integration, status)
            self._remember(seen, status)
            await self._tell_of_dead(seen)
            self.recovery.notice(seen)

    async def _troubles_of_measuring(
        self, key: Key, silence: Problem | None
    ) -> tuple[Blocked | Unavailable, ...]:
        try:
            await self.measure(key, silence=silence)
        except (Blocked, Unavailable) as error:
            return (error,)
        except Exception:  # noqa: BLE001 - a bug met by one integration is not the others'
            _log.exception("measuring_failed", integration=str(key))
        return ()

    async def _publish_recovery(
        self, integration: Integration, renew: Callable[[RecoveryStatus | None], RecoveryStatus]
    ) -> None:
        """Change what the status says of recovery, between two passes."""
        async with self._turns.setdefault(integration.key, asyncio.Lock()):
            now = await self._integrations.get(integration.key)
            if now is None or now.uid != integration.uid or now.deleting is not None:
                return
            fresh = renew(now.status.recovery)
            status = report_recovery(now.status, fresh, moment(self._clock))
            if status != now.status:  # of delivery it says what it did
                await self._integrations.publish(now, status)

    async def _reconcile(self, key: Key) -> float | None:
        integration: Integration | None = None
        try:
            integration = await self._integrations.get(key)
            if integration is None:
                self._forget(key)
                return None
            return await self._work(integration)
        except (Blocked, Unavailable) as error:  # of our own stores: of others, they are findings
            problem = Problem.of(error)
            _log.warning(
                "pass_impossible", integration=str(key), reason=problem.reason, why=problem.message
            )
        except Exception as error:  # noqa: BLE001 - a bug met by one integration is not the others'
            _log.exception("pass_failed", integration=str(key))
            message = f"{type(error).__name__}: a bug of the operator, see its log."
            problem = Problem(Reason.INTERNAL_ERROR, message, heals=True)
        if problem.retry_after is None:  # else we were asked to leave the store alone
            await self._confess(integration, problem)
        return self._pace.after_trouble(key, problem.retry_after)

    async def _work(self, integration: Integration) -> float | None:
        spec = integration.spec
        if await self._is_anothers(integration):
            return await self._leave(integration)
        if integration.deleting is not None:
            return await self._farewell(integration)
        if isinstance(spec, Invalid):
            problem = Problem(Reason.INVALID_SPEC, f"{spec}.")
            await self._publish(
                integration, report_problem(integration, problem, moment(self._clock))
            )
            return self._pace.after_calm(integration.key)
        return await self._live(integration, spec)

    async def _is_anothers(self, integration: Integration) -> bool:
        """Tell whether another installation keeps it, and it was not asked to be let go at once."""
        if integration.kept_by is None or (integration.deleting and integration.release):
            return False
        return integration.kept_by != (await self._secrets.installation()).id

    async def _leave(self, integration: Integration) -> float:
        """Leave it to the other installation, whose status stays; say so once."""
        if integration.uid not in self._left:
            self._left.add(integration.uid)
            message = (
                f"Installation {integration.kept_by} keeps it, and this one leaves it alone: let "
                "only one release watch a namespace. If the other is gone for good, take its "
                f"finalizer off: metadata.finalizers, {FINALIZER}."
            )
            _log.warning("kept_by_another", integration=str(integration.key), why=message)
            told = Announcement("Warning", Reason.KEPT_BY_ANOTHER, message)
            await self._integrations.announce(integration, told)
        return self._pace.after_calm(integration.key)

    async def _live(self, integration: Integration, spec: Spec) -> float:
        desired = await self._desired(integration, spec)  # needs to be known to hold it, too
        holding = None if integration.held else await self._hold(integration)
        if holding is not None and holding.done:
            return self._pace.after_progress(integration.key)
        saleor = await self._saleor(spec.saleor.api_url)
        seen = await self._observer.observe(integration, desired, saleor)
        now = moment(self._clock)
        planned = plan(desired, seen, now)
        outcome = holding or await self._actor.act(Stage(seen, desired, saleor), planned.lanes)
        await self._publish(integration, report(desired, seen, planned, outcome.failures, now))
        self._remember(seen, report_delivery(seen, now))
        await self._tell_of_dead(seen)
        self.recovery.notice(seen, planned)
        return self._next(seen, outcome, planned.look_again, obstacle=planned.obstacle)

    async def _hold(self, integration: Integration) -> Outcome:
        """Hold it before anything is looked at, which would be for nothing."""
        return await self._actor.act(Stage(Observed(integration=integration)), (HOLD,))

    async def _farewell(self, integration: Integration) -> float | None:
        stage = await self._last_stage(integration)
        now = moment(self._clock)
        since = self._farewells.setdefault(integration.uid, now)
        farewell = retire(stage.desired, stage.seen, now, since=since)
        outcome = await self._actor.act(stage, farewell.lanes)
        if not integration.held:
            self._farewells.pop(integration.uid, None)
            self._forget(integration.key)
            return None
        if do.Release() in outcome.done:
            self._close(integration, farewell)
            return 0.0  # another of this name may have waited for it to go
        status = report_farewell(stage.seen, farewell, outcome.failures, now)
        await self._publish(integration, status)
        return self._next(stage.seen, outcome, farewell.look_again)

    async def _last_stage(self, integration: Integration) -> Stage:
        """Look at what a farewell depends on: nothing at all where it is let go at once."""
        spec = integration.spec
        if integration.release or not integration.held:
            return Stage(Observed(integration=integration))
        if isinstance(spec, Invalid):
            return Stage(await self._observer.observe_ours(integration))
        desired = await self._desired(integration, spec)
        saleor = await self._saleor(spec.saleor.api_url)
        return Stage(await self._observer.observe(integration, desired, saleor), desired, saleor)

    async def _desired(self, integration: Integration, spec: Spec) -> Desired:
        installation = await self._secrets.installation()
        return Desired.of(integration, spec, installation, self._settings.public_url)

    def _remember(self, seen: Observed, status: Status) -> None:
        """Note what was heard where the status said it already: it need not be read for that."""
        if status == seen.integration.status:
            self._figures[seen.integration.key] = Figures.of(seen)

    async def _publish(self, integration: Integration, status: Status) -> None:
        if status != integration.status:
            self._figures.pop(integration.key, None)
            await self._integrations.publish(integration, status)
            for announcement in news(integration.status, status):
                await self._integrations.announce(integration, announcement)

    async def _tell_of_dead(self, seen: Observed) -> None:
        if (announcement := newly_dead(seen)) is not None:
            await self._integrations.announce(seen.integration, announcement)

    async def _confess(self, integration: Integration | None, problem: Problem) -> None:
        """Say what made the pass impossible, where that can be said."""
        if integration is None:
            return
        try:
            status = report_problem(integration, problem, moment(self._clock))
            await self._publish(integration, status)
        except (Blocked, Unavailable) as error:
            _log.warning("status_unwritable", integration=str(integration.key), why=str(error))

    def _next(
        self,
        seen: Observed,
        outcome: Outcome,
        look_again: float | None,
        *,
        obstacle: Problem | None = None,
    ) -> float:
        """Return when to look again: soon, where something was done."""
        key = seen.integration.key
        troubles = (*outcome.failures.values(), *_problems(seen), obstacle)
        passing = [problem for problem in troubles if problem is not None and _may_pass(problem)]
        asked = max((problem.retry_after or 0.0 for problem in passing), default=0.0)
        if outcome.done and not asked:
            return max(self._pace.after_progress(key), _until_seen(outcome.done))
        if not passing:
            return self._pace.after_calm(key, look_again)
        delay = self._pace.after_trouble(key, asked)
        return delay if look_again is None else min(delay, look_again)

    def _close(self, integration: Integration, farewell: Farewell) -> None:
        """Settle the books of an integration that was let go."""
        self._write_keys.forget(integration.uid)
        self._farewells.pop(integration.uid, None)
        for told in (lane.announcement for lane in farewell.lanes):
            if told is not None and told.reason == Reason.ORPHANED:
                self.orphaned += 1  # nobody may look at Events any more: its namespace may go too
                _log.warning("orphaned", integration=str(integration.key), why=told.message)
        _log.info("integration_released", integration=str(integration.key), uid=integration.uid)

    def _forget(self, key: Key) -> None:
        self._pace.forget(key)
        self._figures.pop(key, None)
        self._turns.pop(key, None)


def _until_seen(done: Iterable[do.Action]) -> float:
    """Return the seconds until what was done can be seen, for sure where that matters."""
    theirs = [action for action in done if not isinstance(action, do.OurAction)]
    if all(isinstance(action, do.SwitchWebhooks | do.UpdateWebhook) for action in theirs):
        return _REPEATABLE if theirs else 0.0
    return _REPLICA_LAG


def _may_pass(problem: Problem) -> bool:
    """Tell whether to try again soon: nothing tells us of a right that is granted meanwhile."""
    return problem.heals or problem.reason is Reason.STORE_REFUSED


def _problems(seen: Observed) -> Iterable[Problem]:
    found = (seen.credentials, seen.app, seen.held)
    return (each for each in found if isinstance(each, Problem))
