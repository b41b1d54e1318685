"""The twin: Tracking API and CDN settings on one address, its control API under ``/_twin/``."""

import asyncio
import time
import zlib
from base64 import b64decode
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Self

from aiohttp import web

from tests.twins.segment import control, rules
from tests.twins.segment.faults import Fault, strike
from tests.twins.segment.workspace import Region, Seen, Workspace

HOSTS: dict[Region, str] = {"us": "api.segment.io/v1", "eu": "events.eu1.segmentapis.com/v1"}
SUCCESS = b'{\n  "success": true\n}'
NO_SUCH_KEY = "Invalid path or write key provided."
LONGEST_READ = 16 * 2**20
CALLS = "/v1/{kind:track|identify|page|screen|group|alias|batch|import}"


class SegmentTwin(Workspace):
    """A strict stand-in for one region of Segment; see the package."""

    def __init__(
        self,
        *,
        keys: Iterable[str] = (),
        region: Region = "us",
        clock: Callable[[], float] = time.time,
        limits: rules.Limits | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        keep: bool = True,
    ) -> None:
        super().__init__(keys=keys, region=region, clock=clock, limits=limits, keep=keep)
        self.url = ""
        self._address = (host, port)
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=LONGEST_READ)
        app.on_response_prepare.append(self._date)
        app.router.add_get("/v1/projects/{key}/settings", self._settings)
        app.router.add_post(CALLS, self._take)
        app.router.add_get("/login", self._login)
        app.router.add_routes(control.routes(self))
        self._runner = web.AppRunner(
            app,
            access_log=None,
            auto_decompress=False,  # what is no gzip is Segment's to answer
            handler_cancellation=True,
            shutdown_timeout=1.0,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, *self._address).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        raw = _decompressed(await request.read(), request)
        self.asked += 1
        fault = self.faults.next("tracking", raw)
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        answer: web.StreamResponse | None = None
        if fault is None or fault.is_true_answer or fault.accept:
            answer = self._answer(request, raw)
            await self.inbox.notify()
        return await self._finish(request, answer, fault, len(raw))

    def _answer(self, request: web.Request, raw: bytes) -> web.Response:
        try:
            _require_json(request)
            self.ingest(request.match_info["kind"], raw, _header_key(request))
        except rules.Refused as refused:
            return web.json_response({"success": False, "message": str(refused)}, status=400)
        return web.Response(body=SUCCESS, content_type="application/json")

    async def _settings(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.next("settings", b"")
        if fault and fault.delay:
            await asyncio.sleep(fault.delay)
        key = request.match_info["key"]
        if key in self.keys:
            source = {"apiKey": key, "apiHost": HOSTS[self.keys[key]]}
            answer = web.json_response({"integrations": {"Segment.io": source}, "plan": {}})
        else:
            answer = web.Response(status=404, text=NO_SUCH_KEY)
        return await self._finish(request, answer, fault, 0)

    async def _login(self, request: web.Request) -> web.StreamResponse:
        answer = web.Response(text="<h1>Sign in</h1>", content_type="text/html")
        return await self._finish(request, answer, None, 0)

    async def _finish(
        self,
        request: web.Request,
        answer: web.StreamResponse | None,
        fault: Fault | None,
        size: int,
    ) -> web.StreamResponse:
        if answer is None or (fault and not fault.is_true_answer):
            assert fault is not None
            answer = await strike(fault, request, now=self.clock(), closing=self._closing)
        broken = request.transport is None or request.transport.is_closing()
        status = None if broken else answer.status
        headers = dict(request.headers)
        self.seen.append(Seen(self.clock(), request.method, request.path, status, headers, size))
        return answer

    async def _date(self, _: web.BaseRequest, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = formatdate(self.clock(), usegmt=True)


def _decompressed(data: bytes, request: web.Request) -> bytes:
    if request.headers.get("Content-Encoding") != "gzip":
        return data
    try:
        return zlib.decompressobj(wbits=31).decompress(data, LONGEST_READ)
    except zlib.error:
        return b""  # malformed, as any other that is no JSON


def _require_json(request: web.Request) -> None:
    if request.content_type != "application/json":
        raise rules.Refused("Content-Type must be application/json")


def _header_key(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(token).decode().partition(":")[0]
    except ValueError:
        return ""
