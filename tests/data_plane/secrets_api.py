"""What a server in a cluster sees of an API server: Secrets, listed and watched by name."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
from aiohttp import web

from saleor_segment_server.contract import Pipeline, pipelines_secret, shard_of

NAMESPACE, RELEASE, SHARDS = "shop-events", "saleor-segment", 2
_PATH = f"/api/v1/namespaces/{NAMESPACE}/secrets"


@dataclass
class SecretsApi:
    """Holds Secrets; it can refuse, forget, break off and go away."""

    refused: dict[str, int] = field(default_factory=dict)
    """Names of Secrets, and the status that asking for them is answered."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Verb and name of every call."""
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    _version: int = 100
    _past: list[tuple[int, str, bytes]] = field(default_factory=list)
    """Version, Secret and line of all that happened."""
    _watches: dict[asyncio.Queue[bytes | None], str] = field(default_factory=dict)
    _port: int = 0
    _runner: web.AppRunner | None = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen, after a stop at the same port."""
        app = web.Application()
        app.router.add_get(_PATH, self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away; the Secrets stay."""
        if self._runner is not None:
            self.end_watches()
            await self._runner.cleanup()
            self._runner = None

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig that leads here."""
        path = folder / "kubeconfig"
        cluster = {"server": f"http://127.0.0.1:{self._port}"}
        context = {"cluster": "here", "user": "server"}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "server", "user": {"token": "a-token"}}],
            "contexts": [{"name": "here", "context": context}],
            "current-context": "here",
        }
        path.write_bytes(orjson.dumps(document))
        return path

    def hold(self, pipelines: Iterable[Pipeline]) -> None:
        """Lay all Pipelines where they belong, as an operator does."""
        shards: dict[str, dict[str, bytes]] = {name(number): {} for number in range(SHARDS)}
        for pipeline in pipelines:
            shards[home(pipeline.id)][pipeline.id] = orjson.dumps(pipeline.document())
        for secret, data in shards.items():
            self.put(secret, data)

    def put(self, secret: str, data: Mapping[str, bytes]) -> None:
        """Create or replace a Secret; one that stays the same is no news."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        known = self.secrets.get(secret)
        if known is not None and known["data"] == encoded:
            return
        self._version += 1
        metadata = {"name": secret, "resourceVersion": str(self._version)}
        self.secrets[secret] = {"metadata": metadata, "data": encoded}
        self._tell(secret, "ADDED" if known is None else "MODIFIED", self.secrets[secret])

    def delete(self, secret: str) -> None:
        """Delete a Secret."""
        self._version += 1
        gone = self.secrets.pop(secret)
        gone["metadata"] = gone["metadata"] | {"resourceVersion": str(self._version)}
        self._tell(secret, "DELETED", gone)

    def expire(self) -> None:
        """End every watch as a server does that has forgotten where it began."""
        status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        self.send(orjson.dumps({"type": "ERROR", "object": status}) + b"\n")
        self.end_watches()

    def send(self, data: bytes) -> None:
        """Send something down every watch."""
        for queue in self._watches:
            queue.put_nowait(data)

    def end_watches(self) -> None:
        """End every watch."""
        for queue in self._watches:
            queue.put_nowait(None)

    @property
    def watched(self) -> set[str]:
        """Names of the Secrets that are watched now."""
        return set(self._watches.values())

    def _tell(self, secret: str, kind: str, document: Mapping[str, Any]) -> None:
        line = orjson.dumps({"type": kind, "object": document}) + b"\n"
        self._past.append((self._version, secret, line))
        for queue, watched in self._watches.items():
            if watched == secret:
                queue.put_nowait(line)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        selector = request.query["fieldSelector"]
        secret = selector.removeprefix("metadata.name=")
        verb = "watch" if request.query.get("watch") else "list"
        self.asked.append((verb, secret))
        if status := self.refused.get(secret):
            message = f'secrets "{secret}" is forbidden: User "server" cannot {verb}'
            return web.json_response({"kind": "Status", "message": message}, status=status)
        if verb == "watch":
            return await self._watch(request, secret)
        items = [self.secrets[secret]] if secret in self.secrets else []
        metadata = {"resourceVersion": str(self._version)}
        return web.json_response({"kind": "SecretList", "metadata": metadata, "items": items})

    async def _watch(self, request: web.Request, secret: str) -> web.StreamResponse:
        since = int(request.query["resourceVersion"])
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        for version, told, line in self._past:
            if version > since and told == secret:
                queue.put_nowait(line)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        self._watches[queue] = secret
        try:
            with suppress(ConnectionError):
                await response.prepare(request)
                while (sent := await queue.get()) is not None:
                    await response.write(sent)
        finally:
            del self._watches[queue]
        return response


def name(number: int) -> str:
    """Return the name of a shard's Secret."""
    return pipelines_secret(RELEASE, number)


def home(pipeline_id: str) -> str:
    """Return the name of the Secret where this Pipeline belongs."""
    return name(shard_of(pipeline_id, SHARDS))
