"""Which app in Saleor stands for an integration: the rules that keep it from having two."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from saleor_segment_operator.reconcile.state import Desired, Observed, Problem
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import App

PERMISSION = "MANAGE_ORDERS"
"""What an app needs for Saleor to send it order events."""
SEARCH = timedelta(seconds=60)
"""How long Saleor is searched for an app whose creation was interrupted."""


@dataclass(frozen=True, slots=True)
class Registered:
    """We hold a token of the app, and Saleor accepts it."""

    app: App


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


AppState = Registered | Adoptable | Searching | Absent | Problem


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
    if PERMISSION not in app.permissions:
        message = f'App "{app.name}" lacks {PERMISSION}: grant it in the dashboard.'
        return Problem(Reason.PERMISSION_MISSING, message)
    return Registered(app)


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
