"""Doing what was planned, lane by lane."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakValueDictionary

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import actions as do
from saleor_segment_operator.reconcile.moment import Clock, moment
from saleor_segment_operator.reconcile.ports import AppRecord, Integrations, Pipelines, Secrets
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import ConditionType, Integration, Reason
from saleor_segment_operator.saleor import Saleor, StaffCredentials, Version
from saleor_segment_operator.servers import Servers
from saleor_segment_server.contract import Pipeline

T = TypeVar("T")

Step = Callable[[str], Awaitable[None]]
"""Called before each change of the world, with a name for it; tests stop the world there."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def no_step(_name: str) -> None:
    """Let the change happen."""


def _given(value: T | None) -> T:
    """Return what the plan made sure of."""
    if value is None:
        raise RuntimeError("an action was planned without what it needs")
    return value


@dataclass(slots=True)
class Outcome:
    """What came of a plan."""

    done: list[do.Action] = field(default_factory=list)
    """What changed the world."""
    failures: dict[ConditionType, Problem] = field(default_factory=dict)
    """Why the rest did not, the first of each condition."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the actions of one pass happen."""

    seen: Observed
    desired: Desired | None = None
    """``None`` where the spec is invalid: then nothing is planned that needs it."""
    saleor: Saleor | None = None
    """Likewise."""

    @property
    def integration(self) -> Integration:
        """The integration it is about."""
        return self.seen.integration

    @property
    def shop(self) -> Saleor:
        """The shop that is changed."""
        return _given(self.saleor)

    @property
    def staff(self) -> StaffCredentials:
        """Who manages the app."""
        return _given(self.seen.staff)

    @property
    def token(self) -> str:
        """Who manages the app's webhooks."""
        return _given(self.seen.token)

    @property
    def version(self) -> Version:
        """How the shop spells webhooks."""
        return _given(self.seen.version)


class Actor:
    """Does actions, each after telling ``step``."""

    def __init__(
        self,
        *,
        integrations: Integrations,
        secrets: Secrets,
        pipelines: Pipelines,
        servers: Servers,
        clock: Clock,
        step: Step,
    ) -> None:
        """Act through these."""
        self._integrations = integrations
        self._secrets = secrets
        self._pipelines = pipelines
        self._servers = servers
        self._clock = clock
        self._step = step
        self._publishing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def act(self, stage: Stage, lanes: Iterable[do.Lane]) -> Outcome:
        """Do the lanes in turn; one that fails does not keep the next from its own."""
        outcome = Outcome()
        for lane in lanes:
            try:
                await self._do_lane(stage, lane, outcome)
            except (Blocked, Unavailable) as error:
                outcome.failures.setdefault(lane.about, Problem.of(error))
        return outcome

    async def _do_lane(self, stage: Stage, lane: do.Lane, outcome: Outcome) -> None:
        for action in lane.actions:
            await self._do(stage, action)
            outcome.done.append(action)
            name = type(action).__name__
            _log.info("action_done", integration=str(stage.integration.key), action=name)
        if lane.announcement is not None:
            await self._integrations.announce(stage.integration, lane.announcement)

    async def _do(self, stage: Stage, action: do.Action) -> None:
        if isinstance(action, do.RegisterApp):
            await self._register(stage, _given(stage.desired))
            return
        if isinstance(action, do.RenewToken):
            await self._renew(stage, action.app_id)
            return
        await self._step(type(action).__name__)
        if isinstance(action, do.OurAction):
            await self._change_ours(stage, action)
        else:
            await self._change_saleor(stage, action)

    async def _change_ours(self, stage: Stage, action: do.OurAction) -> None:
        integration = stage.integration
        match action:
            case do.Hold():
                installation = await self._secrets.installation()
                await self._integrations.hold(integration, by=installation.id)
            case do.PublishPipeline(pipeline):
                await self._publish(stage, pipeline)
            case do.Bury():
                await self._servers.bury(integration.uid)
            case do.ForgetPipeline():
                await self._pipelines.delete(integration.uid)
            case do.ForgetApp():
                await self._secrets.delete_app(integration.uid)
            case do.Release():
                await self._integrations.release(integration)

    async def _publish(self, stage: Stage, pipeline: Pipeline) -> None:
        """Store a Pipeline in place of the one that was seen: a key may have rotated since."""
        async with self._publishing.setdefault(pipeline.id, asyncio.Lock()):
            stored = _fingerprint(await self._pipelines.get(pipeline.id))
            if stored == pipeline.fingerprint():
                return
            if stored != _fingerprint(stage.seen.pipeline):
                message = "The Pipeline was changed meanwhile: looked at again."
                raise Unavailable(Reason.STORE_UNAVAILABLE, message)
            await self._pipelines.put(pipeline, of=stage.integration.key)

    async def _change_saleor(self, stage: Stage, action: do.SaleorAction) -> None:
        shop = stage.shop
        match action:
            case do.AdoptApp(app_id):
                await shop.adopt_app(stage.staff, app_id, uid=stage.integration.uid)
            case do.GrantPermissions(app_id, permissions):
                await shop.grant(stage.staff, app_id, permissions=permissions)
            case do.DeleteApp(app_id):
                await shop.delete_app(stage.staff, app_id)
            case do.CreateWebhook(draft):
                await shop.create_webhook(stage.token, draft, version=stage.version)
            case do.UpdateWebhook(webhook_id, draft):
                await shop.update_webhook(stage.token, webhook_id, draft, version=stage.version)
            case do.SwitchWebhooks(webhook_ids, active):
                await shop.set_webhooks_active(stage.token, webhook_ids, active)
            case do.DeleteWebhook(webhook_id):
                await shop.delete_webhook(stage.token, webhook_id)

    async def _register(self, stage: Stage, desired: Desired) -> None:
        """Create the app so that a crash at any point neither loses it nor makes a second."""
        await self._step("NoteCreation")
        uid, key = desired.uid, stage.integration.key
        pending = AppRecord(pending_since=moment(self._clock))
        await self._secrets.put_app(uid, pending, of=key)
        await self._step("CreateApp")
        app, token = await stage.shop.create_app(
            stage.staff,
            name=desired.app_name,
            marker=desired.marker,
            uid=desired.uid,
            permissions=desired.permissions,
        )
        await self._step("StoreToken")
        await self._secrets.put_app(uid, AppRecord(app_id=app.id, token=token), of=key)

    async def _renew(self, stage: Stage, app_id: str) -> None:
        await self._step("CreateToken")
        token = await stage.shop.create_token(stage.staff, app_id, name="saleor-segment")
        await self._step("StoreToken")
        uid, key = stage.integration.uid, stage.integration.key
        await self._secrets.put_app(uid, AppRecord(app_id=app_id, token=token), of=key)


def _fingerprint(pipeline: Pipeline | None) -> str | None:
    return None if pipeline is None else pipeline.fingerprint()
