"""What was accepted goes to Segment once, in order, whatever Segment says. All parts are real."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.delivery import Entry, accept_key
from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.forwarder import Forwarder
from saleor_segment_server.forwarder.taking import PROBE
from saleor_segment_server.journal import Limits, Outcome, Pending, SqliteJournal, Tally
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.pipelines import Table, Tombstones
from saleor_segment_server.segment import SegmentClient
from tests.data_plane.mapping.shop import RefundedOrder
from tests.data_plane.receiving import ISSUED_AT, NOW, Clock, pipeline
from tests.twins.segment import Fault, SegmentTwin

KEY = "a-write-key-the-twin-knows-0001"
NEW_KEY = "a-write-key-the-twin-knows-0002"
ID = "5bcfe642-0000-4000-8000-000000000001"
OTHER = "5bcfe642-0000-4000-8000-000000000002"


class Journal(SqliteJournal):
    """A journal whose calls fail as often as they are told to."""

    failing: dict[str, int]

    def _fail(self, call: str) -> None:
        if self.failing.get(call, 0):
            self.failing[call] -= 1
            raise JournalUnavailable("disk_full", "the disk is full")

    async def take(self, pipeline: str, **options: int) -> list[Pending]:
        self._fail("take")
        return await super().take(pipeline, **options)

    async def settle(self, pipeline: str, outcomes: Sequence[Outcome]) -> None:
        self._fail("settle")
        await super().settle(pipeline, outcomes)

    async def mark_tried(self, pipeline: str, seqs: Sequence[int]) -> None:
        self._fail("mark_tried")
        await super().mark_tried(pipeline, seqs)


@dataclass
class Road:
    """From the journal to Segment's twin."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    random: Callable[[], float] = lambda: 0.0
    grace: float = 5.0
    timeout: float = 5.0
    failing: dict[str, int] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self.twin = await stack.enter_async_context(SegmentTwin(keys=[KEY, NEW_KEY]))
            limits = Limits(ballast=0)
            journal = Journal(self.folder / "journal.db", limits=limits, clock=self.clock)
            journal.failing = self.failing
            self.journal = await stack.enter_async_context(journal)
            client = SegmentClient(clock=self.clock, timeout=self.timeout)
            self.client = await stack.enter_async_context(client)
            self.table = Table(Tombstones(self.folder / "tombstones.json"))
            self.metrics = Metrics()
            self.stop = asyncio.Event()
            self.task: asyncio.Task[None] | None = None
            stack.push_async_callback(self.end)
            self.stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stack.aclose()

    def start(self) -> None:
        self.forwarder = Forwarder(
            journal=self.journal,
            table=self.table,
            client=self.client,
            metrics=self.metrics,
            clock=self.clock,
            random=self.random,
            grace=self.grace,
        )
        self.stop.clear()
        self.task = asyncio.create_task(self.forwarder.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        if self.task is not None:
            await self.task

    def pipeline(self, **changes: Any) -> Pipeline:
        segment = {"endpoint": self.twin.url, "writeKey": KEY} | changes.pop("segment", {})
        return pipeline(segment=segment, **changes)

    async def use(self, *pipelines: Pipeline) -> None:
        await self.table.replace(pipelines)

    async def accept(
        self, *orders: bytes, to: str = ID, event: Event = Event.ORDER_CREATED
    ) -> None:
        entries = [
            Entry(accept_key(to, event, body), to, event, body, self.clock()) for body in orders
        ]
        assert all(await asyncio.gather(*map(self.journal.accept, entries)))
        if self.task is not None:
            self.forwarder.wake(to)

    def tally(self, of: str = ID) -> Tally:
        return self.journal.tallies().get(of, Tally())

    async def settled(self, count: int = 0, of: str = ID) -> None:
        """Wait until no more than so many are pending."""
        await eventually(lambda: self.tally(of).pending <= count)

    @property
    def rests(self) -> bool:
        """Whether nothing more will be sent by itself."""
        return self.tally().pending == 0 or self.forwarder.parked(ID) is not None

    async def parked(self, of: str = ID) -> str:
        await eventually(lambda: self.forwarder.parked(of) is not None)
        return str(self.forwarder.parked(of))

    async def noted(self) -> float:
        """Wait until the one pending event is noted as tried, and return since when."""
        async with asyncio.timeout(10):
            while True:
                (pending,) = await self.journal.take(ID)
                if pending.first_try is not None:
                    return pending.first_try

    async def dead(self) -> list[str]:
        return [letter.why for letter in reversed(await self.journal.dead_letters())]

    def orders(self) -> list[str]:
        """Return the orders that arrived, in the order they did."""
        return [m["properties"]["order_id"] for m in self.twin.inbox.messages()]

    def counted(self, sample: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"saleor_segment_{sample}", {"pipeline": ID})


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for is the subject's, not an event
            await asyncio.sleep(0.002)


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with Road(tmp_path) as road:
        await road.use(road.pipeline())
        yield road


def order(number: int, **fields: Any) -> bytes:
    event = {"__typename": "OrderCreated", "issuedAt": ISSUED_AT}
    return orjson.dumps(event | {"order": {"id": f"order-{number}", **fields}})


def orders(*numbers: int) -> list[bytes]:
    return [order(number) for number in numbers]


def names(*numbers: int) -> list[str]:
    return [f"order-{number}" for number in numbers]


# What is pending is sent


async def test_what_is_pending_at_the_start_is_sent_and_settled(road: Road) -> None:
    await road.accept(*orders(1, 2, 3))
    road.start()
    await road.settled()
    assert road.orders() == names(1, 2, 3)
    assert (road.tally().delivered, len(road.twin.seen)) == (3, 1)
    assert road.counted("messages_sent_total") == 3


async def test_what_is_accepted_later_is_sent_at_once(road: Road) -> None:
    road.start()
    for number in range(3):
        await road.accept(order(number))
        await road.twin.inbox.until(number + 1)
    await road.settled()
    assert road.orders() == names(0, 1, 2)


async def test_a_backlog_arrives_in_order_and_once(road: Road) -> None:
    await road.accept(*orders(*range(1300)))
    road.start()
    await road.settled()
    assert road.orders() == names(*range(1300))
    assert len(road.twin.seen) == 4  # a few first
    assert road.twin.inbox.totals()["deduplicated"] == 0


async def test_an_event_of_which_nothing_is_sent_is_settled(road: Road) -> None:
    nothing = orjson.dumps({"__typename": "OrderCreated", "issuedAt": ISSUED_AT, "order": None})
    await road.accept(nothing)
    road.start()
    await road.settled()
    assert (road.tally().delivered, len(road.twin.seen)) == (1, 0)


async def test_refunds_of_one_take_add_up(road: Road) -> None:
    refunded = RefundedOrder()
    for amount in ("10", "57.03"):
        refunded.refund_manually(amount)
        await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
    road.start()
    await road.settled()
    amounts = [message["properties"]["total"] for message in road.twin.inbox.messages()]
    assert amounts == [10, 57.03]


async def test_refunds_of_several_takes_add_up(road: Road) -> None:
    refunded = RefundedOrder()
    road.start()
    for count, amount in enumerate(("10", "57.03", "5"), 1):
        refunded.refund_manually(amount)
        await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
        await road.twin.inbox.until(count)
    amounts = [message["properties"]["total"] for message in road.twin.inbox.messages()]
    assert amounts == [10, 57.03, 5]


async def test_a_take_mapped_ahead_sees_the_ledger_of_the_one_on_its_way(road: Road) -> None:
    """The second refund lies in the second take, which is mapped while the first is sent."""
    refunded = RefundedOrder()
    refunded.refund_manually("10")
    await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
    await road.accept(*orders(*range(499)))
    refunded.refund_manually("20")
    await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
    road.start()
    await road.settled()
    refunds = [m for m in road.twin.inbox.messages() if "Refunded" in m["event"]]
    assert [message["properties"]["total"] for message in refunds] == [10, 20]


async def test_the_ledger_holds_wherever_a_body_has_the_orders_id(road: Road) -> None:
    refunded = RefundedOrder()
    road.start()
    for count, amount in enumerate(("10", "20", "30"), 1):
        refunded.refund_manually(amount)
        event = orjson.loads(refunded.body())
        event["order"]["id"] = event["order"].pop("id")  # the last of its fields now
        await road.accept(orjson.dumps(event), event=Event.ORDER_REFUNDED)
        await road.twin.inbox.until(count)
    amounts = [message["properties"]["total"] for message in road.twin.inbox.messages()]
    assert amounts == [10, 20, 30]


# What Segment answers


@pytest.mark.parametrize("status", [429, 503])
async def test_a_refusal_for_now_is_retried_until_it_succeeds(road: Road, status: int) -> None:
    road.twin.faults.add(Fault(status=status, times=3))
    await road.accept(order(1))
    road.start()
    await road.settled()
    assert road.orders() == names(1)
    counts = [seen.headers.get("X-Retry-Count") for seen in road.twin.seen]
    assert counts == [None, "1", "2", "3"]


async def test_only_an_attempt_without_a_clear_answer_is_noted_and_the_first_counts(
    road: Road,
) -> None:
    road.random = lambda: 1.0
    road.twin.faults.add(Fault(status=429), Fault(status=503, times=2))
    await road.accept(order(1))
    road.start()
    await eventually(lambda: len(road.twin.seen) == 1)
    (pending,) = await road.journal.take(ID)
    assert pending.first_try is None
    assert await road.noted() == NOW
    road.clock.now += 1
    await eventually(lambda: len(road.twin.seen) == 3)
    assert await road.noted() == NOW


async def test_why_segment_is_tried_again_is_told_until_it_answers(road: Road) -> None:
    road.random = lambda: 1.0
    road.twin.faults.add(Fault(status=503, times=2))
    await road.accept(order(1))
    road.start()
    await eventually(lambda: road.forwarder.waiting(ID) is not None)
    assert "503" in str(road.forwarder.waiting(ID))
    assert road.forwarder.parked(ID) is None
    await road.settled()
    assert road.forwarder.waiting(ID) is None


async def test_until_segment_answers_it_is_sent_a_few_events_at_a_time(road: Road) -> None:
    await road.accept(order(0))
    road.start()
    await road.settled()
    road.twin.faults.add(Fault(status=503, times=3))
    await road.accept(*orders(*range(1, 1300)))
    await road.settled()
    assert road.orders() == names(*range(1300))
    one, full, *probes, second, third, fourth = [seen.size for seen in road.twin.seen]
    assert len(probes) == 3
    assert max(probes) < 30 * one
    assert full > 10 * max(probes)
    assert min(second, third, fourth) > 10 * max(probes)


async def test_retry_after_is_obeyed(road: Road) -> None:
    road.twin.faults.add(Fault(status=429, retry_after=1))
    await road.accept(order(1))
    road.start()
    await road.settled()
    first, second = road.twin.seen
    assert second.at - first.at >= 1


async def test_a_batch_taken_behind_a_broken_answer_is_sent_again_and_not_doubled(
    road: Road,
) -> None:
    road.twin.faults.add(Fault("reset", accept=True), Fault("truncate", accept=True))
    await road.accept(*orders(1, 2))
    road.start()
    await road.settled()
    assert road.orders() == names(1, 2)
    assert road.twin.inbox.totals()["deduplicated"] == 4


async def test_what_is_delivered_a_day_after_an_unclear_attempt_is_counted(road: Road) -> None:
    road.random = lambda: 1.0
    road.twin.faults.add(Fault(status=503, accept=True))
    await road.accept(order(1))
    road.start()
    await road.noted()
    road.clock.now += 24 * 3600 + 1
    await road.settled()
    assert road.counted("resent_late_total") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 302])
