"""An API server of a few objects over HTTP, which can hang, fail and lose its answers."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml
from aiohttp import web

from saleor_segment_server.cluster import Access, Api


@dataclass
class LittleApi:
    """``async with LittleApi()``: objects by their path, with resource versions."""

    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    version: int = 0
    hangs: bool = False
    """Whether calls are taken and not answered."""
    deaf: bool = False
    """Whether calls are done and not answered."""
    fails: int | None = None
    """The status that every call gets."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def put(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Store an object as if somebody else had written it."""
        self.version += 1
        metadata = document["metadata"] | {"resourceVersion": str(self.version)}
        self.objects[path] = document | {"metadata": metadata}
        return self.objects[path]

    async def __aenter__(self) -> Self:
        self.down = asyncio.Event()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.down.set()
        await self._runner.cleanup()

    def client(self, folder: Path, **options: Any) -> Api:
        """Return a client of it."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": "t"}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path = folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return Api(Access(kubeconfig=path), **options)

    async def _answer(self, request: web.Request) -> web.Response:
        self.calls.append((request.method, request.path))
        if self.hangs:
            await self.down.wait()
        if self.fails is not None:
            return _status(self.fails)
        answer = await self._do(request)
        if self.deaf:
            await self.down.wait()
        return answer

    async def _do(self, request: web.Request) -> web.Response:
        path = request.path
        if request.method == "GET":
            found = self.objects.get(path)
            return _status(404) if found is None else web.json_response(found)
        body = await request.json()
        if request.method == "POST":
            path = f"{path}/{body['metadata']['name']}"
            if path in self.objects:
                return _status(409)
        elif (
            body["metadata"]["resourceVersion"]
            != (self.objects[path]["metadata"]["resourceVersion"])
        ):
            return _status(409)
        return web.json_response(self.put(path, body))


def _status(code: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "message": f"planned {code}"}
    return web.json_response(body, status=code)
