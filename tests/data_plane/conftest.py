"""Fixtures of the data plane's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.data_plane.receiving import Door, Shop, pipeline
from tests.signing import Signer


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer.new()


@pytest.fixture(scope="session")
def stranger() -> Signer:
    return Signer.new()


@pytest.fixture
async def shop(signer: Signer) -> AsyncIterator[Shop]:
    async with Shop(signer).serving() as shop:
        yield shop


@pytest.fixture
async def door(tmp_path: Path, shop: Shop) -> AsyncIterator[Door]:
    async with Door(tmp_path) as door:
        await door.table.replace([pipeline(shop.url + "/graphql/")])
        yield door
