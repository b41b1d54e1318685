"""Apps and webhooks as Saleor has them, and as they should be."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from saleor_segment_server.contract import Event


@dataclass(frozen=True, slots=True)
class StaffCredentials:
    """The login of a staff user with MANAGE_APPS and all that an app is to be given."""

    email: str = field(repr=False)
    password: str = field(repr=False)

    @property
    def digest(self) -> str:
        """A hash that tells credentials apart without holding them."""
        text = json.dumps([self.email, self.password])
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDraft:
    """A webhook as it should be; whether it is enabled is decided apart from this."""

    event: Event
    """The one event it is for."""
    name: str
    """Its name in the dashboard, at most 255 characters."""
    identifier: str
    """Its key within the app, at most 256 characters; Saleor before 3.23 keeps none."""
    target_url: str
    """Where Saleor sends deliveries, at most 255 characters."""
    query: str
    """The GraphQL subscription that shapes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook as Saleor has it (type ``Webhook``)."""

    id: str
    """Its global id."""
    name: str
    identifier: str | None = None
    """``None`` where it has none."""
    takes_identifier: bool = True
    """Whether this Saleor keeps identifiers at all: from 3.23."""
    target_url: str
    events: tuple[str, ...]
    """All it is called for, synchronous ones too."""
    query: str
    is_active: bool
    has_headers: bool = False
    """Whether deliveries carry custom headers."""
    has_secret: bool = False
    """Whether deliveries are signed with a shared secret instead of the shop's key."""

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> "Webhook":
        """Read the fragment ``WebhookFields``."""
        return cls(
            id=str(answer["id"]),
            name=answer["name"] or "",
            identifier=answer.get("identifier"),
            takes_identifier="identifier" in answer,
            target_url=answer["targetUrl"],
            events=tuple(
                str(event["eventType"]) for event in (*answer["asyncEvents"], *answer["syncEvents"])
            ),
            query=answer["subscriptionQuery"] or "",
            is_active=bool(answer["isActive"]),
            has_headers=bool(json.loads(answer["customHeaders"] or "{}")),
            has_secret=bool(answer["secretKey"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app (type ``App``)."""

    id: str
    """Its global id."""
    name: str
    identifier: str | None
    """The marker, if it is ours; Saleor lets two apps have the same."""
    is_active: bool
    permissions: frozenset[str]
    """Codes, such as ``MANAGE_ORDERS``."""
    uid: str | None = None
    """The uid of the integration it was registered or adopted for, kept in its metadata."""
    webhooks: tuple[Webhook, ...] = ()
    """Its webhooks; only ``own_app`` reads them."""

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> "App":
        """Read the fragment ``AppFields``, and the webhooks where they were asked for."""
        return cls(
            id=str(answer["id"]),
            name=answer["name"] or "",
            identifier=answer["identifier"],
            is_active=bool(answer["isActive"]),
            permissions=frozenset(str(one["code"]) for one in answer["permissions"] or ()),
            uid=answer["metafield"],
            webhooks=tuple(map(Webhook.parse, answer.get("webhooks") or ())),
        )


def drift(draft: WebhookDraft, webhook: Webhook) -> tuple[str, ...]:
    """Name what of ``webhook`` is not as ``draft`` says, in words for a person."""
    differs = {
        "name": webhook.name != draft.name,
        "identifier": webhook.takes_identifier and webhook.identifier != draft.identifier,
        "target URL": webhook.target_url != draft.target_url,
        "event": webhook.events != (draft.event,),
        "query": webhook.query.strip() != draft.query.strip(),
        "custom headers": webhook.has_headers,
        "secret key": webhook.has_secret,
    }
    return tuple(name for name, is_so in differs.items() if is_so)
