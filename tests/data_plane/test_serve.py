"""The composed server, embedded: how it comes up, how it goes down, what a failed start leaves."""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from saleor_segment_server.errors import StartError
from saleor_segment_server.pipelines import from_file
from saleor_segment_server.serve import Server
from saleor_segment_server.settings import ReceivingSettings
from tests.data_plane.receiving import NOW, PIPELINE_ID, Shop, body, pipeline
from tests.signing import Signer


class Stand:
    """Settings, and a file with one paused Pipeline."""

    def __init__(self, folder: Path, shop: Shop) -> None:
        self.data = folder / "data"
        self.file = folder / "pipelines.yaml"
        held = pipeline(shop.url + "/graphql/", state="Paused")
        self.file.write_text(yaml.safe_dump({"pipelines": [held.document()]}))

    def server(self, **changes: Any) -> Server:
        settings = ReceivingSettings(
            listen="127.0.0.1:0",
            private_listen="127.0.0.1:0",
            data_dir=self.data,
            allow_loopback=True,
            ballast=2**20,
        ).model_copy(update=changes)
        return Server(settings, pipelines=from_file(self.file), clock=lambda: NOW)


@pytest.fixture
def stand(tmp_path: Path, shop: Shop) -> Stand:
    return Stand(tmp_path, shop)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@asynccontextmanager
async def running(server: Server) -> AsyncIterator[asyncio.Event]:
    """Run an entered server; set the event to have it stop."""
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(stop))
    try:
        yield stop
    finally:
        stop.set()
        await task


async def status(client: aiohttp.ClientSession, url: str) -> int:
    async with client.get(url) as response:
        return response.status


async def post(client: aiohttp.ClientSession, server: Server, signer: Signer, data: bytes) -> int:
    headers = {"Content-Type": "application/json", "Saleor-Signature": signer.sign(data)}
    url = f"{server.url}/webhooks/{PIPELINE_ID}/order_created"
    async with client.post(url, data=data, headers=headers) as response:
        return response.status


async def pending(client: aiohttp.ClientSession, server: Server) -> int:
    async with client.get(f"{server.private_url}/internal/v1/pipelines") as response:
        (report,) = (await response.json())["pipelines"]
        return int(report["pending"])


async def test_it_is_up_once_entered_and_gone_once_left(
    stand: Stand, client: aiohttp.ClientSession, signer: Signer
) -> None:
    async with stand.server() as server:
        assert await status(client, server.private_url + "/readyz") == 200
        assert await post(client, server, signer, body()) == 200
    for url in (server.url, server.private_url):
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.get(url)
    async with stand.server() as again:
        assert await pending(client, again) == 1
        assert await post(client, again, signer, body()) == 200
        assert await pending(client, again) == 1


async def test_each_listener_answers_its_own_addresses_only(
    stand: Stand, client: aiohttp.ClientSession, signer: Signer
) -> None:
    async with stand.server() as server:
        for path in ("/healthz", "/readyz", "/metrics", "/internal/v1/pipelines"):
            assert await status(client, server.url + path) == 404
            assert await status(client, server.private_url + path) == 200
        async with client.post(
            f"{server.private_url}/webhooks/{PIPELINE_ID}/order_created", data=b"{}"
        ) as response:
            assert response.status == 404


async def test_a_server_told_to_stop_is_unready_and_accepts_until_it_is_left(
    stand: Stand, client: aiohttp.ClientSession, signer: Signer
) -> None:
    async with stand.server() as server:
        async with running(server) as stop:
            stop.set()
        assert await status(client, server.private_url + "/readyz") == 503
        assert await status(client, server.private_url + "/healthz") == 200
        assert await post(client, server, signer, body()) == 200


async def test_a_delivery_in_flight_when_it_is_left_is_stored_and_acknowledged(
    stand: Stand, client: aiohttp.ClientSession, shop: Shop, signer: Signer
) -> None:
    data = body()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(stand.server())
        reader, writer = await asyncio.open_connection(*address(server.url))
        writer.write(
            f"POST /webhooks/{PIPELINE_ID}/order_created HTTP/1.1\r\nHost: x\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
            f"Saleor-Signature: {signer.sign(data)}\r\n\r\n".encode()
            + data[:9]
        )
        while not shop.asked:  # noqa: ASYNC110 - the shop tells nobody
            await asyncio.sleep(0.005)
        leaving = asyncio.create_task(stack.aclose())
        await until_refused(*address(server.url))
        writer.write(data[9:])
        assert b"200" in await asyncio.wait_for(reader.readline(), 5)
        await leaving
        writer.close()
    async with stand.server() as again:
        assert await pending(client, again) == 1


def address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


async def until_refused(host: str, port: int) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0)


async def test_what_is_kept_is_its_owners_alone(
    stand: Stand, client: aiohttp.ClientSession, signer: Signer
) -> None:
    async with stand.server() as server:
        assert await post(client, server, signer, body()) == 200
    for path in (stand.data, *stand.data.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize("setting", ["listen", "private_listen"])
async def test_a_start_that_fails_lets_go_of_everything(
    stand: Stand, client: aiohttp.ClientSession, shop: Shop, setting: str
) -> None:
    taken = shop.url.removeprefix("http://")
    with pytest.raises(StartError, match=rf"{taken}: .*--{setting.replace('_', '-')}"):
        async with stand.server(**{setting: taken}):
            pass
    async with stand.server() as server:
        assert await status(client, server.private_url + "/readyz") == 200


async def test_a_folder_held_by_another_is_named(stand: Stand) -> None:
    async with stand.server():
        with pytest.raises(StartError, match=str(stand.data)):
            async with stand.server():
                pass


@pytest.mark.parametrize("content", [None, "", "\n", "\xff"])
async def test_an_internal_token_that_cannot_be_is_named(
    stand: Stand, tmp_path: Path, content: str | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content, encoding="latin-1")
    with pytest.raises(StartError, match=str(token)):
        async with stand.server(internal_token_file=token):
            pass


async def test_an_internal_token_that_changes_is_the_one_that_counts(
    stand: Stand, client: aiohttp.ClientSession, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    async def opened_by(token: str) -> bool:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{server.private_url}/internal/v1/pipelines"
        async with client.get(url, headers=headers) as response:
            return response.status == 200

    async with stand.server(internal_token_file=file) as server:
        assert await opened_by("first")
        file.write_text("second")
        assert (await opened_by("first"), await opened_by("second")) == (True, True)
        file.write_text("third")
        assert (await opened_by("first"), await opened_by("third")) == (False, True)
        file.unlink()
        assert (await opened_by(""), await opened_by("third")) == (False, True)


async def test_a_server_told_to_stop_is_unready_at_once_and_goes_on_for_its_shutdown_delay(
    stand: Stand, client: aiohttp.ClientSession, signer: Signer
) -> None:
    async with stand.server(shutdown_delay=timedelta(hours=1)) as server:
        stop = asyncio.Event()
        task = asyncio.create_task(server.run(stop))
        stop.set()
        while await status(client, server.private_url + "/readyz") == 200:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await post(client, server, signer, body()) == 200
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_file_of_pipelines_that_is_missing_is_named(stand: Stand) -> None:
    stand.file.unlink()
    with pytest.raises(StartError, match=f"{stand.file}: cannot be read"):
        async with stand.server():
            pass
