"""What a server does with the files it finds: damaged ones, and those of other releases."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Letter, Serving, Stand

FIRST = Path(__file__).parents[1] / "fixtures" / "journal" / "first.sql"
PAUSED = {"key": None, "state": "Paused"}


def journal(stand: Stand) -> Path:
    return stand.folder / "data" / "journal.db"


async def refused(stand: Stand) -> str:
    """Start it, in vain: return the one line that it ends with."""
    async with stand.program() as program:
        assert await program.ended() == 2, program.text
    return program.lines[-1]


async def nothing_pending(serving: Serving) -> bool:
    return bool((await serving.report())["pending"] == 0)


def scribble_bodies(path: Path) -> None:
    """Overwrite a page that holds bodies: header and tables are as they were."""
    with closing(sqlite3.connect(path)) as db:
        (size,) = db.execute("PRAGMA page_size").fetchone()
        (page,) = db.execute("SELECT max(pageno) FROM dbstat WHERE name = 'body'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


def scribble_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database at all")


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


async def test_damage_met_while_running_stops_the_server_and_is_told_at_the_next_start(
    stand: Stand, signer: Signer
) -> None:
    stand.write(**PAUSED)
    async with stand.serving() as serving:
        for _ in range(40):
            assert await serving.order(signer) == 200
    scribble_bodies(journal(stand))
    async with stand.serving() as serving:  # the check at a start is a cheap one
        stand.write()
        assert (await serving.program.logged("journal_corrupt"))["remedy"] == "restart to check it"
        assert await serving.order(signer) == 503
        assert await serving.ready() == 503
        async with stand.client.get(f"{serving.private}/healthz") as answer:
            assert answer.status == 503  # Kubernetes restarts it
    assert stand.arrived() <= stand.acknowledged
    assert "is damaged" in (told := await refused(stand))
    (kept,) = journal(stand).parent.glob("journal.db.corrupt-*Z")
    assert kept.name in told


@pytest.mark.parametrize("damage", [scribble_header, cut_off])
async def test_a_damaged_file_is_kept_and_every_start_refused_until_somebody_decides(
    stand: Stand, signer: Signer, damage: Callable[[Path], None]
) -> None:
    stand.write(**PAUSED)
    async with stand.serving() as serving:
        for _ in range(40):
            assert await serving.order(signer) == 200
    sound = journal(stand).read_bytes()
    damage(journal(stand))
    damaged = journal(stand).read_bytes()
    for _ in range(2):
        told = await refused(stand)
        (kept,) = journal(stand).parent.glob("journal.db.corrupt-*Z")
        assert kept.name in told
        assert "recover" in told
    assert kept.read_bytes() == damaged
    journal(stand).write_bytes(sound)  # from a backup
    stand.write()
    async with stand.serving():
        await until(lambda: stand.arrived() == stand.acknowledged)


async def test_the_journal_of_the_first_version_is_taken_up_with_all_it_holds(
    stand: Stand, signer: Signer
) -> None:
    journal(stand).parent.mkdir()
    with closing(sqlite3.connect(journal(stand))) as db:
        db.executescript(FIRST.read_text(encoding="utf-8"))
        body = db.execute("SELECT body FROM body WHERE seq = 3").fetchone()[0]
    async with stand.serving() as serving:
        await until(lambda: nothing_pending(serving))
        assert stand.arrived() == {"old-3", "old-4"}
        report = await serving.report()
        assert (report["dead"], report["delivered"]) == (2, 3)
        assert await serving.deliver(Letter("old-3", body, signer.sign(body))) == 200
        assert 'outcome="duplicate"' in await serving.metrics()
        assert await serving.order(signer) == 200
        await until(lambda: nothing_pending(serving))
    assert stand.segment.inbox.totals()["arrived"] == 3


async def test_the_journal_of_a_newer_release_is_left_alone(stand: Stand) -> None:
    async with stand.serving():
        pass
    with closing(sqlite3.connect(journal(stand))) as db:
        db.execute("PRAGMA user_version = 99")
    before = journal(stand).read_bytes()
    assert "has schema 99 of a newer release" in await refused(stand)
    assert journal(stand).read_bytes() == before
