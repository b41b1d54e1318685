"""A large backlog that a server finds at its start: drained in little memory, its room used again.

The events are of several Pipelines, so that each stays below the usual quota.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import uvloop

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.journal import Limits, SqliteJournal
from tests.bench.fill import AT_ONCE, entries
from tests.bench.subjects import segment, server
from tests.fault.flow import (
    GROWTH,
    LOG,
    Look,
    Watch,
    account,
    growth,
    look,
    memory,
    settle,
    sources,
)
from tests.fault.parts import Verdict
from tests.signing import Signer

_MOST = 200.0
"""MB of memory that a server may take."""
_REUSE = 1.05
"""The file after a fifth of the events came anew, against what it was when it was full."""


@dataclass(frozen=True)
class Backlog:
    """What was seen while it drained."""

    events: int
    seconds: float
    arrived: int
    wrong: tuple[str, ...]
    """What is not as it must be: doubled, dropped, dead."""
    looks: list[Look]
    full: float
    """MB of the file before."""
    refilled: float
    """MB of the file once a fifth of the events came anew."""

    @property
    def growth(self) -> float:
        """MB by which memory grew once it was warm."""
        return growth([each.resident for each in self.looks])

    @property
    def most(self) -> Look:
        """The most of each."""
        return Look.most(self.looks)

    @property
    def bounded(self) -> bool:
        """Whether all arrived once and the files stayed within their bounds."""
        return (
            not self.wrong
            and self.arrived == self.events
            and self.most.resident <= _MOST
            and max(self.most.journal, self.refilled) <= self.full * _REUSE
            and self.most.log <= LOG
        )


def backlog(folder: Path, *, events: int, shops: int = 4, every: float = 0.05) -> Backlog:
    """Fill a journal with events of so many shops, and have a server drain it."""
    data = folder / "data"
    with segment(folder) as twin:
        held = sources(Signer.new(), twin.url, shops)
        uvloop.run(fill(data, held, events // shops))
        full = look(None, data).journal
        with server(folder, *held, data=data) as subject:
            began = time.monotonic()
            with Watch(subject.pid, data, every) as watch:
                settle(subject)
            seconds = time.monotonic() - began
            arrived, wrong = account(twin, subject)
    uvloop.run(fill(data, held, events // shops // 5))
    refilled = look(None, data).journal
    return Backlog(events, seconds, arrived, wrong, watch.looks, full, refilled)


async def fill(data: Path, held: Sequence[Pipeline], count: int) -> None:
    """Accept as many deliveries for each Pipeline, as a receiver would."""
    async with SqliteJournal(data / "journal.db", limits=Limits(), clock=time.time) as journal:
        for each in held:
            waiting = entries(each, count)
            while group := list(islice(waiting, AT_ONCE)):
                await asyncio.gather(*map(journal.accept, group))


async def soak(folder: Path) -> Verdict:
    """Drain a million."""
    seen = await asyncio.to_thread(backlog, folder, events=1_000_000, every=0.25)
    figures = (
        f"{seen.events:,} waited, {seen.arrived:,} arrived",
        *seen.wrong,
        f"{seen.events / seen.seconds:,.0f}/s",
        memory(seen.looks),
        f"journal: {seen.full:,.0f} MB when full, {seen.refilled:,.0f} MB with a fifth anew",
        f"log: {seen.most.log:.0f} MB at most",
    )
    return Verdict(seen.bounded and seen.growth <= GROWTH, figures)
