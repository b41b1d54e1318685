"""What most of the faults are done to: one shop's server, its key and a Segment."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.signing import Signer
from tests.system.serving import Stand


@pytest.fixture(scope="module")
def signer() -> Signer:
    """The key of the shop."""
    return Signer.new()


@pytest.fixture
async def stand(tmp_path: Path, signer: Signer) -> AsyncIterator[Stand]:
    """Shop, Segment and a file of Pipelines, around a server that comes and goes."""
    async with Stand.up(tmp_path, signer) as stand:
        yield stand
