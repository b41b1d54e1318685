"""The private listener's answers: health, metrics, and what the operator asks."""

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import NotFound, Unauthorized
from saleor_segment_server.journal import DeadLetter, SqliteJournal, Tally
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.pipelines import Table


class Door(Protocol):
    """What takes deliveries, and may be about to stop."""

    @property
    def draining(self) -> bool:
        """Whether it is."""

    async def accept(self, request: web.BaseRequest, pipeline_id: str, event_name: str) -> str:
        """Make a delivery durable; say whether it was new."""

    def heard(self, pipeline_id: str) -> bool:
        """Tell whether Saleor itself brought one."""


class Admin:
    """Answers on the private listener.

    Args:
        table: The Pipelines in force.
        journal: Whose counts are told.
        metrics: What ``/metrics`` shows.
        parked: Says why a Pipeline's sending has stopped, or ``None``.
        waiting: Says why Segment is tried again for a Pipeline, or ``None``.
        receiver: Takes what is handed in; going down makes us unready.
        tokens: Tells the bearer tokens that open ``/internal`` now; without one only loopback
            gets in.
    """

    def __init__(
        self,
        *,
        table: Table,
        journal: SqliteJournal,
        metrics: Metrics,
        parked: Callable[[str], str | None],
        waiting: Callable[[str], str | None],
        receiver: Door,
        tokens: Callable[[], Awaitable[Sequence[str]]],
    ) -> None:
        self._table = table
        self._journal = journal
        self._metrics = metrics
        self._parked = parked
        self._waiting = waiting
        self._receiver = receiver
        self._tokens = tokens

    async def health(self, _: web.Request) -> web.Response:
        """Answer ``/healthz``: this loop runs, or nothing would answer, and so does the journal."""
        if not self._journal.alive:
            return web.Response(status=503, text="the journal has ended\n")
        return web.Response(text="ok\n")

    async def ready(self, _: web.Request) -> web.Response:
        """Answer ``/readyz``: deliveries would be accepted now."""
        problem = self._unready()
        return web.Response(status=503 if problem else 200, text=f"{problem or 'ok'}\n")

    def _unready(self) -> str | None:
        if self._receiver.draining:
            return "shutting down"
        if not self._table.synced:
            return "the Pipelines are not read yet"
        return None if self._journal.healthy else "the journal cannot be written"

    async def metrics(self, _: web.Request) -> web.Response:
        """Answer ``/metrics``."""
        headers = {"Content-Type": CONTENT_TYPE_LATEST}
        return web.Response(body=self._metrics.render(), headers=headers)

    async def pipelines(self, request: web.Request) -> web.Response:
        """Answer ``GET /internal/v1/pipelines``: what is held, and how far it is.

        With ``?id=`` only that Pipeline is told, if it is held.
        """
        await self._authorize(request)
        tallies = self._journal.tallies()
        asked = request.query.get("id")
        reports = [
            await self._report(pipeline, tallies.get(pipeline.id, Tally()))
            for pipeline in self._table.pipelines.values()
            if asked in {None, pipeline.id}
        ]
        return _json({"pipelines": reports})

    async def dead_letters(self, request: web.Request) -> web.Response:
        """Answer ``GET /internal/v1/pipelines/{pipeline}/dead-letters``: the newest hundred.

        They are told by reason and time; a body is personal data and stays in the journal.
        """
        await self._authorize(request)
        letters = await self._journal.dead_letters(request.match_info["pipeline"])
        return _json({"deadLetters": [_letter(letter) for letter in letters]})

    async def bury(self, request: web.Request) -> web.Response:
        """Answer ``POST /internal/v1/pipelines/{pipeline}/bury``: pending become dead letters."""
        await self._authorize(request)
        pipeline_id = request.match_info["pipeline"]
        if pipeline_id not in self._table.pipelines and pipeline_id not in self._journal.tallies():
            raise NotFound("pipeline_unknown", "no such pipeline is held here")
        buried = await self._journal.bury_pending(pipeline_id, "the integration was deleted")
        self._metrics.buried(pipeline_id, "deleted", buried)
        return _json({"buried": buried})

    async def deliver(self, request: web.Request) -> web.Response:
        """Answer ``POST /internal/v1/pipelines/{pipeline}/deliveries/{event}``.

        It is a request that Saleor gave up, handed in by the operator: it goes through the same
        door and is refused alike. The answer tells whether it was new.
        """
        await self._authorize(request)
        names = request.match_info
        outcome = await self._receiver.accept(request, names["pipeline"], names["event"])
        return _json({"outcome": outcome})

    async def _report(self, pipeline: Pipeline, tally: Tally) -> dict[str, Any]:
        newest = await self._journal.dead_letters(pipeline.id, limit=1) if tally.dead else []
        return {
            "id": pipeline.id,
            "hash": pipeline.fingerprint(),
            "state": pipeline.state,
            "pending": tally.pending,
            "dead": tally.dead,
            "deadWhy": newest[0].why if newest else None,
            "delivered": tally.delivered,
            "heard": self._receiver.heard(pipeline.id),
            "oldestPendingSince": _time(tally.oldest_pending_at),
            "lastDeliveredAt": _time(tally.last_delivered_at),
            "parked": self._parked(pipeline.id),
            "waiting": self._waiting(pipeline.id),
        }

    async def _authorize(self, request: web.Request) -> None:
        tokens = await self._tokens()
        if not tokens:
            if not ipaddress.ip_address(request.remote or "::").is_loopback:
                raise Unauthorized("token_missing", "set --internal-token-file to be let in")
            return
        given = request.headers.get("Authorization", "").encode()
        if not any(hmac.compare_digest(given, f"Bearer {each}".encode()) for each in tokens):
            raise Unauthorized("token_wrong", "the bearer token is not the one of this server")


def _letter(letter: DeadLetter) -> dict[str, Any]:
    return {
        "seq": letter.seq,
        "event": letter.event,
        "receivedAt": _time(letter.received_at),
        "why": letter.why,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _json(document: object) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")
