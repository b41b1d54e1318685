"""Integrations as users apply them, and when each of them is Ready."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import KIND
from saleor_segment_server.cluster import SECRETS, Api, Follower, Resource, WatchEvent
from tests.bench.report import Points
from tests.bench.shops import EMAIL, PASSWORD

_AT_ONCE = 8

Applied = tuple[Resource, str, Mapping[str, Any]]


def write_key(number: int) -> str:
    """Return a write key that looks like one."""
    return f"key-{number}-".ljust(32, "k")


def secret(name: str, **content: str) -> dict[str, Any]:
    """Return a Secret."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
    return {"metadata": {"name": name}, "data": data}


def integration(name: str, api_url: str) -> dict[str, Any]:
    """Return an integration that names Secrets of its own."""
    app = {"managed": {"credentialsSecretRef": {"name": f"{name}-staff"}}}
    spec = {
        "saleor": {"apiUrl": api_url, "app": app},
        "segment": {"writeKeySecretRef": {"name": f"{name}-segment"}},
    }
    return {
        "apiVersion": INTEGRATIONS.api_version,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": spec,
    }


async def apply(api: Api, namespaces: Sequence[str], urls: Sequence[str]) -> None:
    """Apply an integration for each shop, with its two Secrets, spread over the namespaces."""
    waiting = _all(namespaces, urls)

    async def one_after_the_other() -> None:
        for resource, namespace, body in waiting:
            await api.create(resource, namespace, body)

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_the_other())


def _all(namespaces: Sequence[str], urls: Sequence[str]) -> Iterator[Applied]:
    for number, url in enumerate(urls):
        namespace, name = namespaces[number % len(namespaces)], f"shop-{number}"
        yield SECRETS, namespace, secret(f"{name}-staff", email=EMAIL, password=PASSWORD)
        yield SECRETS, namespace, secret(f"{name}-segment", writeKey=write_key(number))
        yield INTEGRATIONS, namespace, integration(name, url)


@dataclass
class Readiness:
    """Which integrations have become Ready, and when."""

    began: float = field(default_factory=time.perf_counter)
    at: dict[str, float] = field(default_factory=dict)
    """Seconds from ``began`` on, by namespace and name."""
    applied: dict[str, float] = field(default_factory=dict)
    """The same of when they were first seen."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, document: Mapping[str, Any]) -> None:
        """Take in an integration as it is now."""
        name = "{namespace}/{name}".format(**document["metadata"])
        since = time.perf_counter() - self.began
        self.applied.setdefault(name, since)
        if name not in self.at and is_ready(document):
            self.at[name] = since
            self._news.set()

    async def of(self, count: int) -> float:
        """Return the seconds after which so many were Ready, once they are."""
        while len(self.at) < count:
            self._news.clear()
            await self._news.wait()
        return sorted(self.at.values())[count - 1]

    @property
    def each(self) -> list[float]:
        """Seconds that each took from being seen, sorted."""
        return sorted(at - self.applied[name] for name, at in self.at.items())

    def points(self) -> Points:
        """Return how many were Ready over the seconds."""
        times = sorted(self.at.values())
        return [(0.0, 0.0), *((round(at, 2), place + 1.0) for place, at in enumerate(times))]


def is_ready(document: Mapping[str, Any]) -> bool:
    """Tell whether an integration says that it is Ready."""
    conditions = (document.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@asynccontextmanager
async def watched(api: Api) -> AsyncIterator[Readiness]:
    """Watch all integrations."""
    readiness = Readiness()

    async def listed(documents: Sequence[Mapping[str, Any]]) -> None:
        for document in documents:
            readiness.see(document)

    async def changed(event: WatchEvent) -> None:
        readiness.see(event.object)

    follower = Follower(api, INTEGRATIONS, listed=listed, changed=changed)
    watching = asyncio.create_task(follower.run())
    try:
        while not follower.synced:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
        readiness.began = time.perf_counter()
        yield readiness
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
