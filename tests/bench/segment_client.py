"""Which HTTP client to send with: aiohttp and httpx against the twin, on the same batches.

``python -m tests.bench.segment_client`` prints requests/s and the CPU time a request costs us,
for batches of the usual size and for batches of one, one in flight and eight.
"""

import asyncio
import gzip
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import orjson
import uvloop

from tests.bench.processes import CORE_OF_LOAD, CORE_OF_SUBJECT, pin, running, wait_for

KEY = "a-write-key-for-the-measurement"
HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
Send = Callable[[bytes], Awaitable[int]]


def body(messages: int) -> bytes:
    """Return a batch of messages of the size an order usually has, compressed as we do."""
    properties = {"order_id": "order", "products": [{"sku": str(n)} for n in range(100)]}
    item = {"type": "track", "event": "Saleor Order Created", "userId": "u"}
    batch = [item | {"messageId": f"{n:064}", "properties": properties} for n in range(messages)]
    return gzip.compress(orjson.dumps({"batch": batch, "writeKey": KEY}), 1)


async def measure(send: Send, data: bytes, *, requests: int, at_once: int) -> str:
    left = iter(range(requests))

    async def one_after_the_other() -> None:
        for _ in left:
            assert await send(data) == 200

    await send(data)
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{requests / wall:8.0f} requests/s {cpu / requests * 1e6:8.0f} µs of CPU each"


async def main(url: str) -> None:
    async with aiohttp.ClientSession() as session, httpx.AsyncClient() as client:

        async def by_aiohttp(data: bytes) -> int:
            async with session.post(url, data=data, headers=HEADERS) as answer:
                await answer.read()
                return answer.status

        async def by_httpx(data: bytes) -> int:
            return (await client.post(url, content=data, headers=HEADERS)).status_code

        for messages, requests in ((1, 2000), (200, 300)):
            data = body(messages)
            for at_once in (1, 8):
                for name, send in (("aiohttp", by_aiohttp), ("httpx", by_httpx)):
                    result = await measure(send, data, requests=requests, at_once=at_once)
                    sys.stdout.write(
                        f"{messages:4} messages, {at_once} at once, {name:8}{result}\n"
                    )


if __name__ == "__main__":
    log = Path(tempfile.mkdtemp()) / "twin.log"
    with running(["-m", "tests.twins.segment", "--key", KEY], core=CORE_OF_LOAD, log=log) as twin:
        pin(0, CORE_OF_SUBJECT)
        uvloop.run(main(wait_for(log, twin).split()[-1] + "/v1/batch"))