async def test_a_final_refusal_parks_and_keeps_everything(road: Road, status: int) -> None:
    road.twin.faults.add(Fault(status=status))
    await road.accept(*orders(1, 2))
    road.start()
    assert str(status) in await road.parked()
    await road.accept(order(3))
    assert (road.tally().pending, len(road.twin.seen)) == (3, 1)


async def test_a_parked_pipeline_goes_on_when_its_key_changes(road: Road) -> None:
    road.twin.faults.add(Fault(status=401))
    await road.accept(order(1))
    road.start()
    await road.parked()
    await road.use(road.pipeline(segment={"writeKey": NEW_KEY}))
    await road.settled()
    assert road.forwarder.parked(ID) is None
    assert [message["writeKey"] for message in road.twin.inbox.messages()] == [NEW_KEY]


async def test_a_parked_pipeline_goes_on_after_a_restart(road: Road) -> None:
    road.twin.faults.add(Fault(status=401))
    await road.accept(order(1))
    road.start()
    await road.parked()
    await road.end()
    road.start()
    await road.settled()
    assert road.orders() == names(1)


async def test_a_refusal_that_names_the_key_parks_without_taking_the_batch_apart(
    road: Road,
) -> None:
    refusal = '{"success": false, "message": "An invalid write key was provided"}'
    road.twin.faults.add(Fault(status=400, body=refusal))
    await road.accept(*orders(*range(50)))
    road.start()
    assert "write key" in await road.parked()
    assert (len(road.twin.seen), road.tally().pending) == (1, 50)


