"""Installed apps with their tokens, problems and webhooks."""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import count
from typing import Any, ClassVar

from tests.twins.saleor.api.subscription import Subscription
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names, global_id
from tests.twins.saleor.shop.catalogue import WithMetadata

_MOST_PROBLEMS = 100
_PERMISSIONS = {
    "ORDER": "MANAGE_ORDERS",
    "FULFILLMENT": "MANAGE_ORDERS",
    "CHECKOUT": "MANAGE_CHECKOUTS",
    "CUSTOMER": "MANAGE_USERS",
}
"""What an app needs to be told of an event, by its first word (saleor/webhook/event_types.py)."""


@dataclass(eq=False)
class AppToken:
    """An app's token. Saleor shows its last four characters only."""

    graphql_type: ClassVar = "AppToken"
    pk: int
    name: str
    secret: str

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("AppToken", self.pk)

    @property
    def auth_token(self) -> str:
        """The last four characters."""
        return self.secret[-4:]


@dataclass(eq=False)
class AppProblem:
    """A problem an app reported about itself (3.22)."""

    graphql_type: ClassVar = "AppProblem"
    pk: int
    key: str
    message: str
    created_at: datetime
    updated_at: datetime
    count: int = 1
    is_critical: bool = False
    dismissed_by: str | None = None
    dismisser_email: str | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("AppProblem", self.pk)


@dataclass(eq=False)
class App(WithMetadata):
    """An app."""

    graphql_type: ClassVar = "App"
    pk: int
    name: str
    identifier: str
    permissions: tuple[str, ...]
    created: datetime
    type: str = "LOCAL"
    version: str | None = None
    manifest_url: str | None = None
    is_active: bool = True
    removed_at: datetime | None = None
    tokens: list[AppToken] = field(default_factory=list)
    webhooks: list["Webhook"] = field(default_factory=list)
    problems: list[AppProblem] = field(default_factory=list)
    """Newest first."""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("App", self.pk)

    @property
    def works(self) -> bool:
        """Whether its tokens are honoured and its webhooks fire."""
        return self.is_active and self.removed_at is None

    @property
    def token(self) -> str:
        """The secret of its first token, for tests that act as the app."""
        return self.tokens[0].secret


@dataclass(eq=False)
class Webhook:
    """A webhook of an app."""

    graphql_type: ClassVar = "Webhook"
    pk: int
    app: App
    name: str | None
    target_url: str
    subscription: Subscription
    events: tuple[str, ...]
    """The asynchronous events it is called for."""
    is_active: bool = True
    identifier: str | None = None
    secret_key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    """Custom headers, lower case."""

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Webhook", self.pk)

    @property
    def subscription_query(self) -> str:
        """The query as it was given."""
        return self.subscription.query

    @property
    def custom_headers(self) -> str:
        """The custom headers, as JSON."""
        return json.dumps(self.headers)

    def hears(self, event: str) -> bool:
        """Whether a delivery is made for this event: active, subscribed and permitted."""
        permission = _PERMISSIONS[event.partition("_")[0]]
        return (
            self.is_active
            and self.app.works
            and event in self.events
            and permission in self.app.permissions
        )


class Apps:
    """Every app the shop ever had."""

    def __init__(self, *, time: Timekeeper, names: Names) -> None:
        self._time = time
        self._names = names
        self._all: dict[int, App] = {}
        self._pks = count(1)
        self._token_pks = count(1)
        self._webhook_pks = count(1)
        self._problem_pks = count(1)

    def create(
        self,
        name: str,
        *,
        identifier: str | None = None,
        permissions: Sequence[str] = (),
        pk: int | None = None,
    ) -> App:
        """Add a local app with one token; without an identifier its global id is one."""
        number = self._free(self._pks, self._all) if pk is None else pk
        app = App(
            pk=number,
            name=name,
            identifier=identifier or global_id("App", number),
            permissions=tuple(permissions),
            created=self._time.now(),
        )
        self._all[number] = app
        self.issue_token(app, "Default")
        return app

    def issue_token(self, app: App, name: str) -> AppToken:
        """Add a token to an app."""
        token = AppToken(next(self._token_pks), name, self._names.token())
        app.tokens.append(token)
        return token

    def add_webhook(
        self, app: App, subscription: Subscription, *, pk: int | None = None, **members: Any
    ) -> Webhook:
        """Add a webhook to an app."""
        taken = {webhook.pk for one in self._all.values() for webhook in one.webhooks}
        number = self._free(self._webhook_pks, taken) if pk is None else pk
        webhook = Webhook(number, app, subscription=subscription, **members)
        app.webhooks.append(webhook)
        return webhook

    def report(self, app: App, key: str, message: str, *, minutes: int) -> AppProblem:
        """Add a problem, or count it to the one with its key that is young enough."""
        now = self._time.now()
        for problem in app.problems:
            young = now - problem.created_at < timedelta(minutes=minutes)
            if problem.key == key and young and problem.dismissed_by is None:
                problem.count += 1
                problem.message, problem.updated_at = message, now
                return problem
        app.problems.insert(0, AppProblem(next(self._problem_pks), key, message, now, now))
        del app.problems[_MOST_PROBLEMS:]
        return app.problems[0]

    def installed(self) -> list[App]:
        """Every app that was not removed, as ``apps`` sorts them: by name."""
        present = (app for app in self._all.values() if app.removed_at is None)
        return sorted(present, key=lambda app: (app.name, app.pk))

    def find(self, key: str | None) -> App | None:
        """Return an app that was not removed, by the key in its global id."""
        app = self._all.get(int(key)) if key is not None and key.isdigit() else None
        return app if app and app.removed_at is None else None

    def by_token(self, secret: str) -> App | None:
        """Return the working app with this token."""
        for app in self._all.values():
            if app.works and any(token.secret == secret for token in app.tokens):
                return app
        return None

    def webhooks(self) -> Iterator[Webhook]:
        """Every webhook of the apps that were not removed."""
        for app in self._all.values():
            if app.removed_at is None:
                yield from app.webhooks

    def find_webhook(self, key: str | None) -> Webhook | None:
        """Return a webhook by the key in its global id."""
        return next((hook for hook in self.webhooks() if str(hook.pk) == key), None)

    @staticmethod
    def _free(pks: Iterator[int], taken: Container[int]) -> int:
        return next(pk for pk in pks if pk not in taken)
