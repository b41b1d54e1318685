"""Watching the users' Secrets by their metadata: nothing of what they hold is read here.

Of thousands of Secrets only name and version of those that an integration names are kept.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from saleor_segment_operator.resource import Key
from saleor_segment_operator.resource.named import SecretName
from saleor_segment_server.cluster import SECRETS, Api, Follower, WatchEvent


class Naming(Protocol):
    """Who names which Secret; ``Register`` knows."""

    @property
    def secrets(self) -> frozenset[SecretName]:
        """All Secrets that are named."""

    def users(self, secret: SecretName) -> frozenset[Key]:
        """Return the integrations that name this Secret."""


class Versions:
    """Versions of named Secrets: tells the integrations that one of theirs has changed.

    Args:
        naming: Who names what.
        changed: Called with each integration that a change concerns.
    """

    def __init__(self, naming: Naming, changed: Callable[[Key], None]) -> None:
        self._naming = naming
        self._changed = changed
        self._known: dict[SecretName, str] = {}
        self._listed: set[str | None] = set()

    async def saw(self, event: WatchEvent) -> None:
        """Take in that a Secret was made, changed or deleted."""
        name, version = _version(event.object)
        if event.kind == "DELETED":
            self._known.pop(name, None)
        elif self._known.get(name) == version:
            return
        elif self._naming.users(name):
            self._known[name] = version
        self._tell(name)

    async def saw_all(self, namespace: str | None, documents: Sequence[Any]) -> None:
        """Take in a list; after an outage it differs where something was missed.

        Args:
            namespace: What was listed; ``None`` for everywhere.
            documents: All Secrets there.
        """
        named = {name for name in self._naming.secrets if namespace in {None, name[0]}}
        now = {name: version for name, version in map(_version, documents) if name in named}
        before = {name: version for name, version in self._known.items() if name in named}
        for name in [name for name in self._known if namespace in {None, name[0]}]:
            del self._known[name]
        self._known.update(now)
        if namespace in self._listed:  # at the first list everything is looked at anyway
            for name in {*before, *now}:
                if before.get(name) != now.get(name):
                    self._tell(name)
        self._listed.add(namespace)

    def _tell(self, name: SecretName) -> None:
        for key in self._naming.users(name):
            self._changed(key)


class SecretWatch:
    """Follows the Secrets of the watched namespaces.

    Args:
        api: Where they are.
        namespaces: Which are watched; none for all.
        versions: What is told of them.
    """

    def __init__(self, api: Api, namespaces: Sequence[str], versions: Versions) -> None:
        self._followers = [_follower(api, one, versions) for one in namespaces or (None,)]

    @property
    def synced(self) -> bool:
        """Whether every namespace was listed."""
        return all(follower.synced for follower in self._followers)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            for follower in self._followers:
                group.create_task(follower.run())


def _follower(api: Api, namespace: str | None, versions: Versions) -> Follower:
    async def listed(documents: Sequence[Any]) -> None:
        await versions.saw_all(namespace, documents)

    return Follower(
        api,
        SECRETS,
        namespace,
        metadata_only=True,
        listed=listed,
        changed=versions.saw,
        kept=_little,
    )


def _little(document: Any) -> Any:
    """Keep what tells versions apart: annotations may hold what the Secret does."""
    (namespace, name), version = _version(document)
    return {"metadata": {"namespace": namespace, "name": name, "resourceVersion": version}}


def _version(document: Any) -> tuple[SecretName, str]:
    metadata = document["metadata"]
    return (metadata["namespace"], metadata["name"]), metadata["resourceVersion"]
