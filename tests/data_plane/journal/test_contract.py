"""What any journal promises, whatever it stores in."""

import asyncio
from collections.abc import Iterable
from decimal import Decimal

import pytest
from blockbuster import blockbuster_ctx

from saleor_segment_server.contract import Event
from saleor_segment_server.errors import JournalUnavailable, QuotaReached
from saleor_segment_server.journal import LedgerChange, Limits, Outcome, SqliteJournal, Tally
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.journal.stores import NOON, OTHER, SHOP, Clock, SqliteFiles, entry

DAY = 86_400
TEN = LedgerRow(Decimal("10.50"), 1, frozenset({"VHJhbnM6MQ=="}))


async def seqs(journal: SqliteJournal, pipeline: str = SHOP) -> list[int]:
    return [pending.seq for pending in await journal.take(pipeline)]


async def stored(journal: SqliteJournal, count: int, pipeline: str = SHOP) -> list[int]:
    before = await seqs(journal, pipeline)
    await asyncio.gather(*[journal.accept(entry(pipeline=pipeline)) for _ in range(count)])
    return [seq for seq in await seqs(journal, pipeline) if seq not in before]


async def settle(journal: SqliteJournal, which: Iterable[int], **outcome: object) -> None:
    await journal.settle(SHOP, [Outcome(seq, **outcome) for seq in which])  # type: ignore[arg-type]  # as given


async def test_an_event_comes_back_as_it_went_in(journal: SqliteJournal) -> None:
    sent = entry(b"\x00\xff {}\n", event=Event.ORDER_REFUNDED, at=NOON + 0.125)
    assert await journal.accept(sent)
    (pending,) = await journal.take(SHOP)
    assert (pending.event, pending.body) == (sent.event, sent.body)
    assert (pending.received_at, pending.first_try) == (NOON + 0.125, None)


async def test_a_retry_is_told_from_news_whatever_became_of_the_event(
    store: SqliteFiles, clock: Clock
) -> None:
    pending, settled, dead = entry(), entry(), entry(why="too_old")
    async with store.open(clock=clock) as journal:
        assert await journal.accept(settled)
        await settle(journal, await seqs(journal))
        assert await journal.accept(pending)
        assert await journal.accept(dead)
        assert [await journal.accept(e) for e in (pending, settled, dead)] == [False] * 3
    async with store.open(clock=clock) as journal:
        assert [await journal.accept(e) for e in (pending, settled, dead)] == [False] * 3


async def test_of_equal_deliveries_at_once_one_is_news(journal: SqliteJournal) -> None:
    same = entry()
    news = await asyncio.gather(*[journal.accept(same) for _ in range(50)])
    assert news.count(True) == 1
    assert journal.tallies()[SHOP].pending == 1


async def test_news_is_told_from_what_is_known_within_a_group(journal: SqliteJournal) -> None:
    known, one, another = entry(b"known"), entry(b"one"), entry(b"another", why="too_old")
    assert await journal.accept(known)
    group = (known, one, one, known, another, one)
    news = await asyncio.gather(*[journal.accept(each) for each in group])
    assert news == [False, True, False, False, True, False]
    assert [pending.body for pending in await journal.take(SHOP)] == [b"known", b"one"]
    tally = journal.tallies()[SHOP]
    assert (tally.pending, tally.dead, tally.stored_bytes) == (2, 1, 15)


async def test_events_are_taken_in_order_of_acceptance(journal: SqliteJournal) -> None:
    bodies = [str(number).encode() for number in range(200)]
    await asyncio.gather(*[journal.accept(entry(body)) for body in bodies])
    assert [pending.body for pending in await journal.take(SHOP)] == bodies


async def test_a_take_starts_after_a_seq_and_ends_at_a_limit(journal: SqliteJournal) -> None:
    all_of_them = await stored(journal, 10)
    taken = await journal.take(SHOP, after=all_of_them[3], limit=4)
    assert [pending.seq for pending in taken] == all_of_them[4:8]


