"""What the journal remembers of orders and customers, and of what an event was mapped with."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from saleor_segment_server.journal import LedgerChange, Outcome
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.journal.stores import SHOP, Clock, SqliteFiles, entry

ORDER, USER = "T3JkZXI6MQ==", "user:0a4c4d76"
REFUNDED = LedgerRow(Decimal("10.50"), 1, frozenset({"b", "a"}))
KNOWN = LedgerRow(traits="hash-1")
WHOLE = LedgerRow(Decimal(3), 2, frozenset({"a"}), completed=True, told="hash-2")


@pytest.mark.parametrize("row", [LedgerRow(), REFUNDED, KNOWN, WHOLE, LedgerRow(completed=True)])
def test_a_row_comes_back_as_it_was_stored(row: LedgerRow) -> None:
    assert LedgerRow.from_json(row.to_json()) == row


def test_a_row_holds_no_more_than_it_has_to() -> None:
    assert json.loads(KNOWN.to_json()) == {"traits": "hash-1"}
    assert json.loads(REFUNDED.to_json()) == {
        "refunded": "10.50",
        "revision": 1,
        "seen": ["a", "b"],
    }


async def test_rows_of_orders_and_customers_change_with_one_event(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(clock=clock) as journal:
        await journal.accept(entry())
        (pending,) = await journal.take(SHOP)
        changes = (LedgerChange(ORDER, None, WHOLE), LedgerChange(USER, None, KNOWN))
        await journal.settle(SHOP, [Outcome(pending.seq, changes=changes)])
    async with store.open(clock=clock) as journal:
        assert await journal.ledger(SHOP, [ORDER, USER, "user:?"]) == {ORDER: WHOLE, USER: KNOWN}


async def test_a_row_that_played_a_part_and_did_not_change_is_left_alone(
    store: SqliteFiles, clock: Clock
) -> None:
    async with store.open(clock=clock) as journal:
        await journal.accept(entry())
        (pending,) = await journal.take(SHOP)
        changes = (LedgerChange(ORDER, None), LedgerChange(USER, KNOWN))
        await journal.settle(SHOP, [Outcome(pending.seq, changes=changes)])
        assert await journal.ledger(SHOP, [ORDER, USER]) == {}


async def test_an_event_keeps_the_rows_it_was_mapped_with(store: SqliteFiles, clock: Clock) -> None:
    async with store.open(clock=clock) as journal:
        for _ in range(4):
            await journal.accept(entry())
        first, second, dead, none = await journal.take(SHOP)
        await journal.settle(
            SHOP,
            [
                Outcome(first.seq, changes=(LedgerChange(ORDER, None, REFUNDED),)),
                Outcome(
                    second.seq,
                    changes=(LedgerChange(ORDER, REFUNDED), LedgerChange(USER, KNOWN, LedgerRow())),
                ),
                Outcome(dead.seq, "refused", changes=(LedgerChange(ORDER, REFUNDED, WHOLE),)),
                Outcome(none.seq),
            ],
        )
    with closing(sqlite3.connect(store.path)) as db:
        kept = [row for (row,) in db.execute("SELECT ledger FROM event ORDER BY seq")]
    refunded = json.loads(REFUNDED.to_json())
    assert [row and json.loads(row) for row in kept] == [
        {ORDER: None},
        {ORDER: refunded, USER: {"traits": "hash-1"}},
        {ORDER: refunded},
        None,
    ]


async def test_rows_of_an_earlier_release_are_read(store: SqliteFiles, clock: Clock) -> None:
    async with store.open(clock=clock):
        pass
    earlier = '{"refunded":"10.50","revision":1,"seen":["a","b"]}'
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("INSERT INTO ledger VALUES (?, ?, ?, ?)", (SHOP, ORDER, earlier, clock()))
    async with store.open(clock=clock) as journal:
        assert await journal.ledger(SHOP, [ORDER]) == {ORDER: REFUNDED}
