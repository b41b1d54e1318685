"""Saleor's door: a delivery is verified and made durable before it is acknowledged.

Saleor retries only 5xx and connection errors: every 3xx and 4xx loses the event. So what might heal
is a 503, and what is signed by the shop is never refused: what is not wanted becomes a dead letter.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta

import structlog
from aiohttp import web

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.delivery import Delivery, Entry, Verified, accept_key, objection
from saleor_segment_server.errors import (
    Malformed,
    NotFound,
    NotJson,
    Rejected,
    TooLarge,
    TryLater,
    Unauthorized,
)
from saleor_segment_server.journal import SqliteJournal
from saleor_segment_server.jwks import KeyStore
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.pipelines import Table
from saleor_segment_server.signature import parse

LARGEST_BODY = 8 * 2**20
"""Bytes; a 70-line order is 85 kB."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

log = structlog.get_logger(__name__)


class Receiver:
    """Answers ``POST /webhooks/{pipeline}/{event}``.

    Args:
        table: The Pipelines in force.
        keys: The shops' public keys.
        journal: Where deliveries become durable.
        metrics: Where answers are counted.
        max_event_age: Deliveries issued longer ago become dead letters.
        clock: Seconds since the epoch.
        accepted: Called with the Pipeline's id after an event became pending.
    """

    def __init__(
        self,
        *,
        table: Table,
        keys: KeyStore,
        journal: SqliteJournal,
        metrics: Metrics,
        max_event_age: timedelta,
        clock: Callable[[], float],
        accepted: Callable[[str], None],
    ) -> None:
        self._table = table
        self._keys = keys
        self._journal = journal
        self._metrics = metrics
        self._max_event_age = max_event_age.total_seconds()
        self._clock = clock
        self._accepted = accepted
        self.body_seconds = 10.0
        """How long a body may take to arrive; Saleor gives up on an answer after 18 s."""
        self.draining = False
        """Set when the process is to stop: it is not ready, and still accepts what comes."""
        self.stopping = False
        """Set when the journal is about to close: what still comes is answered 503."""

    async def receive(self, request: web.Request) -> web.Response:
        """Answer a delivery.

        Raises:
            Rejected: It is not accepted; the subclass says which answer that is.
        """
        pipeline_id = request.match_info["pipeline"]
        try:
            outcome = await self._receive(request, pipeline_id)
        except Rejected as rejected:
            known = pipeline_id if pipeline_id in self._table.pipelines else ""
            self._metrics.received(known, rejected.reason)
            raise
        self._metrics.received(pipeline_id, outcome)
        return web.Response()

    async def _receive(self, request: web.Request, pipeline_id: str) -> str:
        if self.stopping:
            raise TryLater("stopping", "this process is shutting down")
        event = _event(request)
        pipeline = self._pipeline(pipeline_id)
        signature = _check_headers(request)
        delivery = Delivery(
            pipeline=pipeline_id,
            event=event,
            body=await self._read(request),
            signature=signature,
            api_url=request.headers.get("Saleor-Api-Url"),
        )
        return await self._store(await self._verify(delivery, pipeline), pipeline)

    def _pipeline(self, pipeline_id: str) -> Pipeline:
        if not _ID.fullmatch(pipeline_id):
            raise NotFound("path_unknown", "no integration has such an id")
        return self._table.find(pipeline_id)

    async def _read(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self.body_seconds):
                return await request.read()
        except TimeoutError:
            raise TryLater("body_slow", "the body did not arrive in time") from None
        except web.HTTPRequestEntityTooLarge:
            raise TooLarge("too_large", f"a body may have {LARGEST_BODY} bytes") from None
        except (web.HTTPException, web.RequestPayloadError):
            raise Malformed("malformed", "the body is not what its headers announce") from None

    async def _verify(self, delivery: Delivery, pipeline: Pipeline) -> Verified:
        signature, source = parse(delivery.signature), pipeline.saleor
        key = self._keys.find(source, signature.key_id)
        if key is None:
            key = await self._keys.fetch(source, signature.key_id)
        if signature.is_of(key, delivery.body):
            return Verified(delivery, signature.key_id)
        confirmed = await self._keys.confirm(source, signature.key_id)
        if confirmed is not None and signature.is_of(confirmed, delivery.body):
            return Verified(delivery, signature.key_id)
        raise Unauthorized("signature_wrong", "the signature is not the shop's over this body")

    async def _store(self, verified: Verified, pipeline: Pipeline) -> str:
        now, delivery = self._clock(), verified.delivery
        why = objection(verified, pipeline, now=now, max_age=self._max_event_age)
        entry = Entry(
            key=accept_key(delivery.pipeline, delivery.event, delivery.body),
            pipeline=delivery.pipeline,
            event=delivery.event,
            body=delivery.body,
            received_at=now,
            why=why,
        )
        if not await self._journal.accept(entry):
            return "duplicate"
        if why is not None:
            self._metrics.buried(delivery.pipeline, "unwanted")
            log.warning("delivery_buried", pipeline=pipeline.id, event_name=delivery.event, why=why)
            return "buried"
        self._accepted(delivery.pipeline)
        return "accepted"


def _event(request: web.Request) -> Event:
    event = Event.parse(request.match_info["event"])
    if event is None:
        raise NotFound("path_unknown", "no such event is forwarded")
    return event


def _check_headers(request: web.Request) -> str:
    """Judge what can be judged before the body; return the signature."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise TooLarge("too_large", f"a body may have {LARGEST_BODY} bytes")
    if request.content_type != "application/json":
        raise NotJson("not_json", "the content type must be application/json")
    signatures = request.headers.getall("Saleor-Signature", ())
    if len(signatures) != 1:
        problem = "missing" if not signatures else "given more than once"
        raise Unauthorized("signature_missing", f"Saleor-Signature is {problem}")
    return str(signatures[0])
