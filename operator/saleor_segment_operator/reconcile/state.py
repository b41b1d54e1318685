"""What an integration should be in the world, and what it was found to be."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile.ports import AppRecord, Installation
from saleor_segment_operator.resource import Integration, Key, Reason, Spec
from saleor_segment_operator.saleor import App, StaffCredentials, Version, WebhookDraft
from saleor_segment_operator.servers import Totals
from saleor_segment_server.contract import (
    Event,
    Permission,
    Pipeline,
    PipelineState,
    SaleorSource,
    SegmentTarget,
    permissions,
    subscribed,
    subscription,
)
from saleor_segment_server.outbound.write_key import WriteKeyVerdict

_MARKER_LENGTH = 220  # Saleor keeps 256 characters of an identifier, and an event is appended
_APP_NAME_LENGTH = 60  # what Saleor keeps


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is not known or not done, in place of it."""

    reason: Reason
    message: str
    heals: bool = False
    """Whether it may pass by itself; else the user must change something."""
    retry_after: float | None = None
    """Seconds the other side asked us to wait, where it did."""

    @classmethod
    def of(cls, error: Blocked | Unavailable) -> "Problem":
        """Make a value of what was raised."""
        retry_after = error.retry_after if isinstance(error, Unavailable) else None
        heals = isinstance(error, Unavailable)
        return cls(Reason(error.reason), str(error), heals=heals, retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class WriteKey:
    """The write key the Secret holds, and what Segment says of it."""

    value: str = field(repr=False)
    verdict: WriteKeyVerdict

    @property
    def usable(self) -> bool:
        """Whether events are sent with it."""
        return self.verdict in {WriteKeyVerdict.VALID, WriteKeyVerdict.UNKNOWN}


def marker(installation: Installation, key: Key) -> str:
    """Return what tells our apps and webhooks in Saleor from all others, the same over time."""
    text = f"{installation.id}/{key}"
    if len(text) <= _MARKER_LENGTH:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: _MARKER_LENGTH - 17]}~{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """What the spec asks for, its names resolved."""

    spec: Spec
    namespace: str
    """Where its Secrets are."""
    uid: str
    marker: str
    """Identifier of a managed app, and what the names of our webhooks begin with."""
    app_name: str
    """Name of a managed app in the dashboard."""
    webhook_url: str
    """Base of the addresses that Saleor calls."""
    salt: str

    @classmethod
    def of(
        cls, integration: Integration, spec: Spec, installation: Installation, public_url: str
    ) -> "Desired":
        """Resolve ``spec``, the valid one of ``integration``."""
        return cls(
            spec=spec,
            namespace=integration.key.namespace,
            uid=integration.uid,
            marker=marker(installation, integration.key),
            app_name=f"Segment {integration.key}"[:_APP_NAME_LENGTH],
            webhook_url=f"{public_url}/webhooks/{integration.uid}",
            salt=installation.salt,
        )

    @property
    def managed(self) -> bool:
        """Whether the app is ours to create and delete."""
        return self.spec.saleor.app.managed is not None

    @property
    def write_key_secret(self) -> str:
        """The Secret of the write key and its key, in words."""
        ref = self.spec.segment.write_key_secret_ref
        return f"Secret {self.namespace}/{ref.name}, key {ref.key}"

    @property
    def login_secret(self) -> str:
        """The Secret of ``spec.saleor.app``, in words."""
        app = self.spec.saleor.app
        if app.existing is not None:
            ref = app.existing.token_secret_ref
            return f"Secret {self.namespace}/{ref.name}, key {ref.key}"
        if app.managed is None:
            return "no Secret"
        return f"Secret {self.namespace}/{app.managed.credentials_secret_ref.name}"

    @property
    def events(self) -> tuple[Event, ...]:
        """What Saleor is to tell: the events of the spec, and what its options need besides."""
        return subscribed(self.spec.events, self.spec.tracking)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """What the app must hold to be sent them."""
        return permissions(self.events)

    @property
    def drafts(self) -> tuple[WebhookDraft, ...]:
        """The webhooks that should be, one per event."""
        return tuple(
            WebhookDraft(
                event=event,
                name=f"{self.marker}/{event}",
                identifier=f"{self.marker}/{event}",
                target_url=f"{self.webhook_url}/{event}",
                query=subscription(event, self.spec.tracking, held=self.permissions),
            )
            for event in self.events
        )

    def pipeline(
        self,
        *,
        app_ids: tuple[str, ...],
        public_url: str | None,
        jwks: Mapping[str, Any] | None,
        write_key: WriteKey | None,
        since: datetime,
    ) -> Pipeline:
        """Return the Pipeline that should be, given what only the world knows."""
        sending = write_key is not None and write_key.usable and not self.spec.suspend
        return Pipeline(
            id=self.uid,
            saleor=SaleorSource(
                api_url=self.spec.saleor.api_url,
                public_url=public_url,
                jwks=None if jwks is None else dict(jwks),
                app_ids=app_ids,
            ),
            events=self.events,
            segment=SegmentTarget(
                endpoint=self.spec.segment.base_url,
                write_key=None if write_key is None else SecretStr(write_key.value),
            ),
            tracking=self.spec.tracking,
            salt=self.salt,
            since=since,
            state=PipelineState.ACTIVE if sending else PipelineState.PAUSED,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The world as one pass found it; what could not be read is a ``Problem``."""

    integration: Integration
    record: AppRecord | None = None
    """What we keep of a managed app."""
    credentials: Problem | None = None
    """What is wrong with the Secret of ``spec.saleor.app``, or with what it holds."""
    staff: StaffCredentials | None = field(default=None, repr=False)
    """The login of a staff user, for a managed app."""
    token: str | None = field(default=None, repr=False)
    """The app's token: ours for a managed app, the user's for an existing one."""
    version: Version | None = None
    app: App | Problem | None = None
    """The app that the token belongs to; ``None`` where there is no token that works."""
    found: tuple[App, ...] | None = None
    """Apps with our marker, as a staff user sees them; ``None`` where nobody looked."""
    others: frozenset[str] = frozenset()
    """The uids on apps that are those of other living integrations."""
    write_key: WriteKey | Problem | None = None
    """``None`` where it does not matter: while deleting."""
    jwks: Mapping[str, Any] | None = None
    """Saleor's public keys, where they could be read."""
    own_url: str | None = None
    """The origin the shop gives itself, where it could be read."""
    pipeline: Pipeline | None = None
    """The Pipeline as stored."""
    held: bool | Problem | None = None
    """Whether every ready server holds the stored Pipeline; ``None`` without one."""
    totals: Totals | Problem | None = None
    """What the servers have of the stored Pipeline's events; ``None`` without one."""
