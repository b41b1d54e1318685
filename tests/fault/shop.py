"""A shop under load: it delivers as Saleor does, and keeps account of what was answered.

Each delivery comes by a connection of its own, and again, the same bytes, until it is answered 200.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Self

import aiohttp
import orjson

from tests.bench.deliveries import bodies
from tests.data_plane.receiving import APP_ID, PIPELINE_ID
from tests.signing import Signer

_UNWANTED = 10
"""One delivery in so many is of an event that the Pipeline does not ask for."""
_PATIENCE = aiohttp.ClientTimeout(total=18)  # as long as Saleor waits for an answer


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook call, the same however often it is made."""

    order: str
    wanted: bool
    """Whether it is to arrive; else it is to be a dead letter."""
    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at a delivery."""

    order: str
    began: float
    ended: float
    answer: int | None
    """The status; ``None``: the connection broke, or there was none."""
    refused: bool = False
    """Whether nobody listened."""


@dataclass
class Shop:
    """Delivers orders as captured from a real Saleor, each under an id of its own."""

    signer: Signer
    client: aiohttp.ClientSession
    acknowledged: dict[str, Delivery] = field(default_factory=dict)
    """What was answered 200, by order."""
    due: deque[Delivery] = field(default_factory=deque)
    """What was offered and not acknowledged: it comes again."""
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        now = datetime.now(UTC).isoformat()
        rendered = bodies(range(10**7), issued_at=now, app_id=APP_ID)
        self._fresh = (self._delivery(n, body) for n, body in zip(count(), rendered, strict=False))

    @classmethod
    @asynccontextmanager
    async def open(cls, signer: Signer) -> AsyncIterator[Self]:
        """Have a shop that signs with this key."""
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=_PATIENCE) as client:
            yield cls(signer, client)

    def _delivery(self, number: int, body: bytes) -> Delivery:
        wanted = number % _UNWANTED != _UNWANTED - 1
        event = "order_created" if wanted else "order_updated"
        order = orjson.loads(body)["order"]["id"]
        headers = {"Content-Type": "application/json", "Saleor-Signature": self.signer.sign(body)}
        return Delivery(order, wanted, f"/webhooks/{PIPELINE_ID}/{event}", body, headers)

    def next(self) -> Delivery:
        """Return what is to be delivered next: what is due again goes first."""
        return self.due.popleft() if self.due else next(self._fresh)

    async def press(self, url: str, *, callers: int = 16) -> None:
        """Deliver, so many at once, until nobody listens there any more."""
        await asyncio.gather(*(self._call_on(url) for _ in range(callers)))

    async def _call_on(self, url: str) -> None:
        while not (await self.deliver(url, self.next())).refused:
            pass

    async def finish(self, url: str) -> None:
        """Deliver what is due, and nothing new."""
        while self.due:
            left = [self.due.popleft() for _ in range(min(16, len(self.due)))]
            await asyncio.gather(*(self.deliver(url, each) for each in left))

    async def deliver(self, url: str, delivery: Delivery) -> Call:
        """Make a call, and note how it went."""
        began, answer, refused = time.monotonic(), None, False
        try:
            async with self.client.post(
                url + delivery.path, data=delivery.body, headers=delivery.headers
            ) as response:
                answer = response.status
        except (aiohttp.ClientError, TimeoutError) as broken:
            refused = isinstance(broken, aiohttp.ClientConnectorError)
        if answer == 200:
            self.acknowledged[delivery.order] = delivery
        else:
            self.due.append(delivery)
        self.calls.append(Call(delivery.order, began, time.monotonic(), answer, refused))
        return self.calls[-1]
