"""What becomes of the SQLite journal when the disk or the process fails it."""

import asyncio
import os
import random
import shutil
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest

from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.journal import Limits, Outcome, SqliteJournal
from tests.data_plane.journal.child import child
from tests.data_plane.journal.crashing import failing_disk
from tests.data_plane.journal.stores import SHOP, Clock, SqliteFiles, entry

TINY = Limits(size=400 * 1024, ballast=64 * 1024)


@pytest.fixture
def files(tmp_path: Path) -> SqliteFiles:
    return SqliteFiles(tmp_path)


async def fill(journal: SqliteJournal) -> list[bytes]:
    """Accept until the file is full; return the bodies that are durable."""
    kept: list[bytes] = []
    while True:
        body = os.urandom(4_000)
        try:
            await journal.accept(entry(body))
        except JournalUnavailable as refusal:
            assert refusal.reason == "journal_full"  # noqa: PT017 - the loop ends with it
            return kept
        kept.append(body)


async def bodies(journal: SqliteJournal) -> list[bytes]:
    taken = await journal.take(SHOP, limit=10**6, max_bytes=2**30)
    return [pending.body for pending in taken]


async def healthy(journal: SqliteJournal) -> None:
    async with asyncio.timeout(5):
        while not journal.healthy:
            await journal.take(SHOP)  # once the writer has answered, it has looked again


async def test_a_full_journal_refuses_news_and_keeps_what_it_has(files: SqliteFiles) -> None:
    async with files.open(limits=TINY) as journal:
        kept = await fill(journal)
        assert len(kept) > 50
        assert not journal.healthy
        assert not await journal.accept(entry(kept[0]))  # what is durable is answered as ever
        with pytest.raises(JournalUnavailable):
            await journal.accept(entry())
        assert await bodies(journal) == kept
    assert files.path.stat().st_size <= TINY.size


async def test_a_full_journal_settles_with_its_ballast_and_then_accepts_again(
    files: SqliteFiles,
) -> None:
    ballast = files.path.with_name("journal.db.ballast")
    async with files.open(limits=TINY) as journal:
        for _ in range(3):
            assert ballast.stat().st_size == TINY.ballast
            await fill(journal)
            assert not ballast.exists()
            taken = await journal.take(SHOP)
            await journal.settle(SHOP, [Outcome(p.seq, "refused " * 40) for p in taken[:10]])
            await journal.settle(SHOP, [Outcome(p.seq) for p in taken[10:]])
            await healthy(journal)
            assert await journal.accept(entry())
            await journal.settle(SHOP, [Outcome(p.seq) for p in await journal.take(SHOP)])
    assert files.counted()[SHOP].dead == 30


async def test_a_full_journal_buries_without_freeing_anything(files: SqliteFiles) -> None:
    async with files.open(limits=TINY) as journal:
        kept = await fill(journal)
        assert await journal.bury_pending(SHOP, "integration_deleted") == len(kept)
        assert not journal.healthy
        assert journal.tallies() == files.counted()


async def test_a_full_journal_comes_up_full_and_settles(files: SqliteFiles) -> None:
    async with files.open(limits=TINY) as journal:
        kept = await fill(journal)
    async with files.open(limits=TINY) as journal:
        with pytest.raises(JournalUnavailable):
            await journal.accept(entry(os.urandom(40_000)))
        taken = await journal.take(SHOP)
        assert [pending.body for pending in taken] == kept
        await journal.settle(SHOP, [Outcome(pending.seq) for pending in taken])
        await healthy(journal)
        assert await journal.accept(entry(os.urandom(40_000)))


async def test_a_group_that_fills_the_journal_refuses_only_what_is_new(
    files: SqliteFiles,
) -> None:
    async with files.open(limits=TINY) as journal:
        first = entry(b"first")
        await journal.accept(first)
        (pending,) = await journal.take(SHOP)
        settled, again, *news = await asyncio.gather(
            journal.settle(SHOP, [Outcome(pending.seq, "refused")]),
            journal.accept(first),
            *[journal.accept(entry(os.urandom(4_000))) for _ in range(200)],
            return_exceptions=True,
        )
        assert (settled, again) == (None, False)
        assert {type(answer) for answer in news} == {JournalUnavailable}
        assert await bodies(journal) == []
        assert journal.tallies() == files.counted()


