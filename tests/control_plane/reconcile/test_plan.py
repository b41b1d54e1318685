"""The plan in a world of values: from whatever was found to what should be, in a few passes.

The world here is a model, not the adapters: Hypothesis starts it anywhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from saleor_segment_operator.reconcile import actions as do
from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile.plan import Plan, plan
from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.reconcile.retire import Farewell, retire
from saleor_segment_operator.reconcile.state import Desired, Observed, WriteKey
from saleor_segment_operator.resource import Integration, Key, Spec
from saleor_segment_operator.saleor import App, StaffCredentials, Version, Webhook, WebhookDraft
from saleor_segment_operator.servers import Totals
from saleor_segment_server.contract import Event, Permission, Pipeline, PipelineState
from saleor_segment_server.outbound.write_key import WriteKeyVerdict
from tests.ports.memory import INSTALLATION

KEY = Key("shop", "main-shop")
UID = "5bcfe642-0000-4000-8000-000000000001"
OTHER_UID = "5bcfe642-0000-4000-8000-000000000002"
GONE_UID = "5bcfe642-0000-4000-8000-000000000003"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHOP = "https://shop.example.com/graphql/"
STEADY = settings(deadline=None, derandomize=True)
PASSES = 10
"""One each for: hold, search, app, token, permissions, mark, webhooks and Pipeline, held, enable,
done."""


def desired_of(spec: Spec) -> Desired:
    integration = Integration(KEY, UID, 1, spec)
    return Desired.of(integration, spec, INSTALLATION, "https://hooks.example.com")


def spec_of(events: Sequence[Event], *, managed: bool, orphan: bool = False) -> Spec:
    app = (
        {"managed": {"credentialsSecretRef": {"name": "staff"}}}
        if managed
        else {"existing": {"tokenSecretRef": {"name": "token"}}}
    )
    return Spec.model_validate(
        {
            "saleor": {"apiUrl": SHOP, "app": app},
            "segment": {"writeKeySecretRef": {"name": "segment"}},
            "events": list(events),
            "deletionPolicy": "Orphan" if orphan else "Delete",
        }
    )


MARKER = desired_of(spec_of(list(Event), managed=True)).marker
DRAFTS = {each.event: each for each in desired_of(spec_of(list(Event), managed=True)).drafts}


@dataclass
class World:
    desired: Desired
    integration: Integration
    apps: dict[str, App]
    tokens: dict[str, str]
    """App ids by their tokens."""
    record: AppRecord | None
    users_token: str | None
    pipeline: Pipeline | None
    held: str | None = None
    """The fingerprint the servers hold; they follow a pass later."""
    pending: int = 0
    now: datetime = NOW
    numbers: Iterator[int] = field(default_factory=lambda: count(100))
    created: list[str] = field(default_factory=list)
    """What was made in Saleor, by kind."""

    def observe(self) -> Observed:
        kept = self.record.token if self.record else None
        token = kept if self.desired.managed else self.users_token
        app = self.apps.get(self.tokens.get(token or "", ""))
        app = app if app is not None and app.is_active else None
        found = tuple(each for each in self.apps.values() if each.identifier == MARKER)
        held = self.pipeline is not None and self.held == self.pipeline.fingerprint()
        self.held = None if self.pipeline is None else self.pipeline.fingerprint()
        return Observed(
            integration=self.integration,
            record=self.record,
            staff=StaffCredentials("staff@example.com", "password"),
            token=token,
            version=Version.parse("3.23.28"),
            app=app,
            found=found if app is None and self.desired.managed else None,
            others=frozenset({OTHER_UID}),
            write_key=WriteKey("key", WriteKeyVerdict.VALID),
            jwks={"keys": [{"kid": "1"}]},
            pipeline=self.pipeline,
            held=None if self.pipeline is None else held,
            totals=None
            if self.pipeline is None
            else Totals(pending=self.pending, dead=0, delivered=0),
        )

    def step(self) -> Plan | Farewell:
        seen = self.observe()
        if self.integration.deleting is None:
            planned: Plan | Farewell = plan(self.desired, seen, self.now)
        else:
            planned = retire(self.desired, seen, self.now, since=self.integration.deleting)
        for lane in planned.lanes:
            for action in lane.actions:
                self.do(seen, action)
        self.now += timedelta(seconds=planned.look_again or 0)
        return planned

    def do(self, seen: Observed, action: do.Action) -> None:  # noqa: C901, PLR0912 - one per action
        match action:
            case do.Hold():
                self.integration = replace(self.integration, held=True)
            case do.RegisterApp():
                self.created.append("app")
                app_id = self.number()
                given = self.desired.permissions
                self.apps[app_id] = app(app_id, identifier=MARKER, uid=UID, permissions=given)
                self.keep_token(app_id)
            case do.RenewToken(app_id):
                self.created.append("token")
                self.keep_token(app_id)
            case do.AdoptApp(app_id):
                self.apps[app_id] = replace(self.apps[app_id], uid=UID)
            case do.GrantPermissions(app_id, permissions):
                assert permissions > self.apps[app_id].permissions
                self.apps[app_id] = replace(self.apps[app_id], permissions=permissions)
            case do.CreateWebhook(draft):
                self.created.append("webhook")
                self.change(seen, (*hooks(self, seen), webhook(self.number(), draft, active=False)))
            case do.UpdateWebhook(webhook_id, draft):
                self.change(
                    seen,
                    tuple(
                        webhook(one.id, draft, active=one.is_active)
                        if one.id == webhook_id
                        else one
                        for one in hooks(self, seen)
                    ),
                )
            case do.SwitchWebhooks(webhook_ids, active):
                self.change(
                    seen,
                    tuple(
                        replace(one, is_active=active) if one.id in webhook_ids else one
                        for one in hooks(self, seen)
                    ),
                )
            case do.DeleteWebhook(webhook_id):
                left = (one for one in hooks(self, seen) if one.id != webhook_id)
                self.change(seen, tuple(left))
            case do.PublishPipeline(pipeline):
                self.pipeline = pipeline
            case do.Bury():
                self.pending = 0
            case do.DeleteApp(app_id):
                del self.apps[app_id]
            case do.ForgetPipeline():
                self.pipeline = None
            case do.ForgetApp():
                self.record = None
            case do.Release():
                self.integration = replace(self.integration, held=False)

    def number(self) -> str:
        return f"id-{next(self.numbers)}"

    def keep_token(self, app_id: str) -> None:
        token = f"token-{next(self.numbers)}"
        self.tokens[token] = app_id
        self.record = AppRecord(app_id=app_id, token=token)

    def change(self, seen: Observed, webhooks: tuple[Webhook, ...]) -> None:
        assert isinstance(seen.app, App)
        self.apps[seen.app.id] = replace(self.apps[seen.app.id], webhooks=webhooks)

    @property
    def foreign(self) -> list[App]:
        """What is not ours, webhooks on a shared app included."""
        foreign = []
        for each in self.apps.values():
            left = tuple(one for one in each.webhooks if not is_ours(one))
            is_theirs = not self.desired.managed or each.identifier != MARKER
            if is_theirs or each.uid == OTHER_UID:
                foreign.append(replace(each, webhooks=left))
        return sorted(foreign, key=lambda each: each.id)


def hooks(world: World, seen: Observed) -> tuple[Webhook, ...]:
    assert isinstance(seen.app, App)
    return world.apps[seen.app.id].webhooks


def app(
    app_id: str, *, identifier: str, uid: str | None, permissions: Iterable[str] = Permission
) -> App:
    return App(
        id=app_id,
        name="Segment",
        identifier=identifier,
        is_active=True,
        permissions=frozenset(map(str, permissions)),
        uid=uid,
    )


def webhook(webhook_id: str, draft: WebhookDraft, *, active: bool) -> Webhook:
    return Webhook(
        id=webhook_id,
        name=draft.name,
        identifier=draft.identifier,
        target_url=draft.target_url,
        events=(draft.event,),
        query=draft.query,
        is_active=active,
    )


def is_ours(one: Webhook) -> bool:
    return (
        (one.identifier or "").startswith(f"{MARKER}/")
        or one.name.startswith(f"{MARKER}/")
        or UID in one.target_url
    )


events = st.lists(st.sampled_from(Event), min_size=1, unique=True)
texts = st.sampled_from(["", "theirs"]) | st.sampled_from([each.name for each in DRAFTS.values()])
urls = st.just("https://erp.example.com/") | st.sampled_from(
    [draft.target_url for draft in DRAFTS.values()]
)
any_webhook = st.builds(
    Webhook,
    id=st.uuids().map(str),
    name=texts,
    identifier=texts | st.none(),
    target_url=urls,
    events=st.tuples(st.sampled_from(Event)),
    query=st.sampled_from(["", *(draft.query for draft in DRAFTS.values())]),
    is_active=st.booleans(),
    has_headers=st.booleans(),
    has_secret=st.booleans(),
)
any_app = st.builds(
    lambda app_id, identifier, uid, permissions, webhooks: replace(
        app(app_id, identifier=identifier, uid=uid, permissions=permissions),
        webhooks=tuple(webhooks),
    ),
    st.uuids().map(str),
    st.sampled_from([MARKER, f"{MARKER}-2", "theirs"]),
    st.sampled_from([None, UID, GONE_UID]),
    st.frozensets(st.sampled_from([*Permission, "MANAGE_PRODUCTS"])),
    st.lists(any_webhook, max_size=8),
)
any_apps = st.lists(any_app, max_size=4, unique_by=lambda each: each.id)


@st.composite
def worlds(draw: st.DrawFn, *, managed: bool | None = None) -> World:
    is_managed = draw(st.booleans()) if managed is None else managed
    desired = desired_of(spec_of(draw(events), managed=is_managed, orphan=draw(st.booleans())))
    found = {each.id: each for each in draw(any_apps)}
    if not is_managed:
        found["users"] = app("users", identifier="theirs", uid=None)
        found["users"] = replace(found["users"], webhooks=tuple(draw(st.lists(any_webhook))))
    tokens = {f"token of {app_id}": app_id for app_id in found}
    known = draw(st.sampled_from([None, "gone", *found]))
    pending_since = NOW - timedelta(seconds=draw(st.integers(-100, 100)))
    record = draw(
        st.sampled_from(
            [
                None,
                AppRecord(pending_since=pending_since),
                AppRecord(app_id=known, token=f"token of {known}"),
                AppRecord(app_id=known, token="void"),
            ]
        )
    )
    if record is not None and record.token is not None and not is_our_own(found.get(known or "")):
        record = None  # our record never holds the token of an app we did not make
    return World(
        desired=desired,
        integration=Integration(KEY, UID, 1, desired.spec, held=draw(st.booleans())),
        apps=found,
        tokens=tokens,
        record=record if is_managed else None,
        users_token="token of users",
        pipeline=draw(st.none() | st.just(some_pipeline(desired))),
        pending=draw(st.integers(0, 2)),
    )


def is_our_own(found: App | None) -> bool:
    return found is None or found.identifier == MARKER


def some_pipeline(desired: Desired) -> Pipeline:
    key = WriteKey("old", WriteKeyVerdict.VALID)
    return desired.pipeline(app_ids=("old",), public_url=None, jwks=None, write_key=key, since=NOW)


def run(world: World) -> Plan:
    for _ in range(PASSES):
        planned = world.step()
        assert isinstance(planned, Plan)
        if not planned.lanes and not planned.look_again:
            return planned
    raise AssertionError(f"no end after {PASSES} passes: {world}")


def say_farewell(world: World) -> None:
    for _ in range(100):
        if not world.integration.held:
            return
        world.step()
    raise AssertionError(f"it is held for ever: {world}")


@STEADY
@given(world=worlds())
def test_any_world_becomes_what_should_be_in_a_few_passes(world: World) -> None:
    before = world.foreign
    had = any(each.identifier == MARKER for each in world.apps.values())
    planned = run(world)
    assert isinstance(planned.app, apps.Registered)
    assert planned.synced
    assert planned.webhooks is not None
    assert planned.webhooks.in_place
    assert planned.webhooks.disabled == ()
    assert {event for event, _ in planned.webhooks.kept} == set(world.desired.spec.events)
    assert planned.app.app.permissions >= {each.permission for each in world.desired.spec.events}
    assert world.pipeline is not None
    assert world.pipeline.state is PipelineState.ACTIVE
    assert world.pipeline.saleor.app_ids == (planned.app.app.id,)
    assert world.foreign == before
    assert world.created.count("app") == (1 if world.desired.managed and not had else 0)


@STEADY
@given(world=worlds(managed=True))
def test_an_app_of_another_living_integration_is_neither_used_nor_changed(world: World) -> None:
    world.apps = {"another": app("another", identifier=MARKER, uid=OTHER_UID)}
    world.record = None
    before = dict(world.apps)
    planned = run(world)
    assert not isinstance(planned.app, apps.Registered)
    assert world.apps == before


@STEADY
@given(world=worlds(), events=events)
def test_a_suspended_one_changes_nothing_in_saleor(world: World, events: list[Event]) -> None:
    suspended = world.desired.spec.model_copy(update={"suspend": True, "events": tuple(events)})
    world.desired = replace(world.desired, spec=suspended)
    before = dict(world.apps)
    for _ in range(3):
        world.step()
    assert world.apps == before
    assert world.pipeline is None or world.pipeline.state is PipelineState.PAUSED


@STEADY
@given(world=worlds(), due=st.timedeltas(timedelta(0), timedelta(minutes=20)))
def test_any_world_lets_go_in_the_end_and_makes_nothing(world: World, due: timedelta) -> None:
    world.integration = replace(world.integration, held=True, deleting=NOW - due)
    world.now = NOW
    before = world.foreign
    say_farewell(world)
    assert not world.integration.held
    assert world.pipeline is None
    assert world.record is None
    assert world.created == []
    assert world.foreign == before


@STEADY
@given(world=worlds(managed=True))
def test_once_all_is_well_a_deletion_leaves_no_app_of_ours(world: World) -> None:
    world.apps = {each.id: each for each in world.apps.values() if each.identifier != MARKER}
    world.record = None
    world.desired = desired_of(spec_of(world.desired.spec.events, managed=True))
    run(world)
    world.integration = replace(world.integration, deleting=world.now)
    say_farewell(world)
    assert [each for each in world.apps.values() if each.identifier == MARKER] == []


def test_names_fit_into_what_saleor_keeps() -> None:
    long = Key("n" * 63, "i" * 253)
    spec = spec_of(list(Event), managed=True)
    integration = Integration(long, UID, 1, spec)
    desired = Desired.of(integration, spec, INSTALLATION, "https://hooks.example.com")
    other = replace(integration, key=Key("n" * 63, "i" * 252 + "j"))
    assert len(desired.marker) <= 256
    assert len(desired.app_name) <= 60
    assert all(len(draft.name) <= 255 for draft in desired.drafts)
    assert Desired.of(other, spec, INSTALLATION, "https://x").marker != desired.marker
