"""The Pipelines in force, and the memory of those taken down."""

from pathlib import Path

import pytest

from saleor_segment_server.contract import PipelineState
from saleor_segment_server.errors import NotFound, TryLater
from saleor_segment_server.pipelines import Table, Tombstones
from tests.data_plane.receiving import PIPELINE_ID, pipeline


async def table(folder: Path) -> Table:
    tombstones = Tombstones(folder / "tombstones.json")
    await tombstones.load()
    return Table(tombstones)


async def test_a_pipeline_that_was_never_given_may_come(tmp_path: Path) -> None:
    with pytest.raises(TryLater):
        (await table(tmp_path)).find(PIPELINE_ID)


async def test_a_pipeline_that_merely_went_may_come_back(tmp_path: Path) -> None:
    pipelines = await table(tmp_path)
    await pipelines.replace([pipeline()])
    assert pipelines.find(PIPELINE_ID) == pipeline()
    await pipelines.replace([])
    with pytest.raises(TryLater):
        pipelines.find(PIPELINE_ID)


async def test_a_drained_pipeline_is_gone_for_good_over_restarts(tmp_path: Path) -> None:
    pipelines = await table(tmp_path)
    await pipelines.replace([pipeline(state=PipelineState.DRAINING)])
    pipelines = await table(tmp_path)
    await pipelines.replace([])
    pipelines = await table(tmp_path)
    await pipelines.replace([])
    with pytest.raises(NotFound):
        pipelines.find(PIPELINE_ID)


async def test_one_that_comes_back_lives_again(tmp_path: Path) -> None:
    pipelines = await table(tmp_path)
    await pipelines.replace([pipeline(state=PipelineState.DRAINING)])
    await pipelines.replace([])
    await pipelines.replace([pipeline()])
    assert pipelines.find(PIPELINE_ID) == pipeline()
    await pipelines.replace([])
    with pytest.raises(TryLater):
        pipelines.find(PIPELINE_ID)


async def test_a_damaged_memory_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "tombstones.json").write_text("{")
    with pytest.raises(TryLater):
        (await table(tmp_path)).find(PIPELINE_ID)


async def test_listeners_hear_of_changes_only(tmp_path: Path) -> None:
    pipelines = await table(tmp_path)
    heard = []
    pipelines.subscribe(lambda: heard.append(dict(pipelines.pipelines)))
    await pipelines.replace([pipeline()])
    await pipelines.replace([pipeline()])
    await pipelines.replace([])
    assert [list(state) for state in heard] == [[PIPELINE_ID], []]


async def test_an_empty_source_counts_as_read(tmp_path: Path) -> None:
    pipelines = await table(tmp_path)
    assert not pipelines.synced
    await pipelines.replace([])
    assert pipelines.synced
