"""The journal against a model of dictionaries, driven by Hypothesis."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from saleor_segment_server.delivery import Entry
from saleor_segment_server.errors import JournalUnavailable, QuotaReached
from saleor_segment_server.journal import LedgerChange, Limits, Outcome, Pending, Tally
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.journal.stores import OTHER, SHOP, STORES, Clock, entry

T = TypeVar("T")
QUOTA = 30_000
LIMITS = Limits(quota=QUOTA, size=80 * 1024, ballast=128 * 1024)
ROW = 300
"""Bytes a forgotten body's event may still take, generously."""
DAY = 86_400.0

pipelines = st.sampled_from([SHOP, OTHER])
whys = st.sampled_from([None, None, None, "too_old"])
sizes = st.integers(0, 6_000)
orders = st.sampled_from(["T3JkZXI6MQ==", "T3JkZXI6Mg=="])
rows = st.builds(
    LedgerRow,
    refunded=st.decimals(0, 1000, places=2),
    revision=st.integers(0, 9),
    seen=st.frozensets(st.text(max_size=4), max_size=3),
)


@dataclass
class Shop:
    """What the journal must hold of one pipeline."""

    pending: dict[bytes, Entry] = field(default_factory=dict)
    tried: dict[bytes, float] = field(default_factory=dict)
    dead: dict[bytes, tuple[Entry, str]] = field(default_factory=dict)
    settled: dict[bytes, float] = field(default_factory=dict)
    ledger: dict[str, LedgerRow] = field(default_factory=dict)
    delivered: int = 0
    last: float | None = None

    def rows(self) -> int:
        return len(self.pending) + len(self.dead) + len(self.settled)

    def tally(self) -> Tally:
        held = [*self.pending.values(), *(entry for entry, _ in self.dead.values())]
        oldest = next(iter(self.pending.values()), None)
        return Tally(
            pending=len(self.pending),
            dead=len(self.dead),
            delivered=self.delivered,
            stored_bytes=sum(len(entry.body) for entry in held),
            oldest_pending_at=oldest.received_at if oldest else None,
            last_delivered_at=self.last,
        )

    def add(self, new: Entry) -> None:
        if new.key in {*self.pending, *self.dead, *self.settled}:
            return
        self.tried.pop(new.key, None)  # of an event that was forgotten
        if new.why is None:
            self.pending[new.key] = new
        else:
            self.dead[new.key] = (new, new.why)


