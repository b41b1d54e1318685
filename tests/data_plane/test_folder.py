"""A file of Pipelines: read, read again, and never trusted blindly."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import yaml

from saleor_segment_server.errors import DocumentUnreadable, StartError
from saleor_segment_server.pipelines import FileSource, Table, Tombstones
from saleor_segment_server.pipelines.folder import read_pipelines
from tests.data_plane.receiving import PIPELINE_ID, pipeline

EXAMPLE = """\
pipelines:
- id: 5bcfe642-0000-4000-8000-000000000001
  saleor:
    apiUrl: https://shop.example.com/graphql/
    appIds: ["QXBwOjU="]
  events: [ORDER_CREATED, ORDER_UPDATED, ORDER_CANCELLED, ORDER_FULLY_PAID, ORDER_REFUNDED]
  segment: {endpoint: https://api.segment.io, writeKey: a-secret-key}
  tracking: {}
  salt: 00112233445566778899001122334455
  since: 2026-11-24T00:00:00Z
  state: Active
"""


class Follower:
    """A file and the table that is kept in step with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.changed = asyncio.Event()
        self.table = Table(Tombstones(path.with_name("tombstones.json")))
        self.table.subscribe(self.changed.set)
        self.broken = asyncio.Event()
        self.mended = asyncio.Event()
        self.source = FileSource(path, self.table, broken=self.told, interval=0.01)

    def told(self, broken: bool) -> None:  # noqa: FBT001 - a gauge's set
        (self.broken if broken else self.mended).set()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        await self.source.load()
        stop = asyncio.Event()
        task = asyncio.create_task(self.source.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    async def next_change(self) -> None:
        self.changed.clear()
        await asyncio.wait_for(self.changed.wait(), 5)


@pytest.fixture
def follower(tmp_path: Path) -> Follower:
    path = tmp_path / "pipelines.yaml"
    path.write_text(EXAMPLE)
    return Follower(path)


def test_the_documented_form_is_read_and_digits_stay_text() -> None:
    (found,) = read_pipelines(EXAMPLE, "pipelines.yaml")
    assert found.id == PIPELINE_ID
    assert found.salt == "00112233445566778899001122334455"
    assert found.since is not None


def test_what_is_written_is_read_back() -> None:
    text = yaml.safe_dump({"pipelines": [pipeline().document()]})
    assert read_pipelines(text, "x") == (pipeline(),)


@pytest.mark.parametrize("digits", ["1", "7"])
def test_a_salt_of_digits_needs_no_quotes(digits: str) -> None:
    salt = digits * 32
    text = EXAMPLE.replace("00112233445566778899001122334455", salt)
    assert read_pipelines(text, "x")[0].salt == salt


async def test_a_changed_file_is_taken_up(follower: Follower) -> None:
    async with follower.following():
        follower.path.write_text(EXAMPLE.replace("a-secret-key", "another-key"))
        await follower.next_change()
        key = follower.table.find(PIPELINE_ID).segment.write_key
        assert key is not None
        assert key.get_secret_value() == "another-key"


async def test_a_file_that_is_replaced_under_the_same_size_and_time_is_taken_up(
    follower: Follower,
) -> None:
    async with follower.following():
        stat = follower.path.stat()
        fresh = follower.path.with_name("fresh")
        fresh.write_text(EXAMPLE.replace("a-secret-key", "b-secret-key"))
        os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        fresh.replace(follower.path)
        await follower.next_change()


async def test_a_write_within_one_tick_of_the_files_clock_is_taken_up(follower: Follower) -> None:
    def write(key: str) -> None:
        follower.path.write_text(EXAMPLE.replace("a-secret-key", key))
        os.utime(follower.path, ns=(10**18, 10**18))

    write("b-secret-key")
    await follower.source.load()
    write("c-secret-key")
    await follower.source.load()
    key = follower.table.find(PIPELINE_ID).segment.write_key
    assert key is not None
    assert key.get_secret_value() == "c-secret-key"


async def test_a_byte_order_mark_is_no_fault(follower: Follower) -> None:
    follower.path.write_text(EXAMPLE, encoding="utf-8-sig")
    await follower.source.load()
    assert follower.table.synced


@pytest.mark.parametrize("content", [None, b"pipelines: [", b"\xff\xfe", b"pipelines: [{}]"])
async def test_a_broken_file_leaves_the_last_good_table_until_it_is_mended(
    follower: Follower, content: bytes | None
) -> None:
    async with follower.following():
        if content is None:
            follower.path.unlink()
        else:
            follower.path.write_bytes(content)
        await asyncio.wait_for(follower.broken.wait(), 5)
        assert follower.table.find(PIPELINE_ID).id == PIPELINE_ID
        follower.mended.clear()
        follower.path.write_text(EXAMPLE)
        await asyncio.wait_for(follower.mended.wait(), 5)
        assert follower.source.broken is None


async def test_a_broken_file_at_the_start_ends_the_start(follower: Follower) -> None:
    follower.path.write_text("pipelines: [")
    with pytest.raises(StartError, match=r"pipelines\.yaml:1"):
        await follower.source.load()
    follower.path.unlink()
    with pytest.raises(StartError, match="cannot be read"):
        await follower.source.load()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("  state:", "  stat:", 11, "stat: is no field here: did you mean state?"),
        ("Active", "Asleep", 11, "state"),
        ("appIds", "appids", 5, "saleor.appids: is no field here: did you mean appIds?"),
        ("/graphql/", "/graphql", 4, "must end in /graphql/"),
        ("https://shop", "https://me:pw@shop", 4, "credentials"),
        ("a-secret-key", "' '", 7, "is empty"),
        ("writeKey: a-secret-key", "", 2, "writeKey is missing"),
        ("ORDER_CREATED", "ORDER_EATEN", 6, "events.0"),
        ("2026-11-24T00:00:00Z", "2026-11-24", 10, "since"),
        ("00112233445566778899001122334455", "0011", 9, "salt"),
        ("5bcfe642-", "5BCFE642-", 2, "id"),
    ],
)
def test_a_slip_is_named_with_its_line_and_no_value(
    old: str, new: str, line: int, says: str
) -> None:
    with pytest.raises(DocumentUnreadable) as caught:
        read_pipelines(EXAMPLE.replace(old, new, 1), "pipelines.yaml")
    assert str(caught.value).startswith(f"pipelines.yaml:{line}: ")
    assert says in str(caught.value)
    assert "a-secret-key" not in str(caught.value)


def test_two_pipelines_with_one_id_are_named_with_both_lines() -> None:
    twice = EXAMPLE + EXAMPLE.removeprefix("pipelines:\n")
    with pytest.raises(DocumentUnreadable, match=r"x:12: .* already given at x:2"):
        read_pipelines(twice, "x")


@pytest.mark.parametrize("text", ["", "---\n---\n", "a: 1\n---\nb: 2\n"])
def test_a_file_holds_one_document(text: str) -> None:
    with pytest.raises(DocumentUnreadable, match="documents instead of one"):
        read_pipelines(text, "x")
