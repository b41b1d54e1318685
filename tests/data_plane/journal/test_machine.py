"""The journal against a model of dictionaries, driven by Hypothesis: crashes included."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from structlog.testing import capture_logs

from saleor_segment_server.delivery import Entry
from saleor_segment_server.errors import JournalUnavailable, QuotaReached
from saleor_segment_server.journal import Limits, Pending, Tally
from tests.data_plane.journal.crashing import crashed, failing_disk
from tests.data_plane.journal.model import ORDERS, Model, State
from tests.data_plane.journal.stores import OTHER, SHOP, STORES, Clock, SqliteFiles, entry

T = TypeVar("T")
QUOTA = 30_000
LIMITS = Limits(quota=QUOTA, size=80 * 1024, ballast=128 * 1024)
ROW = 300
"""Bytes a forgotten body's event may still take, generously."""
DAY = 86_400.0

pipelines = st.sampled_from([SHOP, OTHER])
whys = st.sampled_from([None, None, None, "too_old"])
sizes = st.integers(0, 6_000)
chances = st.none() | st.builds(Random, st.integers(0, 2**16))


class JournalMachine(RuleBasedStateMachine):
    """Every rule does the same to the journal and to the model, and compares the answers."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.lives = count()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.store = self.place()
        self.model = Model()
        self.seen: list[Entry] = []
        self.enter()

    def place(self) -> SqliteFiles:
        """A store in a folder of its own."""
        return STORES[self.kind](Path(self.folder.name) / str(next(self.lives)))

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asyncio.wait_for(call, 10))

    def enter(self) -> None:
        self.journal = self.store.open(limits=LIMITS, clock=self.clock)
        self.run(self.journal.__aenter__())

    def leave(self) -> None:
        self.run(self.journal.__aexit__(None, None, None))

    def teardown(self) -> None:
        self.leave()
        self.runner.close()
        self.folder.cleanup()

    def taken(self, pipeline: str) -> list[Pending]:
        return self.run(self.journal.take(pipeline, limit=10**4, max_bytes=2**30))

    def news(self, pipeline: str, size: int, why: str | None = None) -> Entry:
        body = b"%d:" % len(self.seen) + b"." * size
        self.seen.append(entry(body, pipeline=pipeline, at=self.clock.now, why=why))
        return self.seen[-1]

    # What is done. While writes fail no line can be written to a captured output either: logs are
    # kept in memory then.

    @rule(pipeline=pipelines, size=sizes, why=whys)
    def accept(self, pipeline: str, size: int, why: str | None) -> None:
        self.offer([self.news(pipeline, size, why)])

    @initialize(pipeline=pipelines, number=st.integers(0, 12), size=sizes)
    def begin(self, pipeline: str, number: int, size: int) -> None:
        self.accept_at_once(pipeline, number, size)

    @rule(pipeline=pipelines, number=st.integers(2, 12), size=sizes)
    def accept_at_once(self, pipeline: str, number: int, size: int) -> None:
        self.offer([self.news(pipeline, size) for _ in range(number)])

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(self.seen))
        self.offer([again, again])

    def offer(self, entries: list[Entry], *, failing: bool = False) -> list[Model]:
        """Have all of them accepted at once; return what the journal may hold meanwhile."""

        async def together() -> list[bool | BaseException]:
            calls = [self.journal.accept(new) for new in entries]
            return await asyncio.gather(*calls, return_exceptions=True)

        models = [self.model]
        for new, answer in zip(entries, self.run(together()), strict=True):
            shop = self.model.shops[new.pipeline]
            event(type(answer).__name__)
            if isinstance(answer, QuotaReached):
                assert not shop.knows(new.key)
                assert shop.tally().stored_bytes + len(new.body) > 0.8 * QUOTA
            elif isinstance(answer, JournalUnavailable):
                offered = sum(len(e.body) for e in entries)
                assert failing or self.model.used(ROW) + offered > LIMITS.size // 8
            else:
                assert answer is not shop.knows(new.key)
                self.model = self.model.with_(new) if answer else self.model
            models.append(self.model)
        return models

    @rule(pipeline=pipelines, data=st.data())
    def settle(self, pipeline: str, data: st.DataObject) -> None:
        self.end(pipeline, data)

    def end(self, pipeline: str, data: st.DataObject) -> list[Model]:
        before, taken = self.model, self.taken(pipeline)
        self.clock.now += 1
        after = before.copy()
        ends = after.shops[pipeline].end(taken, self.clock.now, data)
        for _ in range(2):  # again: it must not matter
            self.run(self.journal.settle(pipeline, ends))
        self.model = after
        return [before, after]

    @rule(pipeline=pipelines, data=st.data())
    def try_to_send(self, pipeline: str, data: st.DataObject) -> None:
        self.attempt(pipeline, data)

    def attempt(self, pipeline: str, data: st.DataObject) -> list[Model]:
        before, taken = self.model, self.taken(pipeline)
        after = before.copy()
        shop = after.shops[pipeline]
        pairs = zip(taken, shop.pending, strict=True)
        tried = {pending.seq: key for pending, key in pairs if data.draw(st.booleans())}
        self.run(self.journal.mark_tried(pipeline, list(tried)))
        for key in tried.values():
            shop.tried.setdefault(key, self.clock.now)
        self.model = after
        return [before, after]

    @rule(pipeline=pipelines)
    def bury(self, pipeline: str) -> None:
        self.give_up(pipeline)

    def give_up(self, pipeline: str) -> list[Model]:
        before, after = self.model, self.model.copy()
        buried = after.shops[pipeline].bury("deleted")
        assert self.run(self.journal.bury_pending(pipeline, "deleted")) == buried
        self.model = after
        return [before, after]

    @rule(days=st.sampled_from([0.5, 3, 16.5]))
    def expire(self, days: float) -> None:
        self.clock.now += days * DAY
        self.run(self.journal.expire())
        self.model = self.model.copy()
        self.model.forget(self.clock.now)

    # What befalls it

    @rule()
    def reopen(self) -> None:
        self.leave()
        for pipeline, tally in self.store.counted().items():
            assert uncounted(tally) == uncounted(self.model.shops[pipeline].tally())
        self.enter()

    @rule(
        what=st.sampled_from(["nothing", "accepting", "settling", "trying", "burying"]),
        pipeline=pipelines,
        chance=chances,
        data=st.data(),
    )
    def crash(self, what: str, pipeline: str, chance: Random | None, data: st.DataObject) -> None:
        """Die after something, or in the midst of it: then each transaction is there or not."""
        before = self.store.files()
        models = self.in_the_midst_of(what, pipeline, data)
        left = crashed(before, self.store.files(), chance)
        self.leave()
        self.store = self.place()
        left.write(self.store.path)
        self.enter()
        found = self.shown()
        fitting = [model for model in models if model.states() == found]
        assert fitting, (what, found, [model.states() for model in models])
        event(f"crash: {what}, {'all' if fitting[-1] is models[-1] else 'not all'} is there")
        self.model = fitting[-1]
        if chance is None:
            assert self.model is models[-1]  # what a process has written outlives it

    def in_the_midst_of(self, what: str, pipeline: str, data: st.DataObject) -> list[Model]:
        match what:
            case "accepting":
                number, size = data.draw(st.integers(1, 6)), data.draw(sizes)
                return self.offer([self.news(pipeline, size) for _ in range(number)])
            case "settling":
                return self.end(pipeline, data)
            case "trying":
                return self.attempt(pipeline, data)
            case "burying":
                return self.give_up(pipeline)
        return [self.model]

    @rule(pipeline=pipelines, number=st.integers(1, 6), size=sizes)
    def accept_while_the_disk_fails(self, pipeline: str, number: int, size: int) -> None:
        with capture_logs(), failing_disk(self.store.path):
            self.offer([self.news(pipeline, size) for _ in range(number)], failing=True)

    @rule(pipeline=pipelines, data=st.data())
    def settle_while_the_disk_fails(self, pipeline: str, data: st.DataObject) -> None:
        before = self.model
        try:
            with capture_logs(), failing_disk(self.store.path):
                self.settle(pipeline, data)
        except JournalUnavailable:
            event("settling failed")
            self.model = before

    # What always holds

    def shown(self) -> dict[str, State]:
        """All that the journal shows of every pipeline."""
        return {pipeline: self.shown_of(pipeline) for pipeline in self.model.shops}

    def shown_of(self, pipeline: str) -> State:
        taken = self.taken(pipeline)
        assert [pending.seq for pending in taken] == sorted(p.seq for p in taken)
        letters = self.run(self.journal.dead_letters(pipeline, limit=10**4))
        return State(
            tuple((p.event, p.body, p.received_at, p.first_try) for p in taken),
            tuple(sorted((letter.received_at, letter.why) for letter in letters)),
            self.journal.tallies().get(pipeline, Tally()),
            self.run(self.journal.ledger(pipeline, ORDERS)),
        )

    @invariant()
    def it_shows_what_it_should_hold(self) -> None:
        assert self.shown() == self.model.states()


def uncounted(tally: Tally) -> Tally:
    """A tally without what cannot be counted any more once events have expired."""
    return replace(tally, delivered=0, last_delivered_at=None)


class SqliteMachine(JournalMachine):
    kind = "sqlite"


TestSqlite = SqliteMachine.TestCase
TestSqlite.settings = settings(
    max_examples=settings().max_examples * 2 // 5,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