@pytest.mark.parametrize(("max_bytes", "taken"), [(1, 1), (100, 1), (299, 2), (300, 3), (900, 5)])
async def test_a_take_is_bounded_by_bytes_but_never_empty(
    journal: SqliteJournal, max_bytes: int, taken: int
) -> None:
    for number in range(5):
        await journal.accept(entry(b"%0100d" % number))
    assert len(await journal.take(SHOP, max_bytes=max_bytes)) == taken


async def test_a_take_changes_nothing(journal: SqliteJournal) -> None:
    await stored(journal, 3)
    assert await journal.take(SHOP) == await journal.take(SHOP)


async def test_pipelines_do_not_see_each_other(journal: SqliteJournal) -> None:
    mine, others = await stored(journal, 2), await stored(journal, 3, OTHER)
    await settle(journal, others)
    assert await seqs(journal) == mine
    assert await seqs(journal, OTHER) == others
    assert await journal.take("5bcfe642-0000-4000-8000-000000000003") == []


async def test_an_unwanted_event_is_a_dead_letter_at_once(journal: SqliteJournal) -> None:
    assert await journal.accept(entry(b"12345", why="event_not_subscribed", at=NOON - 1))
    assert await journal.take(SHOP) == []
    (letter,) = await journal.dead_letters(SHOP)
    assert (letter.pipeline, letter.event) == (SHOP, Event.ORDER_CREATED)
    assert (letter.why, letter.received_at) == ("event_not_subscribed", NOON - 1)
    assert journal.tallies()[SHOP] == Tally(dead=1, stored_bytes=5)


async def test_settled_events_are_gone_and_counted(journal: SqliteJournal, clock: Clock) -> None:
    for number, at in enumerate((NOON, NOON + 1, NOON + 2)):
        await journal.accept(entry(b"%07d" % number, at=at))
    clock.now += 60
    first, second, third = await seqs(journal)
    await settle(journal, [first, second])
    assert await seqs(journal) == [third]
    assert journal.tallies()[SHOP] == Tally(
        pending=1,
        delivered=2,
        stored_bytes=7,
        oldest_pending_at=NOON + 2,
        last_delivered_at=NOON + 60,
    )


async def test_a_buried_event_keeps_its_place_and_its_reason(journal: SqliteJournal) -> None:
    first, second, third = await stored(journal, 3)
    await journal.settle(
        SHOP, [Outcome(first, "refused"), Outcome(second), Outcome(third, "unmappable")]
    )
    assert await seqs(journal) == []
    letters = [(letter.seq, letter.why) for letter in await journal.dead_letters()]
    assert letters == [(third, "unmappable"), (first, "refused")]


async def test_dead_letters_are_listed_newest_first_of_one_pipeline_or_all(
    journal: SqliteJournal,
) -> None:
    for number in range(6):
        await journal.accept(entry(pipeline=(SHOP, OTHER)[number % 2], at=number, why="too_old"))
    assert [letter.received_at for letter in await journal.dead_letters()] == [5, 4, 3, 2, 1, 0]
    assert [letter.received_at for letter in await journal.dead_letters(OTHER)] == [5, 3, 1]
    assert [letter.received_at for letter in await journal.dead_letters(limit=2)] == [5, 4]


async def test_settling_again_changes_nothing(journal: SqliteJournal, clock: Clock) -> None:
    first, second = await stored(journal, 2)
    once = [Outcome(first, changes=(LedgerChange("order", None, TEN),)), Outcome(second, "refused")]
    await journal.settle(SHOP, once)
    later = LedgerRow(Decimal(99), 2)
    await settle(journal, await stored(journal, 1), changes=(LedgerChange("order", TEN, later),))
    before = journal.tallies()
    clock.now += 60
    await journal.settle(SHOP, once)
    await settle(journal, [first, second, 10**9], why="again")
    assert journal.tallies() == before
    assert await journal.ledger(SHOP, ["order"]) == {"order": later}
    assert [letter.why for letter in await journal.dead_letters()] == ["refused"]