async def test_one_refused_message_is_buried_and_its_siblings_arrive(road: Road) -> None:
    road.twin.faults.add(Fault(status=400, times=None, containing="order-13"))
    await road.accept(*orders(*range(40)))
    road.start()
    await road.settled()
    assert road.orders() == [name for name in names(*range(40)) if name != "order-13"]
    assert await road.dead() == ["Segment refuses it with status 400"]
    assert road.twin.inbox.totals()["deduplicated"] == 0


async def test_a_buried_refund_counts_in_the_ledger(road: Road) -> None:
    refunded = RefundedOrder()
    refunded.refund_manually("10")
    await road.accept(order(1))
    await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
    road.twin.faults.add(Fault(status=400, times=None, containing="Refunded"))
    road.start()
    await road.settled()
    road.twin.faults.clear()
    refunded.refund_manually("20")
    await road.accept(refunded.body(), event=Event.ORDER_REFUNDED)
    await road.settled()
    assert len(await road.dead()) == 1
    assert [m["properties"].get("total") for m in road.twin.inbox.messages()] == [None, 20]


async def test_a_failure_while_a_batch_is_taken_apart_neither_loses_nor_doubles(
    road: Road,
) -> None:
    """The first request is refused for its poison, the parts then meet all kinds of trouble."""
    poison = Fault(status=400, containing="order-3", times=1)
    trouble = [Fault(status=503), Fault("reset"), Fault(status=429), poison, Fault(status=500)]
    rest = Fault(status=400, containing="order-3", times=None)
    road.twin.faults.add(poison, *trouble, rest)
    await road.accept(*orders(1, 2, 3, 4, 5))
    road.start()
    await road.settled()
    assert road.orders() == names(1, 2, 4, 5)
    assert len(await road.dead()) == 1
    assert road.twin.inbox.totals()["deduplicated"] == 0


