"""How the SQLite journal comes up, and what it refuses to come up on."""

import asyncio
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from saleor_segment_server.errors import JournalUnavailable, StartError
from saleor_segment_server.journal import Outcome
from saleor_segment_server.journal.schema import open_database, upgrade
from tests.data_plane.journal.child import child
from tests.data_plane.journal.stores import SHOP, Clock, SqliteFiles, entry


@pytest.fixture
def files(tmp_path: Path) -> SqliteFiles:
    return SqliteFiles(tmp_path)


async def fill(files: SqliteFiles, count: int = 300) -> None:
    async with files.open() as journal:
        await asyncio.gather(*[journal.accept(entry(b"%0900d" % n)) for n in range(count)])


async def refused(files: SqliteFiles) -> str:
    with pytest.raises(StartError) as caught:
        async with files.open():
            pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def aside(files: SqliteFiles) -> list[str]:
    return sorted(p.name for p in files.path.parent.glob("*.corrupt-*"))


async def test_nobody_else_can_read_the_bodies(files: SqliteFiles) -> None:
    mask = os.umask(0)
    try:
        async with files.open() as journal:
            await journal.accept(entry())
            modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in files.path.parent.iterdir()}
    finally:
        os.umask(mask)
    assert {"journal.db", "journal.db-wal"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(files.path.parent.stat().st_mode) == 0o700


async def test_a_commit_waits_for_the_disk(files: SqliteFiles) -> None:
    """Power cannot be cut here, so the settings that stand for it are held."""
    await fill(files, 1)
    with closing(open_database(files.path, suspect=False)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


async def test_a_second_process_is_told_whose_the_folder_is(files: SqliteFiles) -> None:
    async with files.open():
        message = await refused(files)  # the same process fares no better
        async with child("open", files.path) as (_, out):
            said = await out.read()
    assert said.decode().strip() == message
    assert str(files.path.parent) in message
    assert "--data-dir" in message
    async with files.open() as journal:
        assert journal.healthy


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    message = await refused(SqliteFiles(tmp_path))
    assert message.startswith(f"the data folder {tmp_path / 'data'} is not writable")


async def test_a_newer_journal_is_left_alone(files: SqliteFiles) -> None:
    await fill(files, 1)
    with closing(sqlite3.connect(files.path)) as db:
        db.execute("PRAGMA user_version = 99")
    assert "of a newer release" in await refused(files)
    assert aside(files) == []


async def test_an_older_journal_without_a_way_up_is_left_alone(files: SqliteFiles) -> None:
    await fill(files, 1)
    with closing(sqlite3.connect(files.path)) as db:
        db.execute("PRAGMA user_version = 0")
    assert "has schema 0, which this release cannot bring to 1" in await refused(files)
    assert aside(files) == []


async def test_an_older_journal_is_brought_up_step_by_step_or_not_at_all(
    files: SqliteFiles,
) -> None:
    await fill(files, 1)
    steps = {
        1: "ALTER TABLE event ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0",
        2: "CREATE TABLE more (id); INSERT INTO nowhere VALUES (1)",
    }
    with closing(sqlite3.connect(files.path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            upgrade(db, files.path, to=3, steps=steps)
        assert db.execute("PRAGMA user_version").fetchone() == (2,)
        assert db.execute("SELECT epoch FROM event").fetchall() == [(0,)]
        assert db.execute("SELECT name FROM sqlite_master WHERE name = 'more'").fetchall() == []
        steps[2] = "CREATE TABLE more (id)"
        upgrade(db, files.path, to=3, steps=steps)
        assert db.execute("PRAGMA user_version").fetchone() == (3,)


async def test_events_of_a_kind_that_only_a_newer_release_knows_wait_for_it(
    files: SqliteFiles,
) -> None:
    async with files.open() as journal:
        for why in (None, None, "too_old", "too_old"):
            await journal.accept(entry(why=why))
    with closing(sqlite3.connect(files.path)) as db:
        db.execute("UPDATE event SET kind = 'ORDER_TELEPORTED' WHERE seq % 2")
        db.commit()
    async with files.open() as journal:
        assert [pending.seq for pending in await journal.take(SHOP)] == [2]
        assert [letter.seq for letter in await journal.dead_letters()] == [4]
        assert journal.tallies()[SHOP].pending == 2


async def test_another_programs_database_is_left_alone(files: SqliteFiles) -> None:
    files.path.parent.mkdir()
    with closing(sqlite3.connect(files.path)) as db:
        db.execute("CREATE TABLE theirs (id)")
    assert "is a database of another program" in await refused(files)
    assert aside(files) == []


def scribble_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database at all")


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


@pytest.mark.parametrize("damage", [scribble_header, cut_off, empty])
async def test_a_damaged_journal_is_set_aside_and_never_silently_replaced(
    files: SqliteFiles, damage: object
) -> None:
    await fill(files)
    damage(files.path)  # type: ignore[operator]  # one of the above
    found = files.path.read_bytes()
    message = await refused(files)
    (kept,) = aside(files)
    assert kept == "journal.db.corrupt-20261125T120000Z"
    assert f"was set aside as {kept}" in message
    assert "recover" in message
    assert (files.path.parent / kept).read_bytes() == found
    assert kept in await refused(files)  # a supervisor that starts it again changes nothing
    (files.path.parent / kept).unlink()
    async with files.open() as journal:
        assert await journal.take(SHOP) == []


async def test_a_restored_journal_is_used_though_the_damaged_one_is_kept(
    files: SqliteFiles,
) -> None:
    await fill(files, 3)
    backup = files.path.read_bytes()
    scribble_header(files.path)
    await refused(files)
    files.path.write_bytes(backup)
    async with files.open() as journal:
        assert len(await journal.take(SHOP)) == 3
    assert len(aside(files)) == 1


async def test_a_log_without_its_journal_is_not_begun_over(files: SqliteFiles) -> None:
    await fill(files, 1)
    files.path.rename(files.path.with_name("journal.db-wal"))
    assert "journal.db-wal is there" in await refused(files)


async def test_damage_met_while_running_stops_the_journal_and_is_found_at_the_next_start(
    files: SqliteFiles,
) -> None:
    await fill(files)
    with closing(sqlite3.connect(files.path)) as db:
        page = db.execute("SELECT max(pageno) FROM dbstat WHERE name = 'body'").fetchone()[0]
        size = db.execute("PRAGMA page_size").fetchone()[0]
    with files.path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    async with files.open() as journal:  # the check at the start is a cheap one
        assert journal.healthy
        with pytest.raises(JournalUnavailable) as caught:
            await journal.take(SHOP)
        assert caught.value.reason == "journal_corrupt"
        assert not journal.healthy
        for call in (journal.accept(entry()), journal.settle(SHOP, [Outcome(1)])):
            with pytest.raises(JournalUnavailable):
                await call
    assert "is damaged" in await refused(files)
    assert len(aside(files)) == 1


async def test_a_suspicion_that_proves_wrong_is_dropped(files: SqliteFiles, clock: Clock) -> None:
    await fill(files, 3)
    mark = files.path.with_name("journal.db.suspect")
    mark.touch()
    async with files.open(clock=clock) as journal:
        assert len(await journal.take(SHOP)) == 3
    assert not mark.exists()


async def test_it_can_be_left_and_entered_again(files: SqliteFiles) -> None:
    journal = files.open()
    for count in (1, 2):
        async with journal:
            await journal.accept(entry())
            assert len(await journal.take(SHOP)) == count


async def test_a_start_that_is_cancelled_lets_the_files_go(files: SqliteFiles) -> None:
    start = asyncio.ensure_future(files.open().__aenter__())
    await asyncio.sleep(0)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    async with files.open() as journal:
        assert journal.healthy
