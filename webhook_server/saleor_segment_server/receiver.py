"""Saleor's door: a delivery is verified and made durable before it is acknowledged.

Saleor retries only 5xx and connection errors: every 3xx and 4xx loses the event. So what might heal
is a 503, and what is signed by the shop is never refused: what is not wanted becomes a dead letter.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from datetime import timedelta

import structlog
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from saleor_segment_server.acknowledgement import acknowledgement
from saleor_segment_server.bodies import LARGEST_BODY, Bodies, Share, too_large
from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.delivery import Delivery, Entry, Verified, accept_key, objection
from saleor_segment_server.errors import (
    Malformed,
    NotFound,
    NotJson,
    Rejected,
    TryLater,
    Unauthorized,
)
from saleor_segment_server.journal import SqliteJournal
from saleor_segment_server.jwks import KeyStore
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.pipelines import Table
from saleor_segment_server.signature import Signature, parse

_PATH = re.compile(r"/webhooks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/(\w+)")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

log = structlog.get_logger(__name__)


class Receiver:
    """Answers ``POST /webhooks/{pipeline}/{event}``.

    Args:
        table: The Pipelines in force.
        keys: The shops' public keys.
        journal: Where deliveries become durable.
        metrics: Where answers are counted.
        max_event_age: Deliveries issued longer ago become dead letters.
        body_memory: Bytes that large bodies may take in memory together.
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
        body_memory: int,
        clock: Callable[[], float],
        accepted: Callable[[str], None],
    ) -> None:
        self._table = table
        self._keys = keys
        self._journal = journal
        self._metrics = metrics
        self._max_event_age = max_event_age.total_seconds()
        self.bodies = Bodies(body_memory)
        """Those on their way in."""
        self._clock = clock
        self._accepted = accepted
        self.body_seconds = 10.0
        """How long a body may take to arrive; Saleor gives up on an answer after 18 s."""
        self.draining = False
        """Set when the process is to stop: it is not ready, and still accepts what comes."""
        self._stopping = False
        self._in_flight = 0
        self._heard: set[str] = set()
        self._finished = asyncio.Event()

    async def receive(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a delivery.

        Raises:
            Rejected: It is not accepted; the subclass says which answer that is.
        """
        pipeline_id, event_name = _address(request)
        await self.accept(request, pipeline_id, event_name)
        self._heard.add(pipeline_id)
        return acknowledgement(request, last=self.draining)  # the next one finds another process

    def heard(self, pipeline_id: str) -> bool:
        """Tell whether Saleor itself brought a delivery of this Pipeline since the start."""
        return pipeline_id in self._heard

    async def accept(self, request: web.BaseRequest, pipeline_id: str, event_name: str) -> str:
        """Judge a delivery, whatever its address, and make it durable.

        Returns:
            ``accepted``, ``duplicate``, or ``buried`` where it is genuine and not wanted.

        Raises:
            Rejected: It is not accepted.
        """
        self._in_flight += 1
        outcome = "failed"
        try:
            outcome = await self._receive(request, pipeline_id, event_name)
        except Rejected as rejected:
            outcome = rejected.reason
            raise
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._finished.set()
            known = pipeline_id if pipeline_id in self._table.pipelines else ""
            self._metrics.received(known, outcome)
        return outcome

    async def drain(self, *, seconds: float) -> None:
        """Wait for so long until nothing is in flight; what comes after that is answered 503."""
        self.draining = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._in_flight:
                    self._finished.clear()
                    await self._finished.wait()
        self._stopping = True

    async def _receive(self, request: web.BaseRequest, pipeline_id: str, event_name: str) -> str:
        """Judge what can be judged before the body is read, then the body."""
        if self._stopping:
            raise TryLater("stopping", "this process is shutting down")
        if (request.content_length or 0) > LARGEST_BODY:
            raise too_large()
        event = Event.parse(event_name)
        if event is None:
            raise NotFound("path_unknown", "no integration or no event has such an address")
        pipeline = self._table.find(pipeline_id)
        header = _signature(request)
        signature = parse(header)
        key = await self._key(pipeline, signature)
        with self.bodies.share() as share:  # until it is stored, and out of memory
            delivery = Delivery(
                pipeline=pipeline_id,
                event=event,
                body=await self._read(request, share),
                signature=header,
                api_url=request.headers.get("Saleor-Api-Url"),
            )
            verified = await self._verify(delivery, pipeline, signature, key)
            return await self._store(verified, pipeline)

    async def _read(self, request: web.BaseRequest, share: Share) -> bytes:
        try:
            if request.content.is_eof():  # it came with the head: a small one always does
                return _whole(request.content.read_nowait())
            if "Expect" in request.headers:
                await request.writer.write(_CONTINUE)
                request.writer.output_size = 0
            async with asyncio.timeout(self.body_seconds):
                return await share.read(request.content)
        except TimeoutError:
            raise TryLater("body_slow", "the body did not arrive in time") from None
        except ConnectionError:
            raise Malformed("disconnected", "the connection ended before the body did") from None
        except (web.HTTPException, web.RequestPayloadError):
            raise Malformed("malformed", "the body is not what its headers announce") from None

    async def _key(self, pipeline: Pipeline, signature: Signature) -> RSAPublicKey:
        key = self._keys.find(pipeline.saleor, signature.key_id)
        return key or await self._keys.fetch(pipeline.saleor, signature.key_id)

    async def _verify(
        self, delivery: Delivery, pipeline: Pipeline, signature: Signature, key: RSAPublicKey
    ) -> Verified:
        if not signature.is_of(key, delivery.body):
            confirmed = await self._keys.confirm(pipeline.saleor, signature.key_id)
            if confirmed is key or not signature.is_of(confirmed, delivery.body):
                raise Unauthorized("signature_wrong", "it is not the shop's over this body")
        return Verified(delivery, signature.key_id)

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


def _address(request: web.BaseRequest) -> tuple[str, str]:
    """Return the Pipeline's id and the event's name; both empty where that is no address."""
    match = _PATH.fullmatch(request.path)
    return (match[1], match[2]) if match and request.method == "POST" else ("", "")


def _whole(body: bytes) -> bytes:
    if len(body) > LARGEST_BODY:
        raise too_large()
    return body


def _signature(request: web.BaseRequest) -> str:
    """Return the one ``Saleor-Signature`` of a JSON request."""
    if request.content_type != "application/json":
        raise NotJson("not_json", "the content type must be application/json")
    if "Content-Encoding" in request.headers:  # what is signed is the body as it is
        raise NotJson("encoded", "the body must be sent as it is, without a Content-Encoding")
    signatures = request.headers.getall("Saleor-Signature", ())
    if len(signatures) != 1:
        problem = "missing" if not signatures else "given more than once"
        raise Unauthorized("signature_missing", f"Saleor-Signature is {problem}")
    return str(signatures[0])
