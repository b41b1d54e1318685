"""A stand-in for the servers' private API: it holds what is stored, and counts what it is told."""

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from saleor_segment_server.contract import Pipeline


@dataclass
class Tally:
    pending: int = 0
    dead: int = 0
    delivered: int = 0
    heard: bool = False
    parked: str | None = None
    dead_why: str | None = None


@dataclass
class Plane:
    """One server, as the operator sees it; it reads ``table`` whenever it is asked."""

    table: dict[str, Pipeline]
    reads: bool = True
    """Whether it follows the table; else it holds what it held."""
    down: bool = False
    tallies: dict[str, Tally] = field(default_factory=dict)
    buried: list[str] = field(default_factory=list)
    held: dict[str, Pipeline] = field(default_factory=dict)
    address: str = ""

    def tally(self, pipeline_id: str) -> Tally:
        return self.tallies.setdefault(pipeline_id, Tally())

    async def addresses(self) -> list[str]:
        return [self.address]

    async def _pipelines(self, _: web.Request) -> web.Response:
        self._fail_if_down()
        if self.reads:
            self.held = dict(self.table)
        return web.json_response({"pipelines": [self._report(each) for each in self.held.values()]})

    def _report(self, pipeline: Pipeline) -> dict[str, Any]:
        tally = self.tally(pipeline.id)
        return {
            "id": pipeline.id,
            "hash": pipeline.fingerprint(),
            "pending": tally.pending,
            "dead": tally.dead,
            "deadWhy": tally.dead_why,
            "delivered": tally.delivered,
            "heard": tally.heard,
            "oldestPendingSince": "2026-11-24T12:00:00+00:00" if tally.pending else None,
            "lastDeliveredAt": "2026-11-24T12:00:00+00:00" if tally.delivered else None,
            "parked": tally.parked,
        }

    async def _bury(self, request: web.Request) -> web.Response:
        self._fail_if_down()
        pipeline_id = request.match_info["id"]
        tally = self.tally(pipeline_id)
        tally.dead, tally.pending = tally.dead + tally.pending, 0
        self.buried.append(pipeline_id)
        return web.json_response({})

    def _fail_if_down(self) -> None:
        if self.down:
            raise web.HTTPServiceUnavailable

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get("/internal/v1/pipelines", self._pipelines)
        application.router.add_post("/internal/v1/pipelines/{id}/bury", self._bury)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
