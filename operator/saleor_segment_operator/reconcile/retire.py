"""What to do about an integration that is being deleted: pure, like ``plan``.

Stop the source, let the servers send what they have, clean Saleor up, forget, let go. It creates
nothing, and it always ends: what cannot be done in time is left behind, loudly.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile import webhooks
from saleor_segment_operator.reconcile.actions import (
    Action,
    Bury,
    DeleteApp,
    DeleteWebhook,
    ForgetApp,
    ForgetPipeline,
    Lane,
    PublishPipeline,
    Release,
    SwitchWebhooks,
)
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import ConditionType, DeletionPolicy, Reason
from saleor_segment_operator.saleor import App, Webhook
from saleor_segment_server.contract import PipelineState

DRAIN = timedelta(minutes=10)
"""How long the servers may take to send what they have; the rest becomes dead letters."""
GIVE_UP = timedelta(minutes=15)
"""How long Saleor is given; then it is left as it is."""
_LOOKS = ((timedelta(minutes=1), 2.0), (DRAIN, 10.0))
"""Seconds until the servers are asked again how far they are, up to which age of the deletion."""
_LOOK_AT_SALEOR = 30.0

_HOPELESS = frozenset(
    {
        Reason.INVALID_SPEC,
        Reason.SECRET_MISSING,
        Reason.SECRET_KEY_MISSING,
        Reason.SECRET_VALUE_INVALID,
        Reason.TOKEN_REJECTED,
        Reason.STORE_REFUSED,
    }
)
"""What is not waited for: a namespace that goes takes the Secrets, and our rights to read them,
before the integration."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """What is done to let an integration go, and what it waits for."""

    lanes: tuple[Lane, ...] = ()
    look_again: float | None = _LOOK_AT_SALEOR
    """Seconds until another look where nothing is done; ``None``: what heals sets the pace."""
    waits_for: str = ""
    """In words, for its status."""


def retire(desired: Desired | None, seen: Observed, now: datetime, *, since: datetime) -> Farewell:
    """Plan the next steps of a deletion.

    Args:
        desired: What the spec asks for; ``None`` where it is invalid.
        seen: The world as it was found.
        now: The time.
        since: When the farewell began: not before there was an operator to say it.
    """
    integration = seen.integration
    if not integration.held or integration.deleting is None:
        return Farewell()
    if integration.release:
        return _release_at_once()
    age = now - since
    obstacle = _obstacle(desired, seen)
    lost = age >= GIVE_UP or (obstacle is not None and obstacle.reason in _HOPELESS)
    return (
        _stop(desired, seen, late=age >= GIVE_UP)
        or (None if lost or not isinstance(seen.app, Problem) else _wait_for(seen.app))
        or (None if lost or desired is None else _search(desired, seen, now))
        or _drain(seen, age)
        or (None if lost or obstacle is None else _wait_for(obstacle))
        or _finish(desired, seen, obstacle, lost=lost)
    )


def _obstacle(desired: Desired | None, seen: Observed) -> Problem | None:
    """Tell what stands in the way of cleaning Saleor up."""
    if desired is None:
        return Problem(Reason.INVALID_SPEC, "the spec is invalid")
    if isinstance(seen.app, Problem):
        return seen.app
    if desired.managed and (_keeps_app(desired) or _never_had_app(seen)):
        return None
    return seen.credentials


def _keeps_app(desired: Desired) -> bool:
    return desired.spec.deletion_policy is DeletionPolicy.ORPHAN


def _never_had_app(seen: Observed) -> bool:
    known = seen.record is not None or seen.integration.status.saleor.app_id is not None
    return not known and seen.app is None and not seen.found


def _stop(desired: Desired | None, seen: Observed, *, late: bool) -> Farewell | None:
    """Have no new events come, and those that came be sent."""
    actions = () if late else (*_draining(seen), *_source(desired, seen))
    if not actions:
        return None
    return Farewell((Lane(ConditionType.READY, actions),), waits_for="its webhooks are disabled")


def _draining(seen: Observed) -> Iterator[Action]:
    pipeline = seen.pipeline
    if pipeline is not None and pipeline.state is PipelineState.ACTIVE:
        yield PublishPipeline(pipeline.model_copy(update={"state": PipelineState.DRAINING}))


def _source(desired: Desired | None, seen: Observed) -> Iterator[Action]:
    if desired is None:
        return
    if isinstance(seen.app, App):
        active = tuple(each.id for each in _webhooks(desired, seen.app) if each.is_active)
        if active:
            yield SwitchWebhooks(active, active=False)
    elif desired.managed and not _keeps_app(desired):
        # Its token is lost, and none is made for a farewell: the app goes first, then.
        mine = (app for app in apps.ours(desired, seen) if app.uid in {None, desired.uid})
        yield from (DeleteApp(app.id) for app in mine)


def _search(desired: Desired, seen: Observed, now: datetime) -> Farewell | None:
    """Wait for an app whose creation was interrupted to appear, or not to."""
    state = apps.judge(desired, seen, now)
    if _keeps_app(desired) or not isinstance(state, apps.Searching):
        return None
    return Farewell(
        look_again=state.seconds, waits_for="its app may yet appear, its creation was interrupted"
    )


def _webhooks(desired: Desired, app: App) -> tuple[Webhook, ...]:
    return webhooks.ours(app.webhooks, marker=desired.marker, url=desired.webhook_url)


def _drain(seen: Observed, age: timedelta) -> Farewell | None:
    """Wait for what is still to be sent, or stop waiting for it."""
    totals, pipeline = seen.totals, seen.pipeline
    if totals is None or pipeline is None or age >= GIVE_UP:
        return None
    if isinstance(totals, Problem):
        return None if age >= DRAIN else _wait_for_servers(age, totals.message)
    if totals.pending == 0:
        return None
    if pipeline.state is PipelineState.PAUSED or age >= DRAIN:
        return _bury(totals.pending)
    return _wait_for_servers(age, f"{totals.pending} events are still to be sent")


def _wait_for_servers(age: timedelta, words: str) -> Farewell:
    look_again = next(seconds for until, seconds in _LOOKS if age < until)
    return Farewell(look_again=look_again, waits_for=words)


def _bury(pending: int) -> Farewell:
    message = f"{pending} events that were still to be sent became dead letters."
    announcement = Announcement("Warning", Reason.BURIED, message)
    lane = Lane(ConditionType.DELIVERING, (Bury(),), announcement)
    return Farewell((lane,), waits_for="events become dead letters")


def _wait_for(problem: Problem) -> Farewell:
    # What heals is tried again with the backoff of the whole pass.
    look_again = None if problem.heals else _LOOK_AT_SALEOR
    return Farewell(look_again=look_again, waits_for=problem.message)


def _finish(
    desired: Desired | None, seen: Observed, obstacle: Problem | None, *, lost: bool
) -> Farewell:
    removal, announcement = _removal(desired, seen), None
    if lost:
        left = removal or (obstacle and not _never_came_in(desired, seen))
        announcement = _orphaned(desired, seen, obstacle) if left else None
        removal = ()
    last = (*removal, ForgetPipeline(), ForgetApp(), Release())
    lanes = (*_bury_unsent(seen), Lane(ConditionType.READY, last, announcement))
    return Farewell(lanes, waits_for="what was made for it is removed")


def _never_came_in(desired: Desired | None, seen: Observed) -> bool:
    """Whether an existing app's token never worked: the app's id is stored before webhooks are."""
    known = seen.pipeline is not None or seen.integration.status.saleor.app_id is not None
    return desired is not None and not desired.managed and not known


def _bury_unsent(seen: Observed) -> Iterator[Lane]:
    """Bury what could not be sent in time, if a server can be told; nothing waits for it."""
    if isinstance(seen.totals, Problem) or (seen.totals is not None and seen.totals.pending):
        yield Lane(ConditionType.DELIVERING, (Bury(),))


def _orphaned(desired: Desired | None, seen: Observed, obstacle: Problem | None) -> Announcement:
    why = obstacle.message.rstrip(".") if obstacle else "15 minutes passed"
    message = (
        f"It was let go although Saleor could not be cleaned up ({why}): "
        f"delete {_left_behind(desired, seen)} by hand."
    )
    return Announcement("Warning", Reason.ORPHANED, message)


def _left_behind(desired: Desired | None, seen: Observed) -> str:
    if desired is not None and not desired.managed:
        return f'the webhooks whose names begin with "{desired.marker}/"'
    known = seen.integration.status.saleor.app_name or (desired.app_name if desired else None)
    name = seen.app.name if isinstance(seen.app, App) else known
    app = f'app "{name}"' if name else "its app"
    return f"the webhooks of {app}" if desired is not None and _keeps_app(desired) else app


def _removal(desired: Desired | None, seen: Observed) -> tuple[Action, ...]:
    if desired is None or not isinstance(seen.app, App):
        return ()
    if not desired.managed:
        return tuple(DeleteWebhook(each.id) for each in _webhooks(desired, seen.app))
    return () if _keeps_app(desired) else (DeleteApp(seen.app.id),)


def _release_at_once() -> Farewell:
    message = "It was let go at once, as its annotation asks; what it made in Saleor stays."
    announcement = Announcement("Warning", Reason.RELEASED, message)
    # Lanes of their own: nothing may stand in the way of the last.
    return Farewell(
        (
            Lane(ConditionType.PIPELINE_SYNCED, (ForgetPipeline(),)),
            Lane(ConditionType.APP_REGISTERED, (ForgetApp(),)),
            Lane(ConditionType.READY, (Release(),), announcement),
        )
    )