async def test_a_message_refused_alone_waits_for_siblings_before_it_is_buried(road: Road) -> None:
    road.twin.faults.add(Fault(status=400, times=None, containing="order-1"))
    await road.accept(order(1))
    road.start()
    assert "every message" in await road.parked()
    assert (road.tally().pending, await road.dead()) == (1, [])
    await road.accept(order(2))
    await road.settled()
    assert road.orders() == names(2)
    assert await road.dead() == ["Segment refuses it with status 400"]
    assert road.forwarder.parked(ID) is None


async def test_when_every_message_is_refused_nothing_is_buried(road: Road) -> None:
    road.twin.faults.add(Fault(status=400, times=None))
    road.start()
    await road.accept(order(1))
    await eventually(lambda: len(road.twin.seen) == 1)
    await road.accept(order(2))
    await eventually(lambda: len(road.twin.seen) == 1 + 3)
    await road.accept(*orders(3, 4))
    await eventually(lambda: len(road.twin.seen) == 1 + 3 + 7)
    assert "every message" in await road.parked()
    assert (road.tally().pending, await road.dead()) == (4, [])


async def test_a_full_batch_of_which_every_message_is_refused_parks_for_good(road: Road) -> None:
    road.twin.faults.add(Fault(status=400, times=None))
    await road.accept(*[order(number, status="x" * 30_000) for number in range(40)])
    road.start()
    await road.parked()
    requests = len(road.twin.seen)
    await road.accept(order(99))
    assert await road.parked()
    assert (len(road.twin.seen), road.tally().pending) == (requests, 41)


