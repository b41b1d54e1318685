"""A rough world for the plan: hands meddle with it, calls fail in it, answers get lost.

It counts what the plan does to what is not ours, and checks each step as it is taken.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from saleor_segment_operator.reconcile import actions as do
from saleor_segment_operator.reconcile.plan import Plan, plan
from saleor_segment_operator.reconcile.ports import AppRecord
from saleor_segment_operator.reconcile.retire import Farewell, retire
from saleor_segment_operator.reconcile.state import Observed, Problem, WriteKey
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import App, Webhook
from saleor_segment_server.outbound.write_key import WriteKeyVerdict
from tests.control_plane.reconcile.test_plan import MARKER, OTHER_UID, UID, World, app, is_ours

_SILENCE = Problem(Reason.SERVERS_UNREACHABLE, "a server does not answer", heals=True)
_DOWN = Problem(Reason.SALEOR_UNREACHABLE, "Saleor does not answer", heals=True)
_NO_STAFF = Problem(Reason.SECRET_MISSING, "the Secret of the staff user is gone")
_NO_KEY = Problem(Reason.SECRET_MISSING, "the Secret of the write key is gone")
_UNKNOWN_KEY = WriteKey("a key of another", WriteKeyVerdict.INVALID)

TROUBLES: dict[str, Callable[[Observed], Observed]] = {
    "Saleor is down": lambda seen: replace(seen, app=_DOWN, found=None, jwks=None),
    "no staff user": lambda seen: replace(seen, credentials=_NO_STAFF, staff=None, found=None),
    "no write key": lambda seen: replace(seen, write_key=_NO_KEY),
    "a wrong write key": lambda seen: replace(seen, write_key=_UNKNOWN_KEY),
    "servers are silent": lambda seen: (
        seen if seen.pipeline is None else replace(seen, held=_SILENCE, totals=_SILENCE)
    ),
    "keys cannot be read": lambda seen: replace(seen, jwks=None),
}
"""What a pass may find, by name."""


@dataclass
class Rough:
    """A world and what is wrong with it."""

    world: World
    troubles: set[str] = field(default_factory=set)

    def clone(self) -> "Rough":
        """Return one that goes on apart from this."""
        world = self.world
        apart = replace(
            world, apps=dict(world.apps), tokens=dict(world.tokens), created=list(world.created)
        )
        return Rough(apart, set(self.troubles))

    def observe(self) -> Observed:
        """Look at the world, as far as it shows itself."""
        seen = self.world.observe()
        for name in sorted(self.troubles):
            seen = TROUBLES[name](seen)
        return seen

    def step(self, chance: Random | None) -> Plan | Farewell:
        """Take a pass; with a chance some of its calls fail. Nothing foreign is touched."""
        before, seen = self.strangers(), self.observe()
        planned = self._planned(seen)
        for lane in planned.lanes:
            self._follow(seen, lane, chance)
        self._check_strangers(before)
        return planned

    def _planned(self, seen: Observed) -> Plan | Farewell:
        world, deleting = self.world, self.world.integration.deleting
        if deleting is None:
            return plan(world.desired, seen, world.now)
        return retire(world.desired, seen, world.now, since=deleting)

    def _follow(self, seen: Observed, lane: do.Lane, chance: Random | None) -> None:
        for action in lane.actions:
            self._check(seen, action)
            fate = chance.choice(["done", "done", "done", "failed", "lost"]) if chance else "done"
            if fate != "failed":
                self.world.do(seen, action)
            elif isinstance(action, do.RegisterApp):
                self._half_register(created=chance is not None and chance.random() < 0.5)
            if fate != "done":
                return

    def _half_register(self, *, created: bool) -> None:
        """End between the note that an app is about to be created and the token's being stored."""
        world = self.world
        world.record = AppRecord(pending_since=world.now)
        if created:
            world.created.append("app")
            given = world.desired.permissions
            app_id = world.number()
            world.apps[app_id] = app(app_id, identifier=MARKER, uid=UID, permissions=given)

    def _check(self, seen: Observed, action: do.Action) -> None:
        world = self.world
        if isinstance(action, do.RegisterApp):
            assert not list(self.ours()), "a second app"
        elif isinstance(action, do.SwitchWebhooks) and action.active:
            assert isinstance(seen.app, App)
            assert world.pipeline is not None
            assert seen.held is True, "no server expects it"
            assert world.pipeline.saleor.app_ids == (seen.app.id,)

    def _check_strangers(self, before: dict[str, tuple[App | None, tuple[Webhook, ...]]]) -> None:
        after = self.strangers()
        assert {app_id: after[app_id] for app_id in before if app_id in after} == {
            app_id: before[app_id] for app_id in before if app_id in after
        }
        gone = before.keys() - after.keys()
        assert not any(before[app_id][0] for app_id in gone), "an app of another"
        assert not gone or self.world.integration.deleting is not None

    def strangers(self) -> dict[str, tuple[App | None, tuple[Webhook, ...]]]:
        """Return by id each app, if it is not ours, and its webhooks that are not."""
        return {
            each.id: (
                None if self._is_ours(each) else replace(each, webhooks=()),
                tuple(one for one in each.webhooks if not is_ours(one)),
            )
            for each in self.world.apps.values()
        }

    def ours(self) -> Iterator[App]:
        """Return the apps that are ours to use."""
        return (each for each in self.world.apps.values() if self._is_ours(each))

    def _is_ours(self, each: App) -> bool:
        managed = self.world.desired.managed
        return managed and each.identifier == MARKER and each.uid != OTHER_UID

    def quiet(self) -> None:
        """Have all troubles end that only a user can end."""
        world = self.world
        self.troubles.clear()
        world.desired = replace(
            world.desired, spec=world.desired.spec.model_copy(update={"suspend": False})
        )
        for each in list(self.ours()):
            world.apps[each.id] = replace(each, is_active=True)