async def test_burying_may_be_what_fills_the_journal(files: SqliteFiles) -> None:
    async with files.open(limits=TINY) as journal:
        for _ in range(400):
            await journal.accept(entry())
        await fill(journal)
    async with files.open(limits=TINY) as journal:
        assert journal.healthy
        assert await journal.bury_pending(SHOP, "integration_deleted " * 3) > 400
        assert not journal.healthy
        assert journal.tallies() == files.counted()


async def test_a_failed_write_is_not_acknowledged_and_harms_nothing_else(
    files: SqliteFiles,
) -> None:
    async with files.open() as journal:
        await journal.accept(entry(b"before"))
        (before,) = await journal.take(SHOP)
        with failing_disk(files.path):
            for answer in await asyncio.gather(
                journal.accept(entry(b"lost")),
                journal.settle(SHOP, [Outcome(before.seq)]),
                return_exceptions=True,
            ):
                assert isinstance(answer, JournalUnavailable)
                assert answer.reason == "journal_failing"
            assert await bodies(journal) == [b"before"]
            assert journal.healthy  # one failure does not make it unready
        assert await journal.accept(entry(b"after"))
        assert await bodies(journal) == [b"before", b"after"]
        assert journal.tallies() == files.counted()


async def test_a_disk_that_keeps_failing_makes_it_unhealthy_until_it_works_again(
    files: SqliteFiles,
) -> None:
    async with files.open() as journal:
        await journal.accept(entry(b"before"))
        with failing_disk(files.path):
            for _ in range(3):
                with pytest.raises(JournalUnavailable):
                    await journal.accept(entry())
            assert not journal.healthy
        await healthy(journal)  # it looks by itself: nobody sends to what is not ready
        assert await journal.accept(entry(b"after"))
        assert await bodies(journal) == [b"before", b"after"]


@pytest.fixture
async def tiny_volume(tmp_path: Path) -> tuple[str, ...]:
    """What to put before a command so that it sees a volume of 16 MiB at ``tmp_path``."""
    script = 'mount -t tmpfs -o size=16m none "$1" && shift && exec "$@"'
    around = (shutil.which("unshare") or "", "-Urm", "sh", "-c", script, "sh", str(tmp_path))
    if not around[0] or not await succeeds(*around, "true"):
        pytest.skip("a small file system cannot be mounted here (user namespaces are off)")
    return around


async def test_a_full_volume_stops_accepting_only(
    files: SqliteFiles, tiny_volume: tuple[str, ...]
) -> None:
    async with child("fill-disk", files.path, *tiny_volume) as (process, out):
        first, second, *rest = (await out.read()).decode().splitlines()
        assert await process.wait() == 0
    assert first.startswith("full with 1")
    assert second.startswith("full with 1")
    assert rest == ["lost 0", "accepted True"]


async def test_a_volume_that_others_fill_is_come_up_on(
    files: SqliteFiles, tiny_volume: tuple[str, ...]
) -> None:
    async with child("crowd-out", files.path, *tiny_volume) as (process, out):
        said = (await out.read()).decode().splitlines()
        assert await process.wait() == 0
    assert said == ["pending 0", "accepted True"]


async def succeeds(*command: str) -> bool:
    process = await asyncio.create_subprocess_exec(*command, stdout=DEVNULL, stderr=DEVNULL)
    return await process.wait() == 0


async def test_nothing_that_was_acknowledged_is_lost_by_kill_9(
    files: SqliteFiles, clock: Clock
) -> None:
    chance = random.Random(7)
    said: dict[str, set[str]] = {"accepted": set(), "settled": set()}
    for _ in range(6):
        lines = chance.randint(50, 1500)
        async with child("work", files.path) as (process, out):
            for _ in range(lines):
                note(said, await out.readline())
            process.kill()  # SIGKILL
            for line in (await out.read()).splitlines(keepends=True):
                note(said, line)
        async with files.open(clock=clock) as journal:
            news = [await journal.accept(entry(body.encode())) for body in said["accepted"]]
            assert not any(news)
            pending = {body.decode() for body in await bodies(journal)}
            assert not pending & said["settled"]
            assert journal.tallies()[SHOP].delivered >= len(said["accepted"] - pending)
            assert journal.tallies() == files.counted()
    assert len(said["accepted"]) > 1000


def note(said: dict[str, set[str]], line: bytes) -> None:
    if line.endswith(b"\n"):
        what, body = line.decode().split()
        said[what].add(body)
