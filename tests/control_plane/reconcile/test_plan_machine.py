"""The plan in a world that does not stand still, driven by Hypothesis.

Whatever happened, once it is quiet a few passes bring about what should be; and at no time is
anything touched that is not ours, a second app made, or a webhook enabled that no server expects.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.saleor import App, Webhook
from saleor_segment_server.contract import Event, PipelineState
from tests.control_plane.reconcile.rough import TROUBLES, Rough
from tests.control_plane.reconcile.test_plan import (
    World,
    any_webhook,
    events,
    is_ours,
    run,
    say_farewell,
    some_pipeline,
    worlds,
)

chances = st.none() | st.builds(Random, st.integers(0, 2**16))
places = st.integers(0, 9)
"""Which of several, wherever that ends."""


class PlanMachine(RuleBasedStateMachine):
    """Rules meddle; passes mend."""

    rough: Rough

    @initialize(world=worlds())
    def begin(self, world: World) -> None:
        self.rough = Rough(world)

    @property
    def world(self) -> World:
        return self.rough.world

    @rule(chance=chances)
    def take_a_pass(self, chance: Random | None) -> None:
        self.rough.step(chance)

    @rule(seconds=st.integers(-10, 100))
    def time_passes(self, seconds: int) -> None:
        self.world.now += timedelta(seconds=seconds)

    @rule(trouble=st.sampled_from(sorted(TROUBLES)))
    def trouble_comes_or_goes(self, trouble: str) -> None:
        self.rough.troubles ^= {trouble}

    # Hands in Saleor

    @rule(which=places, other=places, how=st.sampled_from(["gone", "off", "on", "moved", "twice"]))
    def a_webhook_is_changed(self, which: int, other: int, how: str) -> None:
        app = self.some_app(which)
        mine = [one for one in app.webhooks if is_ours(one)] if app else []
        if app is None or not mine:
            return
        one = mine[other % len(mine)]
        left = tuple(each for each in app.webhooks if each is not one)
        self.have(app, (*left, *self.changed(one, how)))

    def changed(self, one: Webhook, how: str) -> Sequence[Webhook]:
        match how:
            case "gone":
                return ()
            case "moved":
                return (replace(one, target_url="https://erp.example.com/"),)
            case "twice":
                return (one, replace(one, id=self.world.number()))
        return (replace(one, is_active=how == "on"),)

    @rule(which=places, one=any_webhook)
    def somebody_adds_a_webhook(self, which: int, one: Webhook) -> None:
        if app := self.some_app(which):
            self.have(app, (*app.webhooks, one))

    @rule(how=st.sampled_from(["gone", "off", "fewer permissions", "unmarked"]), which=places)
    def our_app_is_changed(self, how: str, which: int) -> None:
        ours = list(self.rough.ours())
        if not ours:
            return
        app = ours[which % len(ours)]
        match how:
            case "gone":
                del self.world.apps[app.id]
            case "off":
                self.world.apps[app.id] = replace(app, is_active=False)
            case "unmarked":
                self.world.apps[app.id] = replace(app, uid=None)
            case _:
                self.world.apps[app.id] = replace(app, permissions=frozenset())

    def some_app(self, which: int) -> App | None:
        found = sorted(self.world.apps.values(), key=lambda each: each.id)
        return found[which % len(found)] if found else None

    def have(self, app: App, webhooks: tuple[Webhook, ...]) -> None:
        self.world.apps[app.id] = replace(app, webhooks=webhooks)

    # Hands in the cluster

    @rule(void=st.booleans())
    def the_token_is_lost(self, void: bool) -> None:  # noqa: FBT001 - drawn
        record = self.world.record
        known = record.app_id if record else None
        self.world.record = AppRecord(app_id=known, token="void") if void and known else None

    @rule(gone=st.booleans())
    def the_pipeline_is_changed(self, gone: bool) -> None:  # noqa: FBT001 - drawn
        self.world.pipeline = None if gone else some_pipeline(self.world.desired)

    @rule()
    def the_finalizer_is_removed(self) -> None:
        self.world.integration = replace(self.world.integration, held=False)

    @rule()
    def the_servers_start_anew(self) -> None:
        self.world.held = None

    @rule(events=events, suspend=st.booleans())
    def the_spec_is_changed(self, events: list[Event], suspend: bool) -> None:  # noqa: FBT001
        changes = {"events": tuple(events), "suspend": suspend}
        spec = self.world.desired.spec.model_copy(update=changes)
        self.world.desired = replace(self.world.desired, spec=spec)

    # The end: both are looked at aside, and the world goes on.

    @rule()
    def once_it_is_quiet_all_is_as_it_should_be(self) -> None:
        rough = self.rough.clone()
        rough.quiet()
        before, had, made = rough.strangers(), any(rough.ours()), len(rough.world.created)
        planned, world = run(rough.world), rough.world
        assert isinstance(planned.app, apps.Registered)
        assert planned.synced
        assert planned.webhooks is not None
        assert planned.webhooks.in_place
        assert planned.webhooks.disabled == ()
        assert {each for each, _ in planned.webhooks.kept} == set(world.desired.spec.events)
        assert world.pipeline is not None
        assert world.pipeline.state is PipelineState.ACTIVE
        assert world.pipeline.saleor.app_ids == (planned.app.app.id,)
        assert rough.strangers().items() >= before.items()
        registered = world.created[made:].count("app")
        assert registered == (1 if world.desired.managed and not had else 0)
        event(f"converged, {'an app was made' if registered else 'with the app there was'}")

    @rule(chance=chances, passes=st.integers(0, 4))
    def once_it_is_deleted_it_goes(self, chance: Random | None, passes: int) -> None:
        rough = self.rough.clone()
        world, made = rough.world, len(rough.world.created)
        world.integration = replace(world.integration, held=True, deleting=world.now)
        for _ in range(passes):
            rough.step(chance)
        rough.troubles.clear()
        before = {app_id: own for app_id, (own, _) in rough.strangers().items() if own}
        say_farewell(world)
        assert world.pipeline is None
        assert world.record is None
        assert len(world.created) == made
        after = rough.strangers()
        assert all(after[app_id][0] == own for app_id, own in before.items())


TestPlan = PlanMachine.TestCase
TestPlan.settings = settings(
    max_examples=settings().max_examples * 2 // 5, stateful_step_count=20, deadline=None
)
