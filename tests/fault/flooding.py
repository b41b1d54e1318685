"""A flood of deliveries that name keys nobody has, and how genuine ones fare in it."""

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from tests.data_plane.receiving import PIPELINE_ID
from tests.fault.parts import Verdict
from tests.fault.saleor import order, standing
from tests.signing import Signer, b64
from tests.system.programs import until
from tests.system.serving import Serving

_PAUSE = 5.0
_WARM = 640
"""Deliveries after which whatever is bounded has reached its bound."""
_LONG_KEY_ID = 2_500
"""Characters: a header may have 4,096, and who floods sends what costs most."""
_CALM = 100
_MOST_GROWN = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Flooded:
    """What came of it."""

    answers: Counter[int]
    """How the flood was answered, by status."""
    genuine_refused: int
    """Genuine deliveries that were not answered 200."""
    before: tuple[float, float, float]
    """Seconds of a genuine delivery before the flood: the median, 99 of 100, the longest."""
    during: tuple[float, float, float]
    """The same within it."""
    asked: int
    """How often the shop was asked for its keys."""
    seconds: float
    grown: int
    """Bytes by which the server's memory grew, after the beginning."""

    @property
    def asked_at_most(self) -> int:
        """How often it may have been: once, and once in 5 s."""
        return 2 + int(self.seconds / _PAUSE)

    def figures(self, acknowledged: int) -> tuple[str, ...]:
        """Say it in lines."""
        calm, busy = (
            f"median {1e3 * median:.1f} ms, p99 {1e3 * rare:.1f} ms, at most {1e3 * most:.1f} ms"
            for median, rare, most in (self.before, self.during)
        )
        answers = ", ".join(f"{n:,} answered {status}" for status, n in self.answers.items())
        return (
            f"{self.seconds:.0f} s of deliveries under key ids of 2,500 characters: {answers}",
            f"the shop was asked for its keys {self.asked} times",
            f"{acknowledged:,} genuine deliveries arrived, {self.genuine_refused} were refused",
            f"their answers before the flood: {calm}",
            f"their answers within it, sent by the same process: {busy}",
            f"the server's memory grew by {self.grown / 2**20:.1f} MiB",
        )


async def flood(serving: Serving, signer: Signer, *, deliveries: int, connections: int) -> Flooded:
    """Have so many deliveries come under unknown keys, and genuine ones meanwhile.

    Flood and genuine senders share this process, so that the times are upper bounds.
    """
    shop = serving.stand.shop
    genuine = Genuine(serving, signer)
    before = [await genuine.deliver() for _ in range(_CALM)]
    asked, began, numbers = shop.asked, time.monotonic(), count()
    await _pour(serving, numbers, _WARM, connections)
    held = _memory(serving)
    ended = asyncio.Event()
    meanwhile = asyncio.create_task(genuine.until(ended))
    answers = await _pour(serving, numbers, deliveries, connections)
    ended.set()
    return Flooded(
        answers=answers,
        before=_spread(before),
        during=_spread(await meanwhile),
        genuine_refused=genuine.refused,
        asked=shop.asked - asked,
        seconds=time.monotonic() - began,
        grown=_memory(serving) - held,
    )


async def soak(folder: Path) -> Verdict:
    """The long form."""
    signer = Signer.new()
    async with standing(folder, signer) as stand, stand.serving() as serving:
        found = await flood(serving, signer, deliveries=100_000, connections=256)
        await until(lambda: stand.arrived() == stand.acknowledged, seconds=60)
    few = found.asked <= found.asked_at_most
    held = found.answers == {503: 100_000} and not found.genuine_refused and few
    return Verdict(held and found.grown < _MOST_GROWN, found.figures(len(stand.acknowledged)))


class Genuine:
    """Delivers as the shop does: each order over a connection of its own."""

    def __init__(self, serving: Serving, signer: Signer) -> None:
        self.refused = 0
        self._serving, self._signer = serving, signer

    async def deliver(self) -> float:
        """Deliver one more order; return the seconds until the answer."""
        stand = self._serving.stand
        order_id = f"order-{next(stand.numbers)}"
        data = order(order_id)
        request = _request(self._signer.sign(data), data)
        began = time.monotonic()
        reader, writer = await asyncio.open_connection(*_address(self._serving))
        status = await _exchange(reader, writer, request)
        took = time.monotonic() - began
        writer.close()
        if status == 200:
            stand.acknowledged.add(order_id)
        self.refused += status != 200
        return took

    async def until(self, ended: asyncio.Event) -> list[float]:
        """Deliver one after another; return the seconds of each."""
        took = []
        while not ended.is_set():
            took.append(await self.deliver())
        return took


async def _pour(
    serving: Serving, numbers: Iterable[int], deliveries: int, connections: int
) -> Counter[int]:
    """Send so many, over connections that are kept; return the answers."""
    left, answers = iter(range(deliveries)), Counter[int]()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(*_address(serving))
        for _, number in zip(left, numbers, strict=False):
            answers[await _exchange(reader, writer, _stranger(number))] += 1
        writer.close()

    await asyncio.gather(*(send() for _ in range(connections)))
    return answers


def _stranger(number: int) -> bytes:
    """Return a delivery in good form, signed by nobody, under a key id of its own."""
    key_id = f"{number}-".ljust(_LONG_KEY_ID, "k")
    protected = b64(f'{{"alg":"RS256","b64":false,"crit":["b64"],"kid":"{key_id}"}}'.encode())
    return _request(f"{protected}..{b64(b's' * 256)}", b"{}")


def _request(signature: str, data: bytes) -> bytes:
    return (
        f"POST /webhooks/{PIPELINE_ID}/order_created HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        f"Saleor-Signature: {signature}\r\n\r\n"
    ).encode() + data


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> int:
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
    await reader.readexactly(int(length))
    return int(head.split(maxsplit=2)[1])


def _address(serving: Serving) -> tuple[str, int]:
    parts = urlsplit(serving.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _memory(serving: Serving) -> int:
    status = Path(f"/proc/{serving.program.process.pid}/status").read_text()
    (resident,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(resident.split()[1]) * 2**10


def _spread(seconds: list[float]) -> tuple[float, float, float]:
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return hundredths[49], hundredths[98], max(seconds)
