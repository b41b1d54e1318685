"""The thread behind the SQLite journal: nobody waits for ever, whatever happens to it."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path

import pytest

from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.journal import Limits
from saleor_segment_server.journal.opening import opened
from saleor_segment_server.journal.store import Store
from saleor_segment_server.journal.writer import Writer
from tests.data_plane.journal.stores import SHOP, Clock, entry


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(partial(opened, tmp_path / "journal.db", limits=Limits(ballast=0), clock=Clock()))


def pending(store: Store) -> int:
    return store.tallies.of(SHOP).pending


def a_bug(store: Store) -> int:
    store.accept([entry()])
    raise ZeroDivisionError


def the_end(store: Store) -> int:
    sys.exit(f"with {pending(store)} pending")


async def within(call: Callable[[], Coroutine[None, None, None]]) -> None:
    await asyncio.wait_for(call(), 5)


async def test_a_bug_in_one_job_is_answered_and_leaves_nothing_behind(writer: Writer) -> None:
    await writer.start()
    with pytest.raises(JournalUnavailable):
        await asyncio.wait_for(writer.submit(a_bug, writes=True), 5)
    assert await writer.submit(pending, writes=False) == 0
    assert await writer.accept(entry())
    assert await writer.submit(pending, writes=False) == 1
    await within(writer.stop)


async def test_everybody_is_answered_when_the_thread_ends(writer: Writer) -> None:
    await writer.start()
    jobs = (pending, the_end, pending)
    waiting = [writer.submit(job, writes=True) for job in jobs]
    answers = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
    assert isinstance(answers[1], JournalUnavailable)
    assert isinstance(answers[2], JournalUnavailable)
    assert not writer.alive
    with pytest.raises(JournalUnavailable):
        writer.submit(pending, writes=True)
    await within(writer.stop)
    await writer.start()  # it let go of the files
    await within(writer.stop)
