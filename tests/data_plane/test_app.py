"""The listeners: deadlines, caps, and how they close."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from saleor_segment_server.app import Listener, answer
from saleor_segment_server.errors import StartError
from tests.data_plane.receiving import Door, body
from tests.signing import Signer


async def test_who_has_waited_longest_makes_room_for_one_more(
    tmp_path: Path, signer: Signer
) -> None:
    async with Door(tmp_path, max_connections=3) as door:
        await door.table.replace([])
        held = [await asyncio.open_connection(*door.public.address) for _ in range(3)]
        for reader, writer in held[::-1]:  # the last one to come has waited longest
            writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"404" in await asyncio.wait_for(reader.readline(), 5)
        reader, writer = await asyncio.open_connection(*door.public.address)
        writer.write(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"404" in await asyncio.wait_for(reader.readline(), 5)
        assert b"path_unknown" in await asyncio.wait_for(held[2][0].read(), 5)  # to its end
        assert (await door.get("/healthz"))[0] == 200
        for stream in (writer, *(writer for _, writer in held)):
            await closed(stream)


async def test_where_all_are_at_work_one_more_is_closed_at_once() -> None:
    started, proceed = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_: web.BaseRequest) -> web.StreamResponse:
        started.release()
        await proceed.wait()
        return web.Response(text="done")

    listener = Listener(slow, "127.0.0.1:0", setting="--listen", max_connections=2)
    await listener.open()
    held = [await asyncio.open_connection(*listener.address) for _ in range(2)]
    for _, writer in held:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        await started.acquire()
    reader, refused = await asyncio.open_connection(*listener.address)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    proceed.set()
    for reader, writer in held:
        assert (await asyncio.wait_for(reader.read(), 5)).endswith(b"done")
        await closed(writer)
    await closed(refused)
    await listener.close(seconds=1)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close our side, whatever became of the other one."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def test_a_head_that_never_ends_is_cut_off() -> None:
    listener = Listener(
        web.Application(), "127.0.0.1:0", setting="--listen", max_connections=10, head_seconds=0.05
    )
    await listener.open()
    reader, writer = await asyncio.open_connection(*listener.address)
    writer.write(b"POST / HTTP/1.1\r\nHost: ")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await listener.close(seconds=1)


async def test_a_request_in_flight_finishes_and_new_ones_find_nobody(
    door: Door, signer: Signer
) -> None:
    started, proceed = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        started.set()
        await proceed.wait()
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/", slow)
    listener = Listener(app, "127.0.0.1:0", setting="--listen", max_connections=10)
    await listener.open()
    host, port = listener.address
    request = asyncio.create_task(door.client.get(listener.url))
    await started.wait()
    closing = asyncio.create_task(listener.close(seconds=5))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)
    proceed.set()
    response = await request
    assert await response.text() == "done"
    await closing


async def test_a_failure_is_answered_503_and_told_to_nobody(door: Door) -> None:
    async def failing(_: web.Request) -> web.Response:
        raise ValueError("the-secret-of-the-house")

    app = web.Application(middlewares=[answer])
    app.router.add_get("/", failing)
    listener = Listener(app, "127.0.0.1:0", setting="--listen", max_connections=10)
    await listener.open()
    async with door.client.get(listener.url) as response:
        assert response.status == 503
        assert "secret" not in await response.text()
    await listener.close(seconds=1)


async def test_an_address_that_is_taken_is_named_with_the_remedy(door: Door) -> None:
    host, port = door.public.address
    taken = Listener(web.Application(), f"{host}:{port}", setting="--listen", max_connections=1)
    with pytest.raises(StartError, match=rf"{host}:{port}: .*--listen"):
        await taken.open()


async def test_a_keep_alive_connection_serves_many(door: Door, signer: Signer) -> None:
    for number in range(10):
        data = body(order={"id": str(number)})
        assert (await door.post(data, signer.sign(data)))[0] == 200
