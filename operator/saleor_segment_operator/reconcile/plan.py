"""What to do about a living integration: pure, from what should be and what was found.

A plan holds all that can be done now. What depends on its results is planned by the next pass,
which sees them: nothing plans twice in a pass.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from saleor_segment_operator.reconcile import app as apps
from saleor_segment_operator.reconcile import drift, trust, webhooks
from saleor_segment_operator.reconcile.actions import (
    Action,
    AdoptApp,
    CreateWebhook,
    DeleteWebhook,
    GrantPermissions,
    Hold,
    Lane,
    PublishPipeline,
    RegisterApp,
    RenewToken,
    SwitchWebhooks,
    UpdateWebhook,
)
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.reconcile.state import Desired, Observed, Problem, WriteKey
from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_operator.saleor import App
from saleor_segment_server.contract import Pipeline

_SERVERS_LOOK = 0.5
"""Seconds until the servers are asked again whether they hold a new Pipeline; they take up to 2."""
_SEGMENT_LOOK = 60.0
"""Seconds until Segment is asked again about a write key it does not know: a new one takes a while
to get around."""

HOLD = Lane(ConditionType.READY, (Hold(),))
"""What comes before all else: it must not disappear before Saleor is cleaned up."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How things stand, and what is done about it."""

    app: apps.AppState
    webhooks: webhooks.Comparison | None
    """``None`` while no app is registered."""
    pipeline: Pipeline | None
    """The Pipeline as it should be; ``None`` before an app has been."""
    stored: bool
    """Whether it is stored as it should be."""
    synced: bool
    """Whether every ready server holds it so."""
    obstacle: Problem | None
    """Why no delivery would be accepted, which keeps webhooks from being enabled."""
    lanes: tuple[Lane, ...]
    look_again: float | None
    """Seconds until another look is worth while though nothing is done; ``None``: the resync."""


def plan(desired: Desired, seen: Observed, now: datetime) -> Plan:
    """Set what should be against what was found."""
    app = apps.judge(desired, seen, now)
    comparison = _compare(desired, app)
    pipeline = _pipeline(desired, seen, app, now)
    stored = _is_stored(pipeline, seen)
    synced = stored and seen.held is True
    obstacle = trust.obstacle(desired, seen, pipeline)
    lanes = (
        *_saleor_lanes(desired, seen, app, comparison, enable=synced and obstacle is None),
        *(() if pipeline is None or stored else (_publish(pipeline),)),
    )
    return Plan(
        app=app,
        webhooks=comparison,
        pipeline=pipeline,
        stored=stored,
        synced=synced,
        obstacle=obstacle,
        lanes=lanes if seen.integration.held else (HOLD,),
        look_again=_look_again(seen, app, waiting=stored and seen.held is False),
    )


def rekeyed(desired: Desired, seen: Observed) -> Pipeline | None:
    """Return the stored Pipeline with the write key as it should be, where that is another.

    All that depends on Saleor stays as it is stored.
    """
    before = seen.pipeline
    if before is None or before.since is None:
        return None
    fresh = desired.pipeline(
        app_ids=before.saleor.app_ids,
        public_url=before.saleor.public_url,
        jwks=before.saleor.jwks,
        write_key=seen.write_key if isinstance(seen.write_key, WriteKey) else None,
        since=before.since,
    )
    after = before.model_copy(update={"segment": fresh.segment, "state": fresh.state})
    return None if after.fingerprint() == before.fingerprint() else after


def _compare(desired: Desired, app: apps.AppState) -> webhooks.Comparison | None:
    if not isinstance(app, apps.Registered):
        return None
    ours = webhooks.ours(app.app.webhooks, marker=desired.marker, url=desired.webhook_url)
    return webhooks.compare(desired.drafts, ours)


def _pipeline(
    desired: Desired, seen: Observed, app: apps.AppState, now: datetime
) -> Pipeline | None:
    before = seen.pipeline
    if isinstance(app, apps.Registered):
        app_ids: tuple[str, ...] = (app.app.id,)
    elif before is not None:
        app_ids = before.saleor.app_ids  # events flow, and keys rotate, whatever Saleor says
    else:
        return None
    return desired.pipeline(
        app_ids=app_ids,
        public_url=trust.public_url(desired, seen),
        jwks=seen.jwks or (before.saleor.jwks if before else None),
        write_key=seen.write_key if isinstance(seen.write_key, WriteKey) else None,
        since=(before.since if before else None) or now,
    )


