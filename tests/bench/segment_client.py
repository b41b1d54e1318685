"""Which HTTP client to send with: aiohttp against httpx, the same batches to the twin.

The bench runs ``python -m tests.bench.segment_client URL OUTPUT`` on the core of the subject.
"""

import gzip
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import httpx
import orjson
import uvloop

from tests.bench.bench import Bench
from tests.bench.processes import CORE_OF_SUBJECT, run
from tests.bench.report import Measure
from tests.bench.subjects import WRITE_KEY, segment

HEADERS = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
SIZES = {"batches of 1": (1, 2000), "batches of 200": (200, 200)}
"""Messages in a batch, and how many batches are sent."""
WARM_UP = 20

Send = Callable[[bytes], Awaitable[int]]


class SegmentClients(Bench):
    """What a request costs us, sent one after the other, as a pipeline does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[dict[str, dict[str, float]]] = []

    def prepare(self) -> None:
        """Nothing is shared between rounds."""

    def round(self, number: int) -> str:
        """Measure both clients in one process; return a line on it."""
        output = self._folder / "found.json"
        with segment(self._folder) as twin:
            arguments = ["-m", "tests.bench.segment_client", twin.url, str(output)]
            run(arguments, core=CORE_OF_SUBJECT, log=self._folder / "client.log")
        found = json.loads(output.read_text())
        self._found.append(found)
        return ", ".join(f"{size}: {f['aiohttp'] / f['httpx']:.2f}" for size, f in found.items())

    def measures(self) -> list[Measure]:
        """Return what was found."""
        return [
            Measure(
                name=f"aiohttp as client, {size}",
                unit="µs of CPU each",
                ours=[found[size]["aiohttp"] for found in self._found],
                other=[found[size]["httpx"] for found in self._found],
                other_name="httpx",
                more_is_better=False,
            )
            for size in SIZES
        ]


def _body(messages: int) -> bytes:
    """Return a batch of messages of the size an order usually has, compressed as we do."""
    properties = {"order_id": "order", "products": [{"sku": str(n)} for n in range(100)]}
    item = {"type": "track", "event": "Saleor Order Created", "userId": "u"}
    batch = [item | {"messageId": f"{n:064}", "properties": properties} for n in range(messages)]
    return gzip.compress(orjson.dumps({"batch": batch, "writeKey": WRITE_KEY}), 1)


async def _measure(send: Send, data: bytes, requests: int) -> float:
    start = time.process_time()
    for _ in range(requests):
        assert await send(data) == 200
    return (time.process_time() - start) / requests * 1e6


async def main(url: str) -> dict[str, dict[str, float]]:
    """Return processor time for a request in µs, by size of the batch and by client."""
    async with aiohttp.ClientSession() as session, httpx.AsyncClient() as client:

        async def by_aiohttp(data: bytes) -> int:
            async with session.post(url, data=data, headers=HEADERS) as answer:
                await answer.read()
                return answer.status

        async def by_httpx(data: bytes) -> int:
            return (await client.post(url, content=data, headers=HEADERS)).status_code

        clients = {"aiohttp": by_aiohttp, "httpx": by_httpx}
        found: dict[str, dict[str, float]] = {}
        for size, (messages, requests) in SIZES.items():
            data = _body(messages)
            for send in clients.values():
                await _measure(send, data, WARM_UP)
            found[size] = {
                name: await _measure(send, data, requests) for name, send in clients.items()
            }
        return found


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(uvloop.run(main(sys.argv[1] + "/v1/batch"))))
