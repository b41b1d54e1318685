"""Shops side by side in one server, each with a quota and a Segment of its own."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.data_plane.receiving import PIPELINE_ID
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import KEY, Serving, Stand, document
from tests.twins.segment import Fault, SegmentTwin

SICK, *WELL = [f"{PIPELINE_ID[:-1]}{number}" for number in (1, 2, 3)]
"""The Pipeline that fills its quota, and those that must not notice."""
QUOTA = 64 * 2**10
_BODY = 2_000
_MOST = 4 * QUOTA // _BODY
"""Deliveries by which any quota must be reached."""


@dataclass
class Shops:
    """A server and who delivers to it."""

    server: Serving
    signer: Signer
    delivered: dict[str, list[str]] = field(default_factory=dict)
    """Orders that were acknowledged, by Pipeline."""
    seconds: list[float] = field(default_factory=list)
    """How long the answers to the well ones took."""

    async def order(self, pipeline: str) -> int:
        """Deliver one more order of a shop."""
        letter = self.server.stand.letter(self.signer, padding=_BODY)
        began = time.perf_counter()
        status = await self.server.deliver(letter, pipeline)
        if status == 200:
            self.delivered.setdefault(pipeline, []).append(letter.order_id)
        if pipeline in WELL:
            self.seconds.append(time.perf_counter() - began)
        return status

    async def fill(self, deliver: Callable[[], Awaitable[int]]) -> int:
        """Deliver until it is refused; return how many were not."""
        for count in range(_MOST):
            if (status := await deliver()) != 200:
                assert status == 503
                return count
        raise AssertionError("no quota is reached")

    async def unwanted(self) -> int:
        """Deliver to the first Pipeline what it did not ask for."""
        letter = self.server.stand.letter(self.signer, padding=_BODY)
        url = f"{self.server.url}/webhooks/{SICK}/order_updated"
        headers = {"Content-Type": "application/json", "Saleor-Signature": letter.signature}
        client = self.server.stand.client
        async with client.post(url, data=letter.body, headers=headers) as answer:
            return answer.status

    async def serve_the_well(self, count: int) -> list[int]:
        """Deliver so many orders to each of the others, and wait until Segment has them."""
        answers = [await self.order(pipeline) for _ in range(count) for pipeline in WELL]
        await until(lambda: self.orders(*WELL) <= self.server.stand.arrived())
        return answers

    async def drained(self, pipeline: str) -> bool:
        """Tell whether nothing of it is pending."""
        return not (await self.server.reports())[pipeline]["pending"]

    def orders(self, *pipelines: str) -> set[str]:
        """Return the orders that were acknowledged."""
        return {order for each in pipelines for order in self.delivered.get(each, ())}


@asynccontextmanager
async def shops(stand: Stand, signer: Signer, port: int) -> AsyncIterator[Shops]:
    """Have three shops; the first has a Segment of its own at this port, which may be down."""
    endpoint = {"endpoint": f"http://127.0.0.1:{port}", "writeKey": KEY}
    stand.write_all(
        document(stand, id=SICK, segment=endpoint), *(document(stand, id=each) for each in WELL)
    )
    async with stand.serving("--quota", str(QUOTA)) as server:
        yield Shops(server, signer)


@asynccontextmanager
async def hanging(port: int) -> AsyncIterator[None]:
    """Have a Segment at this port that answers nothing."""
    async with SegmentTwin(keys=[KEY], port=port) as segment:
        segment.faults.add(Fault("hang", times=None))
        yield
