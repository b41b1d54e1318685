"""The server is told to stop under load: it tells first, finishes what has begun, and is quick."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

import pytest

from tests.fault.account import settle_up
from tests.fault.shop import Delivery, Shop
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand
from tests.twins.segment import Fault

LIMIT = 10.0
"""Seconds that a stop may take."""


@pytest.fixture
async def shop(signer: Signer) -> AsyncIterator[Shop]:
    async with Shop.open(signer) as shop:
        yield shop


@dataclass
class Begun:
    """A delivery whose head the server has, and whose body is to come."""

    delivery: Delivery
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, delivery: Delivery) -> AsyncIterator[Self]:
        """Send the head, and wait until it was read: the server says so, for it is asked to."""
        address = urlsplit(url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        length = str(len(delivery.body))
        more = {"Host": address.netloc, "Content-Length": length, "Expect": "100-continue"}
        lines = [f"{name}: {value}" for name, value in (delivery.headers | more).items()]
        head = "\r\n".join([f"POST {delivery.path} HTTP/1.1", *lines, "", ""])
        writer.write(head.encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        try:
            yield cls(delivery, reader, writer)
        finally:
            writer.close()

    async def finish(self, shop: Shop) -> bytes:
        """Send the body; return the answer's first line."""
        self.writer.write(self.delivery.body)
        answer = await self.reader.readline()
        if answer.startswith(b"HTTP/1.1 200 "):
            shop.acknowledged[self.delivery.order] = self.delivery
        return answer


async def unready(serving: Serving) -> float:
    """Return when the probe was first seen to fail."""
    await until(lambda: fails(serving), every=0.005)
    return time.monotonic()


async def fails(serving: Serving) -> bool:
    return await serving.ready() == 503


@asynccontextmanager
async def pressed(shop: Shop, serving: Serving) -> AsyncIterator[None]:
    """Have the shop deliver until nobody listens; some of it is acknowledged already."""
    pressing = asyncio.create_task(shop.press(serving.url))
    await until(lambda: len(shop.acknowledged) >= 40)
    yield
    await pressing


async def test_a_stop_under_load_tells_first_and_finishes_what_has_begun(
    stand: Stand, shop: Shop
) -> None:
    async with (
        stand.serving("--shutdown-delay", "2s") as serving,
        Begun.at(serving.url, shop.next()) as slow,
        Begun.at(serving.url, shop.next()) as stuck,
    ):
        shop.due.append(stuck.delivery)
        async with pressed(shop, serving):
            asked = time.monotonic()
            serving.program.process.send_signal(signal.SIGTERM)
            told = await unready(serving)
            await until(lambda: any(call.refused for call in shop.calls), every=0.005)
            assert (await slow.finish(shop)).startswith(b"HTTP/1.1 200 ")
        assert await serving.program.ended() == 0
        assert time.monotonic() - asked < LIMIT
    assert all(call.answer == 200 for call in shop.calls if call.began < told)
    assert any(call.answer == 200 for call in shop.calls if call.began > asked + 1)
    account = await settle_up(stand, shop)
    assert account.balanced, account


async def test_a_segment_that_hangs_holds_no_stop_up(stand: Stand, shop: Shop) -> None:
    stand.segment.faults.add(Fault("hang", times=None))
    async with stand.serving() as serving:
        async with pressed(shop, serving):
            asked = time.monotonic()
            serving.program.process.send_signal(signal.SIGTERM)
            told = await unready(serving)
        assert await serving.program.ended() == 0
        assert time.monotonic() - asked < LIMIT
    assert any(call.answer == 200 for call in shop.calls if call.began > told)
    account = await settle_up(stand, shop)
    assert account.balanced, account


async def test_a_second_signal_ends_a_stop_that_takes_long_and_loses_nothing(
    stand: Stand, shop: Shop
) -> None:
    stand.segment.faults.add(Fault("hang", times=None))
    async with stand.serving("--shutdown-delay", "1h") as serving, pressed(shop, serving):
        serving.program.process.send_signal(signal.SIGTERM)
        await unready(serving)
        assert await serving.program.end(signal.SIGTERM) == 128 + signal.SIGTERM
    account = await settle_up(stand, shop)
    assert account.balanced, account