async def test_a_size_refused_with_413_is_remembered(road: Road) -> None:
    await road.accept(*[order(number, status="x" * 20_000) for number in range(100)])
    road.twin.faults.add(Fault(status=413))
    road.start()
    await road.settled()
    assert road.orders() == names(*range(100))
    first, *later = [seen.size for seen in road.twin.seen]
    assert first > 460_000
    assert max(later) < 0.55 * first


async def test_a_clock_that_differs_is_told_once(road: Road) -> None:
    with capture_logs() as logs:
        road.start()
        for number in range(2):
            await road.accept(order(number))
            await road.settled()
    (skew,) = [entry for entry in logs if entry["event"] == "clock_skew"]
    assert skew["pipeline"] == ID
    assert skew["ahead_seconds"] != 0


# What cannot be mapped


async def test_an_event_that_cannot_be_mapped_is_buried_with_the_reason(road: Road) -> None:
    await road.accept(order(1), b'{"order": {}}', order(2))
    road.start()
    await road.settled()
    assert road.orders() == names(1, 2)
    assert await road.dead() == ["unmappable: order.id is missing"]
    assert road.forwarder.parked(ID) is None


async def test_when_many_cannot_be_mapped_the_pipeline_parks_and_buries_none(road: Road) -> None:
    broken = [orjson.dumps({"order": {"number": number}}) for number in range(5)]
    await road.accept(*orders(*range(10)), *broken)
    road.start()
    assert "mapped" in await road.parked()
    assert (road.tally().pending, len(road.twin.seen), await road.dead()) == (15, 0, [])


async def test_once_newer_events_can_be_mapped_the_bad_ones_are_buried_and_it_goes_on(
    road: Road,
) -> None:
    broken = [orjson.dumps({"order": {"number": number}}) for number in range(20)]
    await road.accept(*broken)
    road.start()
    await road.parked()
    await road.accept(*orders(*range(4)))
    assert (road.tally().pending, await road.dead()) == (24, [])
    await road.accept(order(4))
    await eventually(lambda: road.tally().pending == 0)
    assert road.orders() == names(*range(5))
    assert len(await road.dead()) == 20
    assert road.forwarder.parked(ID) is None


async def test_while_newer_events_cannot_be_mapped_either_none_is_buried(road: Road) -> None:
    broken = [orjson.dumps({"order": {"number": number}}) for number in range(30)]
    await road.accept(*broken[:10])
    road.start()
    await road.parked()
    await road.accept(*broken[10:])
    await road.parked()
    assert (road.tally().pending, await road.dead()) == (30, [])


async def test_single_bad_events_of_a_quiet_shop_are_buried_until_they_are_many(
    road: Road,
) -> None:
    road.start()
    for number in range(5):
        await road.accept(orjson.dumps({"order": {"number": number}}))
        await eventually(lambda: road.tally().pending == 0 or bool(road.forwarder.parked(ID)))
    assert "mapped" in await road.parked()
    assert (road.tally().pending, len(await road.dead())) == (1, 4)


# The journal


async def test_after_a_failed_settle_only_the_settle_is_retried(road: Road) -> None:
    road.failing["settle"] = 5
    await road.accept(order(1))
    road.start()
    await road.settled()
    assert (len(road.twin.seen), road.failing["settle"]) == (1, 0)


async def test_a_journal_that_cannot_be_read_for_a_while_stops_nothing_for_good(
    road: Road,
) -> None:
    road.failing["take"] = 3
    await road.accept(order(1))
    road.start()
    await road.settled()
    assert road.orders() == names(1)


async def test_an_attempt_that_cannot_be_noted_is_retried_all_the_same(road: Road) -> None:
    road.failing["mark_tried"] = 1
    road.twin.faults.add(Fault(status=503, times=2))
    await road.accept(order(1))
    road.start()
    await road.settled()
    assert road.failing["mark_tried"] == 0
    assert road.orders() == names(1)


