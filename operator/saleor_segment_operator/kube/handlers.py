"""What is known of the integrations: which have to be looked at, and whom a Secret concerns.

A change counts where it is somebody's wish: of the spec, of the deletion, of our two annotations.
Our own writes, the status and the finalizer, are seen too and mean nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from saleor_segment_operator.kube.resources import as_number
from saleor_segment_operator.resource import RECONCILE_AT, RELEASE, ConditionType, Integration, Key
from saleor_segment_operator.resource.named import SecretName, named_secrets

Document = Mapping[str, Any]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What of an integration asks for a pass when it changes."""

    uid: str
    generation: int
    deleting: bool
    reconcile_at: str | None
    release: str | None

    @classmethod
    def of(cls, document: Document) -> "Wish":
        """Read it from an object as stored."""
        metadata = document["metadata"]
        annotations = metadata.get("annotations") or {}
        return cls(
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            deleting="deletionTimestamp" in metadata,
            reconcile_at=annotations.get(RECONCILE_AT),
            release=annotations.get(RELEASE),
        )


def essence(document: Document) -> Document:
    """Return what the register reads of an integration: no more is kept of a list."""
    return {**document, "status": {"conditions": _readiness(document)}}


@dataclass(slots=True)
class _Known:
    wish: Wish
    secrets: frozenset[SecretName]
    ready: str
    version: int


class Register:
    """The integrations as they were last seen; it belongs to the main event loop.

    Args:
        changed: Called with each integration that has to be looked at.
    """

    def __init__(self, changed: Callable[[Key], None]) -> None:
        self._changed = changed
        self._known: dict[Key, _Known] = {}
        self._users: dict[SecretName, set[Key]] = {}
        self._listed = False
        self.missed = 0
        """Changes that a list told before the watch did."""

    def see(self, kind: str | None, document: Document) -> bool:
        """Take in an object, or an event of the watch; tell whether it was news."""
        key, version = _key(document), as_number(document["metadata"]["resourceVersion"])
        known = self._known.get(key)
        if known is not None and known.version >= version > 0:
            return False  # a list and the watch overtake each other
        if kind == "DELETED":
            return self._drop(key)
        wish = Wish.of(document)
        if known is not None and known.wish == wish:
            known.ready, known.version = _ready(document), version
            return False
        secrets = named_secrets(Integration.parse(document))
        self._keep(key, _Known(wish, secrets, _ready(document), version))
        self._changed(key)
        return True

    def compare(self, documents: Iterable[Document], version: str) -> None:
        """Take in a list of all there are: the watch may have missed something.

        Args:
            documents: All integrations.
            version: The list's own.
        """
        listed, missed = set(), 0
        for document in documents:
            listed.add(_key(document))
            missed += self.see(None, document)
        for key, known in list(self._known.items()):
            if key not in listed and known.version <= as_number(version):
                missed += self._drop(key)
        if missed and self._listed:
            self.missed += missed
            _log.info("list_ahead_of_watch", changes=missed)
        self._listed = True

    def users(self, secret: SecretName) -> frozenset[Key]:
        """Return the integrations that name this Secret."""
        return frozenset(self._users.get(secret, ()))

    @property
    def secrets(self) -> frozenset[SecretName]:
        """All Secrets that are named."""
        return frozenset(self._users)

    def readiness(self) -> Mapping[str, int]:
        """Count the integrations by the status of their condition Ready."""
        counts = {"True": 0, "False": 0, "Unknown": 0}
        for known in self._known.values():
            counts[known.ready] += 1
        return counts

    def _keep(self, key: Key, known: _Known) -> None:
        self._unname(key)
        self._known[key] = known
        for secret in known.secrets:
            self._users.setdefault(secret, set()).add(key)

    def _drop(self, key: Key) -> bool:
        self._unname(key)
        if self._known.pop(key, None) is None:
            return False
        self._changed(key)
        return True

    def _unname(self, key: Key) -> None:
        known = self._known.get(key)
        for secret in known.secrets if known else ():
            users = self._users[secret]
            users.discard(key)
            if not users:
                del self._users[secret]


def _key(document: Document) -> Key:
    metadata = document["metadata"]
    return Key(metadata["namespace"], metadata["name"])


def _ready(document: Document) -> str:
    told = (str(condition.get("status")) for condition in _readiness(document))
    return next((status for status in told if status in {"True", "False"}), "Unknown")


def _readiness(document: Document) -> Sequence[Mapping[str, Any]]:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return [each for each in conditions if each.get("type") == ConditionType.READY]
