from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.ports.stores import FolderStores, MemoryStores, Stores


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture(params=["memory", "folder"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Stores:
    return MemoryStores() if request.param == "memory" else FolderStores(tmp_path)
