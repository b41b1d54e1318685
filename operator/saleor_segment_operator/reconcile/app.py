"""Which app in Saleor stands for an integration: the rules that keep it from having two."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import App
from saleor_segment_server.contract import Permission

SEARCH = timedelta(seconds=60)
"""How long Saleor is searched for an app whose creation was interrupted."""


@dataclass(frozen=True, slots=True)
class Registered:
    """We hold a token of the app, and Saleor accepts it."""

    app: App


@dataclass(frozen=True, slots=True)
class Lacking:
    """The app is ours, and lacks what the staff user may give it."""

    app: App
    permissions: tuple[Permission, ...]
    """Without these Saleor sends it some events not at all, and does not say so."""


@dataclass(frozen=True, slots=True)
class Adoptable:
    """The app is ours, but we hold no token that works."""

    app: App
    ours: bool
    """Whether it already carries our uid; else a former integration of this name left it."""


@dataclass(frozen=True, slots=True)
class Searching:
    """Creating was interrupted and no app is seen: it may yet appear."""

    seconds: float
    """How long to wait before creating another."""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is none, for certain."""


AppState = Registered | Lacking | Adoptable | Searching | Absent | Problem


def judge(desired: Desired, seen: Observed, now: datetime) -> AppState:
    """Tell how the app stands; a ``Problem`` where it is not known or cannot be used."""
    if isinstance(seen.app, Problem):
        return seen.app
    if seen.app is not None:
        return _with_token(desired, seen, seen.app)
    if seen.credentials is not None:
        return seen.credentials
    return _without_token(desired, seen, now)


def ours(desired: Desired, seen: Observed) -> tuple[App, ...]:
    """Return the apps with our marker that nobody else alive owns, the likeliest first."""
    free = [app for app in seen.found or () if app.uid not in seen.others]
    known = seen.record.app_id if seen.record else None
    return tuple(
        sorted(free, key=lambda app: (app.uid != desired.uid, app.id != known, not app.is_active))
    )


def _with_token(desired: Desired, seen: Observed, app: App) -> AppState:
    if desired.managed and app.uid in seen.others:
        return _owned_by_another(app)
    lacking = tuple(each for each in desired.permissions if each not in app.permissions)
    if not lacking:
        return Registered(app)
    if desired.managed and seen.credentials is None:
        return Lacking(app, lacking)
    return _without_permission(desired, app, lacking)


def _without_permission(desired: Desired, app: App, lacking: Sequence[Permission]) -> Problem:
    events = ", ".join(event for event in desired.events if event.permission in lacking)
    remedy = (
        "it is given that once CredentialsValid holds"
        if desired.managed
        else "grant it in the dashboard, or leave them out of spec.events"
    )
    names = " and ".join(lacking)
    message = f'App "{app.name}" lacks {names}, without which Saleor sends no {events}: {remedy}.'
    return Problem(Reason.PERMISSION_MISSING, message)


def _without_token(desired: Desired, seen: Observed, now: datetime) -> AppState:
    candidates = ours(desired, seen)
    if candidates:
        return _likeliest(desired, candidates[0])
    if seen.found:
        return _owned_by_another(seen.found[0])
    return _interrupted(seen, now) or Absent()


def _likeliest(desired: Desired, app: App) -> AppState:
    if not app.is_active:
        message = f'App "{app.name}" is deactivated: activate it in the dashboard, or delete it.'
        return Problem(Reason.APP_DEACTIVATED, message)
    return Adoptable(app, ours=app.uid == desired.uid)


def _owned_by_another(app: App) -> Problem:
    message = f'App "{app.name}" belongs to another integration: delete that or rename this one.'
    return Problem(Reason.OWNED_BY_ANOTHER, message)


def _interrupted(seen: Observed, now: datetime) -> Searching | None:
    since = seen.record.pending_since if seen.record else None
    # Either way round: a clock that was set back must not make the search last for hours.
    if since is None or abs(now - since) >= SEARCH:
        return None
    return Searching((since + SEARCH - now).total_seconds())
