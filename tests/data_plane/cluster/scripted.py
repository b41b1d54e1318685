"""An API server that answers by a script, one answer for each call; the last is given for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Self

import orjson
from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def told(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a document."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(document, status=status, headers=headers)

    return answer


def refused(
    status: int, message: str = "planned", *, details: Any = None, **headers: str
) -> Answer:
    """Answer as the API server does when it does not do what it is asked."""
    body = {"kind": "Status", "code": status, "message": message, "details": details or {}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return told(body, status=status, headers=named)


def plain(text: str, *, status: int = 200) -> Answer:
    """Answer what only something before the API server says."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, status=status, content_type="text/html")

    return answer


async def silent(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def reset(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of answering."""
    assert isinstance(request.transport, asyncio.Transport)
    request.transport.abort()
    return web.Response()


def streamed(*lines: Any, then: Answer | None = None) -> Answer:
    """Answer with lines, objects or raw bytes, and end as ``then`` does."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for line in lines:
            raw = line if isinstance(line, bytes) else orjson.dumps(line) + b"\n"
            await response.write(raw)
        if then is not None:
            await then(request)
        return response

    return answer


def event(kind: str, version: int, name: str = "one") -> dict[str, Any]:
    """Return a line of a watch."""
    return {"type": kind, "object": {"metadata": {"name": name, "resourceVersion": str(version)}}}


def failed(code: int) -> dict[str, Any]:
    """Return the line with which a watch says that it cannot go on."""
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "planned"}}


def listed(*names: str, version: int = 10, following: str | None = None) -> Answer:
    """Answer with a page of a list."""
    metadata = {"resourceVersion": str(version)} | ({"continue": following} if following else {})
    items = [{"metadata": {"name": name}} for name in names]
    return told({"kind": "List", "metadata": metadata, "items": items})


class ScriptedApi:
    """Use it as an async context manager."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.calls: list[web.Request] = []
        """Every call so far; of each its body is read."""

    @property
    def asked(self) -> list[str]:
        """What was asked for: ``list``, or ``watch`` and the version it began at."""
        return [
            f"watch {call.query['resourceVersion']}" if "watch" in call.query else "list"
            for call in self.calls
        ]

    def kubeconfig(self, folder: Path, token: str = "a-token") -> Path:
        """Write a kubeconfig that leads here."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": "us", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "us"}}],
            "current-context": "here",
        }
        path = folder / "kubeconfig"
        path.write_bytes(orjson.dumps(config))
        return path

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.calls.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return await answer(request)