# Pipelines come, change and go


async def test_a_key_rotated_during_a_long_wait_is_used_at_once(road: Road) -> None:
    road.twin.faults.add(Fault(status=429, retry_after=300))
    await road.accept(order(1))
    road.start()
    await eventually(lambda: len(road.twin.seen) == 1)
    await road.use(road.pipeline(segment={"writeKey": NEW_KEY}))
    await road.settled()
    assert [message["writeKey"] for message in road.twin.inbox.messages()] == [NEW_KEY]


async def test_a_new_key_is_used_from_the_next_batch_and_nothing_is_lost_or_doubled(
    road: Road,
) -> None:
    await road.accept(*orders(*range(1200)))
    road.twin.faults.add(Fault(delay=0.2))
    road.start()
    await eventually(lambda: not road.twin.faults.waiting)
    await road.use(road.pipeline(segment={"writeKey": NEW_KEY}))
    await road.settled()
    keys = [message["writeKey"] for message in road.twin.inbox.messages()]
    assert keys == [KEY] * PROBE + [NEW_KEY] * (1200 - PROBE)
    assert road.orders() == names(*range(1200))


async def test_a_paused_pipeline_keeps_its_events_until_it_is_active(road: Road) -> None:
    await road.use(road.pipeline(state="Paused"))
    await road.accept(order(1))
    road.start()
    await road.use(road.pipeline(state="Paused", events=["ORDER_CREATED"]))
    await road.accept(order(2))
    assert (road.tally().pending, len(road.twin.seen)) == (2, 0)
    await road.use(road.pipeline(state="Draining"))
    await road.settled()
    assert road.orders() == names(1, 2)


async def test_pipelines_are_added_and_removed_while_it_runs(road: Road) -> None:
    road.start()
    await road.accept(order(2), to=OTHER)
    await road.use(road.pipeline(), road.pipeline(id=OTHER))
    await road.settled(of=OTHER)
    await road.use(road.pipeline())
    await road.accept(order(3), to=OTHER)
    await road.accept(order(1))
    await road.settled()
    assert road.orders() == names(2, 1)
    assert road.tally(OTHER).pending == 1
    assert road.forwarder.parked(OTHER) is None


async def test_a_pipeline_that_comes_back_while_its_batch_is_in_flight_goes_on(
    road: Road,
) -> None:
    road.twin.faults.add(Fault(delay=0.1))
    await road.accept(order(1))
    road.start()
    await eventually(lambda: not road.twin.faults.waiting)
    await road.use()
    await road.use(road.pipeline())
    await road.accept(order(2))
    await road.settled()
    assert road.orders() == names(1, 2)
    assert road.twin.inbox.totals()["deduplicated"] == 0


async def test_pipelines_whose_endpoint_hangs_delay_no_other(road: Road) -> None:
    async with SegmentTwin(keys=[KEY]) as hanging:
        hanging.faults.add(Fault("hang", times=None))
        ids = [f"5bcfe642-0000-4000-8000-{number:012}" for number in range(10, 30)]
        segment = {"endpoint": hanging.url}
        await road.use(road.pipeline(), *[road.pipeline(id=one, segment=segment) for one in ids])
        for one in ids:
            await road.accept(order(1), to=one)
        road.grace = 0.1
        road.start()
        await eventually(lambda: hanging.asked >= 8)
        await road.accept(order(2))
        await road.settled()
        assert road.orders() == names(2)
        await road.end()


async def test_a_parked_pipeline_delays_no_other(road: Road) -> None:
    await road.use(road.pipeline(), road.pipeline(id=OTHER))
    road.twin.faults.add(Fault(status=401, containing="order-1"))
    await road.accept(order(1))
    await road.accept(order(2), to=OTHER)
    road.start()
    await road.settled(of=OTHER)
    await road.parked()
    assert road.orders() == names(2)


# The end


async def test_the_batch_in_flight_is_finished_and_no_other_begun(road: Road) -> None:
    await road.accept(*orders(*range(600)))
    road.twin.faults.add(Fault(delay=0.2))
    road.start()
    await eventually(lambda: not road.twin.faults.waiting)
    await road.end()
    assert (road.tally().pending, len(road.twin.inbox)) == (600 - PROBE, PROBE)


