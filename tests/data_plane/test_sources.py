"""What holds of every source of Pipelines: a file's and the Secrets' alike."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from saleor_segment_server.cluster import Access
from saleor_segment_server.contract import Pipeline, PipelineState
from saleor_segment_server.errors import NotFound, TryLater
from saleor_segment_server.pipelines import OpenSource, Table, Tombstones, from_file
from saleor_segment_server.pipelines.secrets import from_secrets
from tests.data_plane.receiving import PIPELINE_ID, pipeline
from tests.data_plane.secrets_api import NAMESPACE, RELEASE, SHARDS, SecretsApi, home
from tests.system.programs import until

OTHER_ID = "5bcfe642-0000-4000-8000-000000000002"


class Writer(Protocol):
    """Writes what a source reads."""

    opens: OpenSource

    def write(self, pipelines: Iterable[Pipeline]) -> None: ...

    def spoil(self) -> None:
        """Make what is written unreadable."""

    async def take_away(self) -> None:
        """Make it unreachable."""

    async def bring_back(self) -> None: ...


class FileWriter:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "pipelines.yaml"
        self.opens = from_file(self.path)

    def write(self, pipelines: Iterable[Pipeline]) -> None:
        documents = [pipeline.document() for pipeline in pipelines]
        draft = self.path.with_suffix(".new")
        draft.write_text(yaml.safe_dump({"pipelines": documents}))
        draft.replace(self.path)

    def spoil(self) -> None:
        self.path.write_text("pipelines: [{}]")

    async def take_away(self) -> None:
        self.path.rename(self.path.with_suffix(".away"))

    async def bring_back(self) -> None:
        self.path.with_suffix(".away").rename(self.path)


class SecretsWriter:
    def __init__(self, api: SecretsApi, folder: Path) -> None:
        self.api = api
        access = Access(kubeconfig=api.kubeconfig(folder))
        self.opens = from_secrets(access, namespace=NAMESPACE, release=RELEASE, shards=SHARDS)

    def write(self, pipelines: Iterable[Pipeline]) -> None:
        self.api.hold(pipelines)

    def spoil(self) -> None:
        self.api.put(home(PIPELINE_ID), {PIPELINE_ID: b"{}"})

    async def take_away(self) -> None:
        await self.api.stop()

    async def bring_back(self) -> None:
        await self.api.start()


@pytest.fixture
def files(tmp_path: Path) -> Writer:
    return FileWriter(tmp_path)


@pytest.fixture
async def secrets(tmp_path: Path) -> AsyncIterator[Writer]:
    async with SecretsApi().serving() as api:
        yield SecretsWriter(api, tmp_path)


@pytest.fixture(params=["files", "secrets"])
def writer(request: pytest.FixtureRequest) -> Writer:
    found: Writer = request.getfixturevalue(request.param)
    return found


class Followed:
    """A table, and the source that it is kept in step with."""

    def __init__(self, folder: Path, opens: OpenSource) -> None:
        self.table = Table(Tombstones(folder / "tombstones.json"))
        self.broken = False
        self._opens = opens

    def told(self, broken: bool) -> None:  # noqa: FBT001 - a gauge's set
        self.broken = broken

    @asynccontextmanager
    async def following(self) -> AsyncIterator["Followed"]:
        async with self._opens(self.table, self.told) as source:
            stop = asyncio.Event()
            task = asyncio.create_task(source.run(stop))
            try:
                await until(lambda: self.table.synced)
                yield self
            finally:
                stop.set()
                await asyncio.wait_for(task, 5)

    def holds(self, *pipelines: Pipeline) -> bool:
        return dict(self.table.pipelines) == {pipeline.id: pipeline for pipeline in pipelines}


@pytest.fixture
def following(tmp_path: Path, writer: Writer) -> AbstractAsyncContextManager[Followed]:
    writer.write([pipeline()])
    return Followed(tmp_path, writer.opens).following()


Following = AbstractAsyncContextManager[Followed]


def keyed(key: str) -> Pipeline:
    return pipeline(segment={"writeKey": key})


async def test_the_table_holds_what_is_written(following: Following) -> None:
    async with following as followed:
        assert followed.holds(pipeline())
        assert not followed.broken


async def test_a_changed_key_is_taken_up(writer: Writer, following: Following) -> None:
    async with following as followed:
        writer.write([keyed("another-key")])
        await until(lambda: followed.holds(keyed("another-key")), seconds=2)


async def test_pipelines_come_and_go_and_may_come_back(
    writer: Writer, following: Following
) -> None:
    other = pipeline(id=OTHER_ID)
    async with following as followed:
        writer.write([pipeline(), other])
        await until(lambda: followed.holds(pipeline(), other))
        writer.write([other])
        await until(lambda: followed.holds(other))
        with pytest.raises(TryLater):
            followed.table.find(PIPELINE_ID)
        writer.write([pipeline(), other])
        await until(lambda: followed.holds(pipeline(), other))


async def test_one_that_was_seen_draining_is_gone_for_good(
    writer: Writer, following: Following
) -> None:
    draining = pipeline(state=PipelineState.DRAINING)
    async with following as followed:
        writer.write([draining])
        await until(lambda: followed.holds(draining))
        writer.write([])
        await until(followed.holds)
        with pytest.raises(NotFound):
            followed.table.find(PIPELINE_ID)


async def test_what_cannot_be_read_leaves_the_last_good_in_force_until_it_is_mended(
    writer: Writer, following: Following
) -> None:
    async with following as followed:
        writer.spoil()
        await until(lambda: followed.broken)
        assert followed.holds(pipeline())
        writer.write([keyed("another-key")])
        await until(lambda: followed.holds(keyed("another-key")))
        await until(lambda: not followed.broken)


async def test_what_cannot_be_reached_leaves_the_last_good_in_force_until_it_is_back(
    writer: Writer, following: Following
) -> None:
    async with following as followed:
        await writer.take_away()
        assert followed.holds(pipeline())
        await writer.bring_back()
        writer.write([keyed("another-key")])
        await until(lambda: followed.holds(keyed("another-key")))
