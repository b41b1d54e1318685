"""Connections that would wear the server out: idle, slow, endless, odd, by the thousand."""

import asyncio
import gzip
import json
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from saleor_segment_server.bodies import LARGEST_BODY
from tests.bench.processes import most_resident
from tests.fault.crowding import Crowd, affordable
from tests.fault.wire import PATH, Answer, Line, Request, address_of, answer, ask, delivery
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 2**20


@dataclass
class Shared:
    """A server that most of these tests share, and senders that are slow from its start on."""

    serving: Serving
    slow: "asyncio.Future[list[Answer | None]]"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> AsyncIterator[Shared]:
    folder = tmp_path_factory.mktemp("shared")
    async with Stand.up(folder, signer) as stand, stand.serving() as serving:
        assert await serving.order(signer) == 200
        slow = asyncio.gather(*(drip(serving, *each) for each in dripping(signer)))
        yield Shared(serving, slow)


def head(signer: Signer, *framing: tuple[str, str]) -> bytes:
    """Return the head of a delivery whose body is sent by hand."""
    headers = (
        *(("Host", "x"), ("Content-Type", "application/json")),
        *(("Saleor-Signature", signer.sign(b"")), *framing),
    )
    return Request(headers, path=PATH).raw()


async def dropped(serving: Serving, reason: str) -> int:
    found = re.search(
        rf'connections_dropped_total{{reason="{reason}"}} (\d+)', await metrics(serving)
    )
    return int(found[1]) if found else 0


async def metrics(serving: Serving) -> str:
    return await serving.metrics()


def complaints(serving: Serving) -> list[str]:
    return [
        line
        for line in serving.program.lines
        if not line.startswith("{") or json.loads(line)["level"] not in {"info", "debug"}
    ]


def descriptors(serving: Serving) -> int:
    return len(list(Path(f"/proc/{serving.program.process.pid}/fd").iterdir()))


async def fresh_order(serving: Serving, signer: Signer) -> int:
    """Deliver an order on a connection of its own, as Saleor does."""
    letter = serving.stand.letter(signer)
    found = await ask(address_of(serving.url), delivery(letter.body, letter.signature))
    return found.status if found else 0


async def test_ten_thousand_idle_connections_keep_no_delivery_out(
    stand: Stand, signer: Signer
) -> None:
    count = affordable(10_000)
    async with stand.serving() as serving:
        with Crowd(address_of(serving.url)) as crowd:
            answers = []
            while len(crowd.members) < count:
                await crowd.grow(min(500, count - len(crowd.members)))
                answers.append(await fresh_order(serving, signer))
            assert set(answers) == {200}
            assert descriptors(serving) < 2048 + 100
            assert await dropped(serving, "crowded") >= count - 2048
        assert complaints(serving) == []
        assert most_resident(serving.program.process.pid) < 200 * MIB


async def test_the_limit_of_open_files_is_raised_and_the_cap_keeps_below_it(
    stand: Stand, signer: Signer
) -> None:
    stand.before = ("sh", "-c", 'ulimit -Sn 256; ulimit -Hn 1024; exec "$@"', "sh")
    async with stand.serving() as serving:
        assert (await serving.program.logged("fewer_connections"))["most"] == 512
        with Crowd(address_of(serving.url)) as crowd:
            await crowd.grow(900)
            assert [await fresh_order(serving, signer) for _ in range(10)] == [200] * 10
            await until(lambda: len(stand.arrived()) == 10)  # Segment was reached meanwhile
            assert descriptors(serving) < 1024


async def test_who_never_reads_the_answers_makes_room(stand: Stand, signer: Signer) -> None:
    async with stand.serving("--max-connections", "8") as serving:
        before = descriptors(serving)
        with Crowd(address_of(serving.url)) as crowd:
            for _ in range(3):
                await asyncio.gather(
                    *(crowd.grow(1, GET * 1500, receive_buffer=2048) for _ in range(8))
                )
                assert [await fresh_order(serving, signer) for _ in range(8)] == [200] * 8
            await until(lambda: descriptors(serving) <= before + 8 + 4)


@pytest.mark.asyncio(loop_scope="module")
async def test_heads_that_never_end_share_a_bound_in_memory(shared: Shared, signer: Signer) -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 8000) for number in range(120))
    serving = shared.serving
    with Crowd(address_of(serving.url)) as crowd:
        await crowd.grow(200, b"GET / HTTP/1.1\r\nHost: x\r\n" + lines)
        assert await fresh_order(serving, signer) == 200
        assert await dropped(serving, "heads") > 100
    assert most_resident(serving.program.process.pid) < 250 * MIB


