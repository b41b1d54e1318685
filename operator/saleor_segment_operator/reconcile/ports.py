"""What the reconciler needs of its surroundings: a cluster (``kube``) or a folder (``standalone``).

Adapters raise ``Unavailable`` where their store does not answer and ``Blocked`` where it refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from saleor_segment_operator.resource import Integration, Key, Status
from saleor_segment_server.contract import Pipeline


@dataclass(frozen=True, slots=True)
class Announcement:
    """Something a person would want to know: an Event in a cluster, a line on a terminal."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Installation:
    """The identity of this installation, made once and kept for good."""

    id: str
    """First part of the marker on our apps: tells two installations apart."""
    salt: str
    """16 bytes in hex: keeps message ids unique across workspaces."""


@dataclass(frozen=True, slots=True)
class AppRecord:
    """What is kept of a Saleor app between reconciles; holds its token in the clear."""

    pending_since: datetime | None = None
    """Set before an app is created, gone once its token is stored: a crash in between shows."""
    app_id: str | None = None
    token: str | None = field(default=None, repr=False)


class Integrations(Protocol):
    """The ``SaleorSegmentIntegration`` objects."""

    async def keys(self) -> Sequence[Key]:
        """Return the keys of all that exist."""

    async def get(self, key: Key) -> Integration | None:
        """Return it as it is now, or ``None`` where it is gone."""

    async def alive(self, uid: str) -> bool:
        """Tell whether there is one with this uid now."""

    async def hold(self, integration: Integration, *, by: str) -> None:
        """Add our finalizer: it cannot disappear before ``release``; ``Unavailable`` if it has.

        Installation ``by`` is named beside it, in the same change; one that is held stays as it is.
        """

    async def release(self, integration: Integration) -> None:
        """Remove our finalizer, and the name of the installation."""

    async def publish(self, integration: Integration, status: Status) -> None:
        """Make ``status`` its status, if it still is the same object (uid)."""

    async def announce(self, integration: Integration, announcement: Announcement) -> None:
        """Tell whoever watches; failing to is logged, never raised."""


class Secrets(Protocol):
    """The users' Secrets, read, and our own, written."""

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a user's Secret, or ``None`` where there is none."""

    async def installation(self) -> Installation:
        """Return the installation's identity, made and stored at the first call."""

    async def app(self, uid: str) -> AppRecord | None:
        """Return what is kept of the app of the integration with this uid."""

    async def put_app(self, uid: str, record: AppRecord, *, of: Key) -> None:
        """Store it, durably, before returning; ``of`` is the integration with this uid."""

    async def delete_app(self, uid: str) -> None:
        """Forget it; it may be gone already."""

    async def apps(self) -> Mapping[str, Key | None]:
        """Return the uids whose apps something is kept of, with their keys where they are known."""


class Pipelines(Protocol):
    """The table of Pipelines that the servers read."""

    async def get(self, pipeline_id: str) -> Pipeline | None:
        """Return it as stored."""

    async def put(self, pipeline: Pipeline, *, of: Key) -> None:
        """Store it, durably, before returning; ``of`` is the integration it is made from."""

    async def delete(self, pipeline_id: str) -> None:
        """Take it out; it may be gone already."""

    async def ids(self) -> Mapping[str, Key | None]:
        """Return the ids of all, with their integrations' keys where they are known."""