async def test_what_is_known_of_an_order_is_committed_with_its_event(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(clock=clock) as journal:
        (seq,) = await stored(journal, 1)
        await settle(journal, [seq], changes=(LedgerChange("T3JkZXI6MQ==", None, TEN),))
    async with store.open(clock=clock) as journal:
        assert await journal.ledger(SHOP, {"T3JkZXI6MQ==", "unknown"}) == {"T3JkZXI6MQ==": TEN}
        assert await journal.ledger(OTHER, ["T3JkZXI6MQ=="]) == {}
        assert await journal.ledger(SHOP, []) == {}


async def test_changes_of_one_order_in_one_settling_follow_each_other(
    journal: SqliteJournal,
) -> None:
    rows = [LedgerRow(Decimal(amount), amount) for amount in range(4)]
    await journal.settle(
        SHOP,
        [
            Outcome(seq, changes=(LedgerChange("order", before, after),))
            for seq, before, after in zip(await stored(journal, 3), rows, rows[1:], strict=False)
        ],
    )
    assert await journal.ledger(SHOP, ["order"]) == {"order": rows[3]}


async def test_the_first_try_is_noted_once(journal: SqliteJournal, clock: Clock) -> None:
    first, second, third = await stored(journal, 3)
    await journal.mark_tried(SHOP, [first, second])
    clock.now += 60
    await journal.mark_tried(SHOP, [second, third])
    await journal.mark_tried(OTHER, [first])
    tries = [pending.first_try for pending in await journal.take(SHOP)]
    assert tries == [NOON, NOON, NOON + 60]


async def test_burying_takes_all_that_is_pending_of_one_pipeline(journal: SqliteJournal) -> None:
    await asyncio.gather(*[journal.accept(entry()) for _ in range(2_345)])
    others = await stored(journal, 2, OTHER)
    assert await journal.bury_pending(SHOP, "integration_deleted") == 2_345
    assert await journal.bury_pending(SHOP, "integration_deleted") == 0
    assert await seqs(journal, OTHER) == others
    tally = journal.tallies()[SHOP]
    assert (tally.pending, tally.dead, tally.oldest_pending_at) == (0, 2_345, None)
    assert {letter.why for letter in await journal.dead_letters(SHOP)} == {"integration_deleted"}


async def test_a_pipeline_is_refused_at_four_fifths_of_its_quota(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(limits=Limits(quota=1000, ballast=0), clock=clock) as journal:
        kept, dead = entry(b"a" * 500), entry(b"b" * 300, why="too_old")
        assert await journal.accept(kept)
        assert await journal.accept(dead)  # dead letters take room too
        with pytest.raises(QuotaReached):
            await journal.accept(entry(b"c"))
        assert [await journal.accept(e) for e in (kept, dead)] == [False, False]
        assert await journal.accept(entry(b"d" * 800, pipeline=OTHER))
        assert journal.healthy
        await settle(journal, await seqs(journal))
        assert await journal.accept(entry(b"c" * 500))


async def test_one_refused_by_its_quota_does_not_harm_its_group(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(limits=Limits(quota=1000, ballast=0), clock=clock) as journal:
        results = await asyncio.gather(
            *[
                journal.accept(entry(b"%0300d" % number, pipeline=(SHOP, OTHER)[number % 2]))
                for number in range(8)
            ],
            return_exceptions=True,
        )
        assert results[:4] == [True] * 4
        assert [type(result) for result in results[4:]] == [QuotaReached] * 4
        assert [tally.pending for tally in journal.tallies().values()] == [2, 2]


async def test_at_a_quotas_edge_a_group_is_judged_one_by_one(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(limits=Limits(quota=1000, ballast=0), clock=clock) as journal:
        known = entry(b"a" * 500)
        assert await journal.accept(known)
        group = (entry(b"b" * 400), known, entry(b"c" * 300), entry(b"d"))
        results = await asyncio.gather(
            *[journal.accept(each) for each in group], return_exceptions=True
        )
        assert [type(result) for result in results] == [QuotaReached, bool, bool, QuotaReached]
        assert results[1:3] == [False, True]


async def test_tallies_equal_what_is_stored(store: SqliteFiles, clock: Clock) -> None:
    async with store.open(clock=clock) as journal:
        first, second, *_ = await stored(journal, 20)
        await stored(journal, 5, OTHER)
        await journal.accept(entry(why="too_old"))
        clock.now += 60
        await journal.settle(SHOP, [Outcome(first), Outcome(second, "refused")])
        await journal.bury_pending(OTHER, "integration_deleted")
        kept = journal.tallies()
        assert store.counted() == kept
    async with store.open(clock=clock) as journal:
        assert journal.tallies() == kept


async def test_accept_keys_of_settled_events_are_forgotten_after_sixteen_days(
    journal: SqliteJournal, clock: Clock
) -> None:
    settled, late, dead, pending = entry(), entry(), entry(why="too_old"), entry()
    await journal.accept(settled)
    await settle(journal, await seqs(journal))
    for other in (dead, pending, late):
        await journal.accept(other)
    clock.now += DAY
    await settle(journal, (await seqs(journal))[1:])
    clock.now += 15 * DAY - 1
    await journal.expire()
    assert [await journal.accept(e) for e in (settled, late)] == [False, False]
    clock.now += 2
    await journal.expire()
    assert [await journal.accept(e) for e in (dead, pending, late)] == [False] * 3
    assert await journal.accept(settled)


async def test_pending_events_and_dead_letters_never_expire(
    journal: SqliteJournal, clock: Clock
) -> None:
    pending, dead = entry(), entry(why="too_old")
    await journal.accept(pending)
    await journal.accept(dead)
    clock.now += 1000 * DAY
    await journal.expire()
    assert len(await journal.take(SHOP)) == len(await journal.dead_letters()) == 1
    assert not await journal.accept(pending)
    assert not await journal.accept(dead)


async def test_the_ledger_is_forgotten_400_days_after_its_last_change(
    journal: SqliteJournal, clock: Clock
) -> None:
    for order in ("stays", "goes", "stays"):
        await settle(journal, await stored(journal, 1), changes=(LedgerChange(order, None, TEN),))
        clock.now += DAY
    clock.now += 398 * DAY + 1
    await journal.expire()
    assert set(await journal.ledger(SHOP, ["stays", "goes"])) == {"stays"}


async def test_much_expires_at_once_and_no_seq_comes_twice(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(clock=clock) as journal:
        await asyncio.gather(*[journal.accept(entry()) for _ in range(2_100)])
        last = 0
        while taken := await seqs(journal):
            await settle(journal, taken)
            last = taken[-1]
        clock.now += 17 * DAY
        await journal.expire()
        delivered = journal.tallies()[SHOP].delivered
    assert delivered == 2_100  # counted since the journal was made
    assert store.counted()[SHOP].delivered == 1
    async with store.open(clock=clock) as journal:
        (seq,) = await stored(journal, 1)
        assert seq > last


async def test_closing_does_and_answers_all_that_is_queued(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(clock=clock) as journal:
        waiting = [asyncio.ensure_future(journal.accept(entry())) for _ in range(700)]
        await asyncio.sleep(0)
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [True] * 700
    assert store.counted()[SHOP].pending == 700


async def test_a_closed_journal_refuses(store: SqliteFiles, clock: Clock) -> None:
    journal = store.open(clock=clock)
    with pytest.raises(JournalUnavailable):
        await journal.accept(entry())
    async with journal:
        assert journal.healthy
    assert not journal.healthy
    for refused in (journal.accept(entry()), journal.take(SHOP), journal.settle(SHOP, [])):
        with pytest.raises(JournalUnavailable):
            await refused


async def test_a_cancelled_call_leaves_the_rest_alone(journal: SqliteJournal) -> None:
    calls = [asyncio.ensure_future(journal.accept(entry(str(n).encode()))) for n in range(100)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    assert results[1::2] == [True] * 50
    kept = {pending.body for pending in await journal.take(SHOP)}
    assert {str(n).encode() for n in range(1, 100, 2)} <= kept
    assert journal.tallies()[SHOP].pending == len(kept)


async def test_no_call_blocks_the_loop(store: SqliteFiles, clock: Clock) -> None:
    with blockbuster_ctx():
        async with store.open(clock=clock) as journal:
            ours = await stored(journal, 100)
            await journal.mark_tried(SHOP, ours)
            await settle(journal, ours[:50], changes=(LedgerChange("order", None, TEN),))
            await journal.ledger(SHOP, ["order"])
            await journal.bury_pending(SHOP, "integration_deleted")
            await journal.dead_letters()
            await journal.expire()
            journal.tallies()
