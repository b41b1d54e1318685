"""A process of its own around a journal: ``python -m tests.data_plane.journal.child TASK PATH``.

It says what it did on standard output, a line each, as soon as it is done.
"""

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

from saleor_segment_server.errors import JournalUnavailable, StartError
from saleor_segment_server.journal import Limits, Outcome, SqliteJournal
from saleor_segment_server.logs import configure
from tests.data_plane.journal.stores import SHOP, entry

_ROOT = Path(__file__).parents[3]
_BALLAST = Limits(ballast=2**20)


@asynccontextmanager
async def child(
    task: str, path: Path, *before: str
) -> AsyncIterator[tuple[Process, asyncio.StreamReader]]:
    """Run a task on the journal at ``path``, and kill it on the way out; yield what it says."""
    process = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-m", __name__, task, str(path), stdout=PIPE, cwd=_ROOT
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def say(*words: object) -> None:
    """Print in one write: a line that was begun is there in full."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, limits=_BALLAST, clock=time.time)


async def just_open(path: Path) -> None:
    """Say whether it could be opened."""
    try:
        async with open_journal(path):
            say("opened")
    except StartError as error:
        say(error)


async def work(path: Path) -> None:
    """Accept and settle for ever; say each body that is durable and each that is settled."""
    numbers = count(time.time_ns())

    async def accepting(journal: SqliteJournal) -> None:
        while True:
            body = str(next(numbers))
            await journal.accept(entry(body.encode()))
            say("accepted", body)

    async def settling(journal: SqliteJournal) -> None:
        while True:
            taken = await journal.take(SHOP, limit=7)
            await journal.settle(SHOP, [Outcome(pending.seq) for pending in taken])
            for pending in taken:
                say("settled", pending.body.decode())

    async with open_journal(path) as journal, asyncio.TaskGroup() as tasks:
        for _ in range(16):
            tasks.create_task(accepting(journal))
        tasks.create_task(settling(journal))


async def fill_disk(path: Path) -> None:
    """Accept until the volume is full; then settle; then accept again."""
    bodies = (os.urandom(8_000) for _ in count())
    accepted = 0

    async def until_full(journal: SqliteJournal) -> None:
        nonlocal accepted
        while journal.healthy:
            with suppress(JournalUnavailable):
                await journal.accept(entry(next(bodies)))
                accepted += 1
            await journal.take(SHOP, limit=1)  # it looks for room before it answers this
        say("full with", accepted)

    async with open_journal(path) as journal:
        await until_full(journal)
    async with open_journal(path) as journal:  # it comes up on a full disk too
        await until_full(journal)
        kept = 0
        while taken := await journal.take(SHOP):
            await journal.settle(SHOP, [Outcome(pending.seq) for pending in taken])
            kept += len(taken)
        say("lost", accepted - kept)
        while not journal.healthy:
            await journal.take(SHOP)
        say("accepted", await journal.accept(entry(next(bodies))))


async def crowd_out(path: Path) -> None:
    """Let another file take all the volume has left; come up and settle in spite of it."""
    async with open_journal(path) as journal:
        for number in range(100):
            await journal.accept(entry(b"%01000d" % number))
    other = path.parent / "other"
    with suppress(OSError), other.open("wb", buffering=0) as file:
        while file.write(bytes(512)):
            pass
    async with open_journal(path) as journal:
        await journal.settle(SHOP, [Outcome(pending.seq) for pending in await journal.take(SHOP)])
        say("pending", journal.tallies()[SHOP].pending)
        other.unlink()
        while not journal.healthy:
            await journal.take(SHOP)
        say("accepted", await journal.accept(entry()))


TASKS: dict[str, Callable[[Path], Coroutine[None, None, None]]] = {
    "open": just_open,
    "work": work,
    "fill-disk": fill_disk,
    "crowd-out": crowd_out,
}

if __name__ == "__main__":
    configure(level="error")  # to standard error, out of what is said
    asyncio.run(TASKS[sys.argv[1]](Path(sys.argv[2])))
