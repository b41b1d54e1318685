"""A proxy before the API server that can answer for it, hold answers back and cut watches."""

import asyncio
import json
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import aiohttp
import yaml
from aiohttp import web

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}
_REASONS = {403: "Forbidden", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}


@dataclass
class Fault:
    """What happens to some calls instead of what should."""

    verb: str
    """A pattern of the HTTP method, or ``WATCH``."""
    path: str
    """A pattern found in the path."""
    status: int | None = None
    """The answer in place of the server's; without one the call hangs until it is healed."""
    times: int | None = None
    """To how many calls; ``None`` for all until healed."""
    retry_after: int | None = None
    done: bool = False
    """Whether the server does as it was asked, and only its answer is lost."""
    struck: int = 0
    """How many calls it met so far."""

    def meets(self, verb: str, path: str) -> bool:
        """Tell whether this call is one of them."""
        if self.times is not None and self.struck >= self.times:
            return False
        return bool(re.fullmatch(self.verb, verb) and re.search(self.path, path))


@dataclass
class FaultyApi:
    """``async with FaultyApi(url, ca)``: the API server over plain HTTP, faults on demand."""

    target: str
    ca: Path
    faults: list[Fault] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """Verb and path of every call, oldest first."""
    url: str = ""

    async def __aenter__(self) -> Self:
        self._healed = asyncio.Event()
        self._watches: dict[web.StreamResponse, asyncio.Transport] = {}
        context = ssl.create_default_context(cafile=str(self.ca))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.heal()
        await self._runner.cleanup()
        await self._session.close()

    def fail(self, fault: Fault) -> Fault:
        """Let a fault happen from now on."""
        self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Let everything through again, what hangs included."""
        self.faults.clear()
        self._healed.set()
        self._healed = asyncio.Event()

    def cut_watches(self) -> int:
        """Break the connection of every watch under way; return how many there were."""
        cut = list(self._watches.items())
        for watch, transport in cut:
            watch.force_close()
            transport.abort()
        return len(cut)

    def kubeconfig(self, path: Path, token: str) -> Path:
        """Write a kubeconfig that leads here with ``token``."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        path.write_text(yaml.safe_dump(config))
        return path

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        verb = "WATCH" if request.query.get("watch") in {"true", "1"} else request.method
        self.calls.append((verb, request.path))
        for fault in self.faults:
            if fault.meets(verb, request.path):
                fault.struck += 1
                return await self._strike(fault, request)
        return await self._forward(request, verb)

    async def _strike(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        if fault.status is None:
            await self._healed.wait()
            return await self._forward(request, request.method)
        if fault.done:
            async with await self._call(request) as answer:
                await answer.read()
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        reason = _REASONS.get(fault.status, "InternalError")
        body = {
            "apiVersion": "v1",
            "kind": "Status",
            "status": "Failure",
            "reason": reason,
            "message": f"planned {reason}",
            "code": fault.status,
        }
        return web.json_response(body, status=fault.status, headers=headers)

    async def _forward(self, request: web.Request, verb: str) -> web.StreamResponse:
        try:
            answer = await self._call(request)
        except aiohttp.ClientError:
            return web.Response(status=503, text=json.dumps({"message": "no API server"}))
        async with answer:
            return await self._stream(request, answer, watched=verb == "WATCH")

    async def _call(self, request: web.Request) -> aiohttp.ClientResponse:
        headers = [pair for pair in request.headers.items() if pair[0].lower() not in _HOP_BY_HOP]
        return await self._session.request(
            request.method,
            # One that takes us for its proxy names the host too.
            self.target + request.raw_path.removeprefix(f"http://{request.host}"),
            headers=headers,
            data=await request.read() or None,  # else a type is added that the API server refuses
            allow_redirects=False,
        )

    async def _stream(
        self, request: web.Request, answer: aiohttp.ClientResponse, *, watched: bool
    ) -> web.StreamResponse:
        kept = [pair for pair in answer.headers.items() if pair[0].lower() not in _HOP_BY_HOP]
        response = web.StreamResponse(status=answer.status, headers=dict(kept))
        await response.prepare(request)
        if watched and isinstance(request.transport, asyncio.Transport):
            self._watches[response] = request.transport
        try:
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
        except (aiohttp.ClientError, ConnectionError):
            response.force_close()
        finally:
            self._watches.pop(response, None)
        return response
