import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from saleor_segment_operator.standalone.manifests import ManifestFiles

NOTHING = "# nothing\n"


@pytest.fixture
async def files(tmp_path: Path) -> ManifestFiles:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(NOTHING)
    found = ManifestFiles([tmp_path / "a.yaml", tmp_path / "b.yaml"], namespace="default")
    await found.read()
    return found


async def _next(changes: AsyncIterator[None]) -> None:
    await anext(changes)


async def _changes(files: ManifestFiles) -> AsyncIterator[asyncio.Task[None]]:
    """Yields tasks that end with the next change; reads after each, as one who follows does."""
    changes = files.changes(interval=0.005)
    while True:
        yield asyncio.create_task(_next(changes))
        await files.read()


async def test_each_change_of_any_file_is_told_once(files: ManifestFiles, tmp_path: Path) -> None:
    changes = _changes(files)
    for name in ("a.yaml", "b.yaml", "a.yaml"):
        change = await anext(changes)
        done, _ = await asyncio.wait([change], timeout=0.05)
        assert not done
        with (tmp_path / name).open("a") as stream:
            stream.write(NOTHING)
        await asyncio.wait_for(change, 5)


async def test_a_replaced_file_is_a_changed_one(files: ManifestFiles, tmp_path: Path) -> None:
    change = await anext(_changes(files))
    (tmp_path / "new").write_text(NOTHING)
    (tmp_path / "new").replace(tmp_path / "a.yaml")
    await asyncio.wait_for(change, 5)


async def test_a_file_that_is_gone_is_told_too(files: ManifestFiles, tmp_path: Path) -> None:
    change = await anext(_changes(files))
    (tmp_path / "a.yaml").unlink()
    await asyncio.wait_for(change, 5)


async def test_a_file_is_left_alone_while_it_is_written(
    files: ManifestFiles, tmp_path: Path
) -> None:
    change = asyncio.create_task(_next(files.changes(interval=0.02)))
    with (tmp_path / "a.yaml").open("w") as stream:
        for _ in range(20):
            stream.write(NOTHING)
            stream.flush()
            done, _ = await asyncio.wait([change], timeout=0.004)
            assert not done
    await asyncio.wait_for(change, 5)
