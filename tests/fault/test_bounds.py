"""Bounds: one shop's quota is no other's, and nothing grows with events, uploads or time."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import median

import pytest

from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.journal import Limits, Outcome, SqliteJournal
from tests.bench.processes import resident
from tests.control_plane.standalone.stand import free_port
from tests.data_plane.journal.stores import SHOP, SqliteFiles, entry
from tests.data_plane.receiving import PIPELINE_ID
from tests.fault.backlogs import backlog
from tests.fault.flow import flow
from tests.fault.idling import idle
from tests.fault.quotas import QUOTA, SICK, hanging, shops
from tests.fault.uploads import upload
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import KEY, Serving, Stand
from tests.twins.segment import SegmentTwin

pytestmark = pytest.mark.timeout(300)  # much to do for a machine that has much else to do

_LATE = 2.0
"""Seconds; a delivery that waits for another shop's Segment waits for half a minute."""


async def test_a_shop_that_has_filled_its_quota_keeps_no_other_from_anything(
    stand: Stand, signer: Signer
) -> None:
    port = free_port()
    async with shops(stand, signer, port) as side_by_side:
        async with hanging(port):
            assert await side_by_side.fill(lambda: side_by_side.order(SICK)) > 20
            assert set(await side_by_side.serve_the_well(20)) == {200}
            assert median(side_by_side.seconds) < _LATE
            assert await side_by_side.order(SICK) == 503
        kept = (await side_by_side.server.reports())[SICK]["pending"]
        assert kept == len(side_by_side.orders(SICK))
        async with SegmentTwin(keys=[KEY], port=port) as well_again:
            await well_again.inbox.until(kept)
            await until(lambda: side_by_side.drained(SICK))
            assert await side_by_side.order(SICK) == 200
            got = [m["properties"]["order_id"] for m in await well_again.inbox.until(kept + 1)]
            assert sorted(got) == sorted(side_by_side.orders(SICK))


async def test_dead_letters_count_towards_the_quota_of_their_shop_alone(
    stand: Stand, signer: Signer
) -> None:
    async with shops(stand, signer, free_port()) as side_by_side:
        dead = await side_by_side.fill(side_by_side.unwanted)
        assert await side_by_side.order(SICK) == 503
        assert set(await side_by_side.serve_the_well(5)) == {200}
        report = (await side_by_side.server.reports())[SICK]
        assert (report["dead"], report["pending"]) == (dead, 0)
        assert f'stored_bytes{{pipeline="{SICK}"}}' in await side_by_side.server.metrics()
    journal = stand.folder / "data" / "journal.db"
    assert journal.stat().st_size < 3 * QUOTA


async def test_large_uploads_together_take_no_more_memory_than_is_set(
    stand: Stand, signer: Signer
) -> None:
    async with stand.serving("--body-memory", "16Mi") as server:
        assert await server.order(signer) == 200
        before = resident(server.program.process.pid)
        uploads = await upload(server, signer, count=40, size=4 * 2**20)
        assert await server.order(signer, padding=50_000) == 200
        assert resident(server.program.process.pid) - before < 80 * 2**20
        assert f'outcome="bodies_full",pipeline="{PIPELINE_ID}"' in await server.metrics()
        for each in uploads:
            each.end()
        await until(lambda: taken(server, signer), seconds=30)


async def taken(server: Serving, signer: Signer) -> bool:
    """Tell whether a body that is counted is taken."""
    return await server.order(signer, padding=500_000) == 200


def test_memory_and_files_do_not_grow_with_the_events_that_went_through(tmp_path: Path) -> None:
    seen = flow(tmp_path, deliveries=300, pipelines=12, warm_up=4)
    assert (seen.arrived, seen.wrong) == (seen.events, ())
    assert seen.growth < 3
    assert seen.most.log < 32
    assert seen.most.journal < 8


def test_a_backlog_is_drained_in_little_memory_and_its_room_is_used_again(tmp_path: Path) -> None:
    seen = backlog(tmp_path, events=5_000)
    assert (seen.arrived, seen.wrong) == (seen.events, ())
    assert seen.bounded


def test_many_shops_that_drain_at_once_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    seen = backlog(tmp_path, events=24_000, shops=80)
    assert (seen.arrived, seen.wrong) == (seen.events, ())
    assert seen.bounded


async def pass_through(journal: SqliteJournal, megabytes: int) -> None:
    """Accept and settle so much."""
    for _ in range(megabytes):
        assert await journal.accept(entry(os.urandom(2**20)))
        await settle_all(journal)


async def settle_all(journal: SqliteJournal) -> None:
    await journal.settle(SHOP, [Outcome(each.seq) for each in await journal.take(SHOP)])


async def test_who_else_reads_the_journal_cannot_make_its_log_eat_the_volume(
    tmp_path: Path,
) -> None:
    files, log = SqliteFiles(tmp_path), tmp_path / "data" / "journal.db-wal"
    async with files.open(limits=Limits(size=8 * 2**20, ballast=2**20)) as journal:
        await pass_through(journal, 3)
        assert log.stat().st_size < 32 * 2**20
        with closing(sqlite3.connect(files.path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM event").fetchone()
            with pytest.raises(JournalUnavailable):
                await pass_through(journal, 50)
            assert not journal.healthy
            await settle_all(journal)
            assert log.stat().st_size < (8 + 32 + 3) * 2**20
        await until(lambda: journal.healthy)
        await pass_through(journal, 2)
        assert log.stat().st_size < 32 * 2**20


async def test_idle_hours_leave_no_task_file_thread_or_memory_behind(tmp_path: Path) -> None:
    seen = await idle(tmp_path, hours=0.1, resync=20)
    assert seen.leaked == {}
    assert seen.heap_growth < 2**18, seen.grown
    assert seen.marks[-1].orders == len(seen.marks)