def _is_stored(pipeline: Pipeline | None, seen: Observed) -> bool:
    if pipeline is None or seen.pipeline is None:
        return False
    return pipeline.fingerprint() == seen.pipeline.fingerprint()


def _publish(pipeline: Pipeline) -> Lane:
    return Lane(ConditionType.PIPELINE_SYNCED, (PublishPipeline(pipeline),))


def _saleor_lanes(
    desired: Desired,
    seen: Observed,
    app: apps.AppState,
    comparison: webhooks.Comparison | None,
    *,
    enable: bool,
) -> Iterator[Lane]:
    if desired.spec.suspend:
        return
    yield from _app_lane(desired, seen, app)
    if isinstance(app, apps.Registered) and comparison is not None:
        yield from _webhook_lanes(seen, app.app.id, comparison, enable=enable)


def _app_lane(desired: Desired, seen: Observed, app: apps.AppState) -> Iterator[Lane]:
    action: Action
    announcement: Announcement | None = None
    match app:
        case apps.Absent() if desired.managed:
            action, announcement = RegisterApp(), _created(desired, seen)
        case apps.Adoptable(found, ours):
            action, announcement = RenewToken(found.id), _renewed(found.name, ours=ours)
        case apps.Lacking(found, lacking):
            wanted = found.permissions | set(lacking)
            action, announcement = GrantPermissions(found.id, wanted), _granted(found, lacking)
        case apps.Registered(found) if _is_unmarked(desired, seen, found):
            action = AdoptApp(found.id)
        case _:
            return
    yield Lane(ConditionType.APP_REGISTERED, (action,), announcement)


def _is_unmarked(desired: Desired, seen: Observed, app: App) -> bool:
    return desired.managed and app.uid != desired.uid and seen.credentials is None


def _created(desired: Desired, seen: Observed) -> Announcement:
    if seen.record is not None and seen.record.app_id is not None:
        message = f'The app was deleted in Saleor; "{desired.app_name}" was created in its place.'
        return Announcement("Warning", Reason.APP_GONE, message)
    message = f'App "{desired.app_name}" was created in Saleor.'
    return Announcement("Normal", Reason.APP_CREATED, message)


def _renewed(name: str, *, ours: bool) -> Announcement:
    if ours:
        message = f'The token of app "{name}" was lost; another was made.'
        return Announcement("Normal", Reason.APP_TOKEN_CREATED, message)
    message = f'App "{name}", left by a former integration of this name, is used again.'
    return Announcement("Normal", Reason.APP_ADOPTED, message)


def _granted(app: App, permissions: Sequence[str]) -> Announcement:
    message = f'App "{app.name}" was given {" and ".join(permissions)}, which its events need.'
    return Announcement("Normal", Reason.PERMISSIONS_GRANTED, message)


def _webhook_lanes(
    seen: Observed, app_id: str, comparison: webhooks.Comparison, *, enable: bool
) -> Iterator[Lane]:
    fixes: tuple[Action, ...] = (
        *(CreateWebhook(draft) for draft in comparison.missing),
        *(UpdateWebhook(change.webhook.id, change.draft) for change in comparison.changed),
        *(DeleteWebhook(webhook.id) for webhook in comparison.surplus),
    )
    if fixes:
        announcement = drift.of_fields(seen, app_id, comparison)
        yield Lane(ConditionType.WEBHOOKS_ENABLED, fixes, announcement)
    disabled = tuple(webhook.id for _, webhook in comparison.disabled)
    if disabled and enable:
        announcement = drift.of_switches(seen, app_id, comparison) or _enabled(comparison)
        switch = SwitchWebhooks(disabled, active=True)
        yield Lane(ConditionType.WEBHOOKS_ENABLED, (switch,), announcement)


def _enabled(comparison: webhooks.Comparison) -> Announcement:
    events = ", ".join(event for event, _ in comparison.disabled)
    return Announcement("Normal", Reason.WEBHOOKS_ENABLED, f"Webhooks were enabled: {events}.")


def _look_again(seen: Observed, app: apps.AppState, *, waiting: bool) -> float | None:
    looks = [
        app.seconds if isinstance(app, apps.Searching) else None,
        seen.credentials.retry_after if seen.credentials else None,
        _SERVERS_LOOK if waiting else None,
        None if _key_is_fine(seen.write_key) else _SEGMENT_LOOK,
    ]
    return min((look for look in looks if look is not None), default=None)


def _key_is_fine(key: WriteKey | Problem | None) -> bool:
    return not isinstance(key, WriteKey) or key.usable
