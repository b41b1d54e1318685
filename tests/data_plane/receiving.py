"""The receiving half over real sockets: a shop that shows its keys, a door to post to."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Self

import aiohttp
import orjson
from aiohttp import web

from saleor_segment_server.admin import Admin
from saleor_segment_server.app import Listener, private_app, public_app
from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.journal import Limits, SqliteJournal
from saleor_segment_server.jwks import KeyStore
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.outbound import Guard
from saleor_segment_server.pipelines import Table, Tombstones
from saleor_segment_server.receiver import Receiver
from tests.signing import Signer

PIPELINE_ID = "5bcfe642-0000-4000-8000-000000000001"
NOW = 1_795_000_000.0
ISSUED_AT = "2026-11-18T11:06:40+00:00"  # NOW
APP_ID = "QXBwOjU="


def pipeline(api_url: str = "https://shop.example.com/graphql/", **changes: Any) -> Pipeline:
    """Return a Pipeline; ``changes`` replace whole top-level fields, ``saleor`` is merged."""
    saleor = {"apiUrl": api_url, "appIds": [APP_ID]} | changes.pop("saleor", {})
    document = {
        "id": PIPELINE_ID,
        "saleor": saleor,
        "events": list(Event),
        "segment": {"writeKey": "a-write-key"},
        "salt": "00112233445566778899aabbccddeeff",
    }
    return Pipeline.model_validate(document | changes)


def body(**changes: Any) -> bytes:
    """Return an ORDER_CREATED body; a change to ``None`` leaves the field out."""
    event = {
        "__typename": "OrderCreated",
        "issuedAt": ISSUED_AT,
        "recipient": {"id": APP_ID},
        "order": {"id": "T3JkZXI6MQ=="},
    }
    return orjson.dumps({name: value for name, value in (event | changes).items() if value})


@dataclass
class Shop:
    """Serves a key set, as told, and counts how often it is asked."""

    signer: Signer
    key_set: object = None
    status: int = 200
    asked: int = 0
    url: str = ""

    async def show(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(
            status=self.status,
            body=orjson.dumps(self.key_set),
            headers={"Location": "/elsewhere"} if self.status == 302 else {},
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        if self.key_set is None:
            self.key_set = self.signer.jwks()
        app = web.Application()
        app.router.add_get("/.well-known/jwks.json", self.show)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            await runner.cleanup()


@dataclass
class Clock:
    """Time that moves when told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Door:
    """A receiver and its private side, listening."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    limits: Limits = field(default_factory=lambda: Limits(ballast=0))
    token: str | None = None
    max_connections: int = 100
    max_event_age: timedelta = timedelta(days=15)
    woken: list[str] = field(default_factory=list)
    parked: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await self._open(stack)
            self.stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    async def _open(self, stack: AsyncExitStack) -> None:
        self.journal = await stack.enter_async_context(
            SqliteJournal(self.folder / "journal.db", limits=self.limits, clock=self.clock)
        )
        connector = Guard(allow_loopback=True).connector()
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        self.keys = KeyStore(session=session, path=self.folder / "jwks.json", clock=self.clock)
        self.table = Table(Tombstones(self.folder / "tombstones.json"))
        self.metrics = Metrics()
        self.receiver = Receiver(
            table=self.table,
            keys=self.keys,
            journal=self.journal,
            metrics=self.metrics,
            max_event_age=self.max_event_age,
            body_memory=64 * 2**20,
            clock=self.clock,
            accepted=self.woken.append,
        )
        admin = Admin(
            table=self.table,
            journal=self.journal,
            metrics=self.metrics,
            parked=self.parked.get,
            waiting=self.waiting.get,
            receiver=self.receiver,
            tokens=self._tokens,
        )
        self.metrics.watch(self.journal.tallies, self.parked.get)
        self.public = await self._listen(stack, public_app(self.receiver))
        self.private = await self._listen(stack, private_app(admin))
        self.client = await stack.enter_async_context(aiohttp.ClientSession())

    async def _tokens(self) -> tuple[str, ...]:
        return () if self.token is None else (self.token,)

    async def _listen(self, stack: AsyncExitStack, app: Any) -> Listener:
        listener = Listener(
            app, "127.0.0.1:0", setting="--listen", max_connections=self.max_connections
        )
        await listener.open()
        stack.push_async_callback(listener.close, seconds=1.0)
        return listener

    async def post(
        self,
        data: bytes | IO[bytes],
        signature: str | None,
        *,
        path: str | None = None,
        **headers: str,
    ) -> tuple[int, str]:
        """Post a delivery; return the status and the error code in the answer, if any."""
        sent = {"Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if signature is not None:
            sent["Saleor-Signature"] = signature
        url = self.public.url + (path or f"/webhooks/{PIPELINE_ID}/order_created")
        async with self.client.post(url, data=data, headers=sent) as response:
            text = await response.text()
            error = orjson.loads(text)["error"] if text.startswith("{") else ""
            return response.status, error

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Ask the private listener."""
        async with self.client.get(self.private.url + path, headers=headers) as response:
            return response.status, await response.text()
