"""A window ends its events in order, each once all its messages are through."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

from saleor_segment_server.contract import Event
from saleor_segment_server.delivery import Entry, accept_key
from saleor_segment_server.forwarder.pace import Pace, Slots, set_within
from saleor_segment_server.forwarder.space import Space
from saleor_segment_server.forwarder.taking import take_window
from saleor_segment_server.forwarder.window import Decoded, Ended, Window, decode
from saleor_segment_server.journal import Limits, Pending, SqliteJournal
from saleor_segment_server.mapping import LedgerKeys, OrderEvent
from tests.data_plane.mapping.shop import RefundedOrder
from tests.data_plane.receiving import NOW, PIPELINE_ID, Clock, body, pipeline


def pending(seq: int, event: Event, data: bytes, first_try: float | None = None) -> Pending:
    return Pending(seq, event, data, NOW, first_try)


def created(seq: int, **order: object) -> Pending:
    return pending(seq, Event.ORDER_CREATED, body(order={"id": f"order-{seq}", **order}))


def refunded(seq: int, *amounts: str) -> Pending:
    order = RefundedOrder()
    for amount in amounts:
        order.refund(amount)
    return pending(seq, Event.ORDER_REFUNDED, order.body())


def window(*events: Pending) -> Window:
    opened = Window(pipeline(), {})
    for event in events:
        opened.add(event, decode(event, opened.pipeline))
    return opened


def seqs(ended: list[Ended]) -> list[int]:
    return [one.outcome.seq for one in ended]


def test_an_event_ends_with_the_last_of_its_messages() -> None:
    opened = window(created(1), refunded(2, "10", "20"), created(3))
    assert [len(item.messages) for item in opened.items] == [1, 2, 1]
    assert seqs(opened.finish(0, {})) == []
    assert seqs(opened.finish(2, {})) == [1]
    assert seqs(opened.finish(2, {})) == []
    assert opened.left == 2
    assert seqs(opened.finish(4, {})) == [2, 3]


def test_an_event_without_messages_ends_when_those_before_it_have() -> None:
    opened = window(refunded(1, "10"), refunded(2, "10"), created(3), refunded(4, "10"))
    assert [len(item.messages) for item in opened.items] == [1, 0, 1, 0]
    assert seqs(opened.finish(0, {})) == []
    assert seqs(opened.finish(1, {})) == [1, 2]
    assert seqs(opened.finish(2, {})) == [3, 4]


def test_an_event_of_two_batches_is_buried_for_what_the_first_refused() -> None:
    opened = window(refunded(1, "10", "20"), created(2))
    assert opened.finish(1, {0: "refused"}) == []
    first, second = opened.finish(3, {})
    assert (first.why, second.why) == ("refused", None)
    (change,) = first.outcome.changes
    assert change.before is None
    assert change.after is not None
    assert change.after.refunded == 30


def test_only_events_with_messages_in_a_part_are_noted_as_tried_and_only_once() -> None:
    opened = window(created(1), refunded(2, "10", "20"), created(3))
    opened.add(pending(4, Event.ORDER_CREATED, body(order={"id": "o"}), first_try=5.0), "broken")
    tried = pending(5, Event.ORDER_CREATED, body(order={"id": "o"}), first_try=5.0)
    opened.add(tried, decode(tried, opened.pipeline))
    assert opened.untried(range(2, 4)) == [2, 3]
    assert opened.untried(range(5)) == [1, 2, 3]


def test_a_mapping_that_fails_unforeseen_tells_where_but_quotes_nothing() -> None:
    class Broken(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise KeyError("secret")

    opened = Window(pipeline(), {})
    event = OrderEvent(Event.ORDER_CREATED, b"{}", None, Broken(id="order-1"))
    opened.add(created(1), Decoded(event, LedgerKeys()))
    (ended,) = opened.finish(0, {})
    assert ended.item.unmappable == ended.why
    assert str(ended.why).startswith("mapping failed: KeyError at test_window.py:")
    assert "secret" not in str(ended.why)


async def test_the_loop_has_its_turn_while_a_large_take_is_mapped(tmp_path: Path) -> None:
    clock = Clock()
    async with SqliteJournal(tmp_path / "j.db", limits=Limits(ballast=0), clock=clock) as journal:
        bodies = [created(number).body for number in range(500)]
        await asyncio.gather(*(journal.accept(entry(data)) for data in bodies))
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        opened = await take_window(journal, pipeline(), space=Space())
        counting.cancel()
    assert opened is not None
    assert (len(opened.messages), turns >= 500 / 25) == (500, True)


def entry(data: bytes) -> Entry:
    event = Event.ORDER_CREATED
    return Entry(accept_key(PIPELINE_ID, event, data), PIPELINE_ID, event, data, NOW)


def test_without_a_rate_nothing_waits() -> None:
    pace = Pace(None, clock=Clock())
    assert [pace.delay(500) for _ in range(3)] == [0, 0, 0]


def test_a_rate_spaces_batches_by_their_messages_and_saves_nothing_up() -> None:
    clock = Clock()
    pace = Pace(100, clock=clock)
    assert [pace.delay(50), pace.delay(200), pace.delay(1)] == [0, 0.5, 2.5]
    clock.now += 60
    assert [pace.delay(100), pace.delay(1)] == [0, 1]


A, B = "https://a.example", "https://b.example"


async def test_slots_are_counted_for_each_endpoint() -> None:
    slots = Slots(1, patience=60)
    async with slots.at(A), slots.at(B):
        assert not await had(slots, A)
    assert await had(slots, A)


async def test_a_late_request_gives_its_slot_back_and_only_once() -> None:
    slots = Slots(1, patience=0.02)
    for _ in range(3):  # given back twice, the next two would be in together at once
        async with slots.at(A) as first, slots.at(A):
            assert first.late


async def test_who_was_late_waits_behind_none_who_was_not() -> None:
    slots = Slots(1, patience=60)
    async with slots.at(A, late=True):
        assert await had(slots, A)
        assert not await had(slots, A, late=True)


async def had(slots: Slots, endpoint: str, *, seconds: float = 0.05, late: bool = False) -> bool:
    """Tell whether a slot can be had within so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds), slots.at(endpoint, late=late):
            return True
    return False


async def test_a_wait_ends_with_its_time_or_its_event() -> None:
    event = asyncio.Event()
    assert not await set_within(event, 0)
    assert not await set_within(event, 0.01)
    event.set()
    assert await set_within(event, 300)