def dripping(signer: Signer) -> list[tuple[bytes, bytes]]:
    """Return how slow requests begin, and what comes of them each second."""
    known, chunked = ("Content-Length", "100"), ("Transfer-Encoding", "chunked")
    return [
        (b"", b""),
        (b"POST / HTTP/1.1\r\n", b"X: a\r\n"),
        (GET + b"GET", b" "),
        (head(signer, known), b" "),
        (head(signer, chunked), b"1\r\n \r\n"),
    ]


async def drip(serving: Serving, beginning: bytes, more: bytes) -> Answer | None:
    """Send it, and a little more each second, until the server ends it; return the first answer."""
    async with Line(address_of(serving.url)) as line, asyncio.timeout(60):
        asking = asyncio.create_task(line.ask(beginning))
        while not (line.reader.at_eof() or line.reader.exception()):  # the end, or a reset
            await asyncio.wait([asking], timeout=1) if not asking.done() else await turn(line)
            with suppress(ConnectionError):
                line.writer.write(more)
                await line.writer.drain()
        return await asking


async def turn(line: Line) -> None:
    """Wait for a second, or until the connection ends."""
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(1):
            await line.reader.read()


@pytest.mark.asyncio(loop_scope="module")
async def test_an_endless_body_is_cut(shared: Shared, signer: Signer) -> None:
    serving = shared.serving
    async with Line(address_of(serving.url)) as line:
        line.writer.write(head(signer, ("Transfer-Encoding", "chunked")))
        answering = asyncio.create_task(answer(line.reader))
        with suppress(ConnectionError):
            while not line.writer.is_closing():
                line.writer.write(b"100000\r\n" + bytes(MIB) + b"\r\n")
                await line.writer.drain()
        found = await answering  # lost where the connection ended in the midst of sending
    assert found is None or (found.status, found.error) == (413, "too_large")
    assert 'outcome="too_large"' in await serving.metrics()
    assert await fresh_order(serving, signer) == 200
    assert most_resident(serving.program.process.pid) < 250 * MIB


@pytest.mark.asyncio(loop_scope="module")
async def test_eight_mebibytes_are_taken_and_a_byte_more_is_not(
    shared: Shared, signer: Signer
) -> None:
    letter = shared.serving.stand.letter(signer).body
    address = address_of(shared.serving.url)
    for size, status in ((LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)):
        body = letter.ljust(size)
        signature = signer.sign(body)
        whole = await ask(address, delivery(body, signature))
        chunks = head_of_chunks(signature) + b"%x\r\n" % size + body + b"\r\n0\r\n\r\n"
        async with Line(address) as line:
            in_chunks = await line.ask(chunks)
        assert [each and each.status for each in (whole, in_chunks)] == [status, status]


def head_of_chunks(signature: str) -> bytes:
    headers = (
        *(("Host", "x"), ("Content-Type", "application/json")),
        *(("Saleor-Signature", signature), ("Transfer-Encoding", "chunked")),
    )
    return Request(headers, path=PATH).raw()


UPGRADE = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: {}\r\n\r\n"


@pytest.mark.asyncio(loop_scope="module")
async def test_what_speaks_another_protocol_is_answered_and_fills_no_log(
    shared: Shared, signer: Signer
) -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    packed = (("Content-Encoding", "gzip"), ("Content-Length", str(len(bomb))))
    cases = {
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500): 400,  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 400,
        UPGRADE.format("websocket").encode(): 404,
        UPGRADE.format("h2c").encode(): 404,
        b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n": 404,
        b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n\r\n": 404,
        head(signer, ("Expect", "a-miracle"), ("Content-Length", "1")) + b" ": 401,
        head(signer, *packed) + bomb: 415,
    }
    serving = shared.serving
    for data, status in cases.items():
        async with Line(address_of(serving.url)) as line:
            found = await line.ask(data)
        assert found is not None, data[:80]
        assert found.status == status, data[:80]
    assert await fresh_order(serving, signer) == 200
    assert complaints(serving) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_connections_that_are_reset_leave_nothing_behind(
    shared: Shared, signer: Signer
) -> None:
    beginnings = (b"", b"POST", GET, GET * 50, head(signer, ("Content-Length", "100")) + b"{")
    serving = shared.serving
    now = struct.pack("ii", 1, 0)  # close with a reset
    for number in range(300):
        with Crowd(address_of(serving.url)) as crowd:
            await crowd.grow(1, beginnings[number % len(beginnings)])
            crowd.members[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)
    assert await fresh_order(serving, signer) == 200
    await until(lambda: descriptors(serving) < 50)
    assert complaints(serving) == []


@pytest.mark.asyncio(loop_scope="module")
async def test_what_takes_longer_than_ten_seconds_is_ended(shared: Shared, signer: Signer) -> None:
    endings = await shared.slow  # they began with the server
    status = [(each.status, each.error) if each else None for each in endings]
    slow = (503, "body_slow")
    assert status == [None, None, (404, "path_unknown"), slow, slow]
    assert await fresh_order(shared.serving, signer) == 200
    assert complaints(shared.serving) == []
