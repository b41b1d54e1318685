from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs

from tests.control_plane.reconcile.harness import Process, World, a_world, running


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """Keep the log out of the tests' output: rendering tracebacks takes seconds."""
    with capture_logs():
        yield


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


@pytest.fixture
async def process(world: World) -> AsyncIterator[Process]:
    async with running(world) as process:
        yield process
