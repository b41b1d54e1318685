"""Fixtures of the Saleor adapter's tests."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from saleor_segment_operator.saleor import Saleor
from saleor_segment_server.outbound import Guard
from tests.control_plane.saleor.scripted import Api, Clock


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    api = Api()
    application = web.Application()
    application.router.add_post("/graphql/", api.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}/graphql/"
    api.logins = [api.captured("tokenCreate.ok")]
    yield api
    await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def saleor(api: Api, clock: Clock) -> AsyncIterator[Saleor]:
    guard = Guard(allow_loopback=True)
    async with Saleor(api.url, guard=guard, clock=clock, timeout=5) as saleor:
        yield saleor