class JournalMachine(RuleBasedStateMachine):
    """Every rule does the same to the journal and to the model, and compares the answers."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = Clock()
        self.store = STORES[self.kind](Path(self.folder.name))
        self.model = {SHOP: Shop(), OTHER: Shop()}
        self.seen: list[Entry] = []
        self.newest = b""
        self.enter()

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

    # Rules

    @rule(pipeline=pipelines, size=sizes, why=whys)
    def accept(self, pipeline: str, size: int, why: str | None) -> None:
        self.offer([self.news(pipeline, size, why)])

    @initialize(pipeline=pipelines, count=st.integers(0, 12), size=sizes)
    def begin(self, pipeline: str, count: int, size: int) -> None:
        self.accept_at_once(pipeline, count, size)

    @rule(pipeline=pipelines, count=st.integers(2, 12), size=sizes)
    def accept_at_once(self, pipeline: str, count: int, size: int) -> None:
        self.offer([self.news(pipeline, size) for _ in range(count)])

    @precondition(lambda self: self.seen)
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from(self.seen))
        self.offer([again, again])

    def news(self, pipeline: str, size: int, why: str | None = None) -> Entry:
        body = b"%d:" % len(self.seen) + b"." * size
        self.seen.append(entry(body, pipeline=pipeline, at=self.clock.now, why=why))
        return self.seen[-1]

    def offer(self, entries: list[Entry]) -> None:
        async def together() -> list[bool | BaseException]:
            calls = [self.journal.accept(new) for new in entries]
            return await asyncio.gather(*calls, return_exceptions=True)

        for new, answer in zip(entries, self.run(together()), strict=True):
            shop = self.model[new.pipeline]
            known = new.key in {*shop.pending, *shop.dead, *shop.settled}
            event(type(answer).__name__)
            if isinstance(answer, QuotaReached):
                assert not known
                assert shop.tally().stored_bytes + len(new.body) > 0.8 * QUOTA
            elif isinstance(answer, JournalUnavailable):
                assert self.used() + sum(len(e.body) for e in entries) > LIMITS.size // 8
            else:
                assert answer is not known
                self.newest = self.newest if known else new.key
                shop.add(new)

    def used(self) -> int:
        shops = self.model.values()
        return sum(shop.tally().stored_bytes + shop.rows() * ROW for shop in shops)

    @rule(pipeline=pipelines, data=st.data())
    def settle(self, pipeline: str, data: st.DataObject) -> None:
        shop, taken = self.model[pipeline], self.taken(pipeline)
        ends: list[Outcome] = []
        for pending, key in zip(taken, list(shop.pending), strict=True):
            end = data.draw(st.sampled_from(["no", "gone", "gone", "changed", "dead"]))
            if end != "no":
                ends.append(self.end(shop, pending, key, end, data))
        self.clock.now += 1
        shop.last = self.clock.now if any(end.why is None for end in ends) else shop.last
        for _ in range(2):  # again: it must not matter
            self.run(self.journal.settle(pipeline, ends))

    def end(
        self, shop: Shop, pending: Pending, key: bytes, end: str, data: st.DataObject
    ) -> Outcome:
        ended = shop.pending.pop(key)
        assert ended.body == pending.body
        changes: tuple[LedgerChange, ...] = ()
        if end == "dead":
            shop.dead[key] = (ended, "refused")
            return Outcome(pending.seq, "refused")
        shop.settled[key] = self.clock.now + 1
        shop.delivered += 1
        if end == "changed":
            order, after = data.draw(orders), data.draw(rows)
            changes = (LedgerChange(order, shop.ledger.get(order), after),)
            shop.ledger[order] = after
        return Outcome(pending.seq, changes=changes)

    @rule(pipeline=pipelines, data=st.data())
    def try_to_send(self, pipeline: str, data: st.DataObject) -> None:
        shop, taken = self.model[pipeline], self.taken(pipeline)
        tried = {
            p.seq: k for p, k in zip(taken, shop.pending, strict=True) if data.draw(st.booleans())
        }
        self.run(self.journal.mark_tried(pipeline, list(tried)))
        for key in tried.values():
            shop.tried.setdefault(key, self.clock.now)

    @rule(pipeline=pipelines)
    def bury(self, pipeline: str) -> None:
        shop = self.model[pipeline]
        assert self.run(self.journal.bury_pending(pipeline, "deleted")) == len(shop.pending)
        shop.dead |= {key: (new, "deleted") for key, new in shop.pending.items()}
        shop.pending.clear()

    @rule(days=st.sampled_from([0.5, 3, 16.5]))
    def expire(self, days: float) -> None:
        self.clock.now += days * DAY
        self.run(self.journal.expire())
        for shop in self.model.values():
            for key, at in list(shop.settled.items()):
                # The newest of all stays, so that no seq comes twice.
                if at < self.clock.now - 16 * DAY and key != self.newest:
                    del shop.settled[key]

    @rule()
    def reopen(self) -> None:
        self.leave()
        for pipeline, tally in self.store.counted().items():
            assert uncounted(tally) == uncounted(self.model[pipeline].tally())
        self.enter()

    # What always holds

    @invariant()
    def what_is_pending_comes_in_order(self) -> None:
        for pipeline, shop in self.model.items():
            taken = self.taken(pipeline)
            assert [pending.seq for pending in taken] == sorted(p.seq for p in taken)
            assert [(p.event, p.body, p.received_at, p.first_try) for p in taken] == [
                (new.event, new.body, new.received_at, shop.tried.get(key))
                for key, new in shop.pending.items()
            ]

    @invariant()
    def dead_letters_are_kept_with_their_reason(self) -> None:
        for pipeline, shop in self.model.items():
            letters = self.run(self.journal.dead_letters(pipeline, limit=10**4))
            assert len(letters) == len(shop.dead)
            assert {(letter.received_at, letter.why) for letter in letters} == {
                (new.received_at, why) for new, why in shop.dead.values()
            }

    @invariant()
    def tallies_are_exact(self) -> None:
        tallies = self.journal.tallies()
        for pipeline, shop in self.model.items():
            assert tallies.get(pipeline, Tally()) == shop.tally()

    @invariant()
    def the_ledger_holds_the_last_of_each_order(self) -> None:
        for pipeline, shop in self.model.items():
            known = self.run(self.journal.ledger(pipeline, ["T3JkZXI6MQ==", "T3JkZXI6Mg=="]))
            assert known == shop.ledger


def uncounted(tally: Tally) -> Tally:
    """A tally without what cannot be counted any more once events have expired."""
    return replace(tally, delivered=0, last_delivered_at=None)


class SqliteMachine(JournalMachine):
    kind = "sqlite"


TestSqlite = pytest.mark.timeout(60)(SqliteMachine.TestCase)
TestSqlite.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
