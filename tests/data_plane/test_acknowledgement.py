"""The answer to a delivery that is durable, as it goes over the wire."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.data_plane.receiving import PIPELINE_ID, Door, body
from tests.signing import Signer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(door: Door) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(*door.public.address)
    try:
        yield reader, writer
    finally:
        writer.close()


def delivery(signer: Signer, number: int, *headers: str, version: str = "1.1") -> bytes:
    """Return a whole request; its body in one chunk if the headers say so."""
    data = body(order={"id": str(number)})
    sent = b"%x\r\n%s\r\n0\r\n\r\n" % (len(data), data) if CHUNKED in headers else data
    length = () if CHUNKED in headers else (f"Content-Length: {len(data)}",)
    head = (
        f"POST /webhooks/{PIPELINE_ID}/order_created HTTP/{version}",
        *("Host: x", "Content-Type: application/json"),
        *(f"Saleor-Signature: {signer.sign(data)}", *length, *headers),
    )
    return "\r\n".join((*head, "", "")).encode() + sent


CHUNKED = "Transfer-Encoding: chunked"


async def answered(reader: asyncio.StreamReader) -> dict[str, str]:
    """Return the head of a 200 by field."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    status, *lines = head.decode().rstrip().split("\r\n")
    assert status.split(" ")[1:] == ["200", "OK"]
    return dict(line.split(": ") for line in lines)


async def test_it_says_when_and_leaves_the_connection_open(door: Door, signer: Signer) -> None:
    async with connected(door) as (reader, writer):
        for number in range(3):
            writer.write(delivery(signer, number))
            head = await answered(reader)
            assert head["Content-Length"] == "0"
            assert "Connection" not in head
            age = datetime.now(UTC) - parsedate_to_datetime(head["Date"])
            assert abs(age.total_seconds()) < 60


async def test_requests_sent_ahead_are_answered_one_by_one(door: Door, signer: Signer) -> None:
    async with connected(door) as (reader, writer):
        writer.write(b"".join(delivery(signer, number) for number in range(5)))
        for _ in range(5):
            assert (await answered(reader))["Content-Length"] == "0"
    assert len(await door.journal.take(PIPELINE_ID)) == 5


async def test_a_small_body_may_come_in_a_chunk(door: Door, signer: Signer) -> None:
    async with connected(door) as (reader, writer):
        for number in range(2):
            writer.write(delivery(signer, number, CHUNKED))
            await answered(reader)
    assert len(await door.journal.take(PIPELINE_ID)) == 2


@pytest.mark.parametrize(("version", "header"), [("1.1", "Connection: close"), ("1.0", "X: y")])
async def test_a_sender_that_wants_no_more_finds_the_connection_closed(
    door: Door, signer: Signer, version: str, header: str
) -> None:
    async with connected(door) as (reader, writer):
        writer.write(delivery(signer, 1, header, version=version))
        await answered(reader)
        assert await asyncio.wait_for(reader.read(), 30) == b""