async def test_a_batch_that_hangs_is_abandoned_and_sent_after_the_next_start(
    tmp_path: Path,
) -> None:
    async with Road(tmp_path, grace=0.1) as road:
        await road.use(road.pipeline())
        await road.accept(order(1))
        road.twin.faults.add(Fault("hang", accept=True))
        road.start()
        await road.twin.inbox.until(1)
        await road.end()
        assert road.tally().pending == 1
        road.start()
        await road.settled()
        assert road.orders() == names(1)
        assert road.twin.inbox.totals()["deduplicated"] == 1


@pytest.mark.parametrize("fault", [Fault(status=429, retry_after=300), Fault(status=401)])
async def test_the_end_waits_for_no_backoff(road: Road, fault: Fault) -> None:
    road.twin.faults.add(fault)
    await road.accept(order(1))
    road.start()
    await eventually(lambda: len(road.twin.seen) == 1)
    async with asyncio.timeout(1):
        await road.end()
    assert road.tally().pending == 1


async def test_a_cancelled_forwarder_leaves_no_worker_behind(road: Road) -> None:
    road.twin.faults.add(Fault("hang"))
    await road.accept(order(1))
    road.start()
    await eventually(lambda: not road.twin.faults.waiting)
    assert road.task is not None
    road.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await road.task
    road.task = None
    assert [t for t in asyncio.all_tasks() if t.get_name().startswith("forward ")] == []


async def test_nothing_that_is_logged_holds_a_key_or_a_body(road: Road) -> None:
    road.twin.faults.add(Fault(status=500, body="write key secret"), Fault("reset"))
    road.twin.faults.add(Fault(status=400, containing="order-1"), Fault(status=401))
    await road.accept(order(1, userEmail="buyer@example.net"), b'{"order": {"id": 5}}')
    with capture_logs() as logs:
        road.start()
        await road.parked()
    said = str(logs)
    assert logs
    assert not [secret for secret in (KEY, "buyer@", "secret", "order-1") if secret in said]


# Whatever happens

TROUBLE = st.one_of(
    st.sampled_from([408, 410, 429, 460, 500, 503]).map(lambda status: Fault(status=status)),
    st.builds(Fault, st.sampled_from(["reset", "truncate"]), accept=st.booleans()),
    st.builds(Fault, status=st.just(503), accept=st.just(True)),
    st.sampled_from([400, 413]).map(lambda status: Fault(status=status)),
    st.just(Fault()),
)


@given(
    trouble=st.lists(TROUBLE, max_size=12),
    poison=st.sets(st.integers(0, 11), max_size=4),
    rotate_after=st.none() | st.integers(1, 6),
)
@settings(max_examples=40, deadline=None)
async def test_every_event_arrives_once_in_order_or_is_a_dead_letter(
    trouble: list[Fault], poison: set[int], rotate_after: int | None
) -> None:
    refused = [Fault(status=400, times=None, containing=f"order-{n}-") for n in poison]
    with tempfile.TemporaryDirectory() as folder:
        async with Road(Path(folder)) as road:
            await road.use(road.pipeline())
            road.twin.faults.add(*trouble, *refused)
            await road.accept(*[order(n, status=f"order-{n}-") for n in range(12)])
            road.start()
            if rotate_after:
                await eventually(lambda: len(road.twin.seen) >= rotate_after or road.rests)
                await road.use(road.pipeline(segment={"writeKey": NEW_KEY}))
            await eventually(lambda: road.rests)
            pending = [f"order-{event.seq - 1}" for event in await road.journal.take(ID)]
            dead = [f"order-{letter.seq - 1}" for letter in await road.journal.dead_letters()]
            arrived = road.orders()
            assert {*arrived, *dead, *pending} == {*names(*range(12))}
            assert arrived == [name for name in names(*range(12)) if name in arrived]
            assert not pending or road.forwarder.parked(ID)
            assert not dead or poison or any(fault.status in {400, 413} for fault in trouble)
