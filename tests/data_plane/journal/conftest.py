from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from saleor_segment_server.journal import SqliteJournal
from tests.data_plane.journal.stores import STORES, Clock, SqliteFiles


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(STORES))
def store(request: pytest.FixtureRequest, tmp_path: Path) -> SqliteFiles:
    return STORES[request.param](tmp_path)


@pytest.fixture
async def journal(store: SqliteFiles, clock: Clock) -> AsyncIterator[SqliteJournal]:
    async with store.open(clock=clock) as journal:
        yield journal
