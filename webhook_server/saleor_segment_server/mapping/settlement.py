"""How much was refunded: what a delivery adds to what Segment was told before.

Saleor says how much of an order is refunded in all, not by how much an event raised it: two
refunds close together both show the final total, in whatever order they arrive. The ledger holds
the newest state that was mapped: the total and the refund events in it. An event happens once and
stays, so the events tell the age of a body, where the total cannot: Saleor stores an event before
the sums and may read them in between.

- A body is *old* if the ledger has all its events and more; with the very events of the ledger (a
  manual payment has none at all) if its total is no higher. Old bodies change nothing.
- Any other takes its place in the ledger. Where the total rose, the new refunds are sent one by one
  if they add up to the rise, else the rise is sent as one. Where it fell because a new event took
  a refund back, nothing is sent and Segment keeps the higher sum. Where it fell without such an
  event, it was read too early, and the ledger keeps the higher total.

So deliveries in any order, and doubled, add up to the total, unless a refund that was told of was
taken back.

An order of which no refund is remembered began with none if it is no older than the pipeline. Of an
older one, what the events since the pipeline began do not explain was refunded before; without any
events nobody can tell, and the message says so.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping.fields import Fields, children, moment, money, text

_SUCCESS, _REVERSE, _FAILURE = "REFUND_SUCCESS", "REFUND_REVERSE", "REFUND_FAILURE"
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund that Segment is told of."""

    amount: Decimal
    """Greater than zero."""
    key: str
    """The object key of its message."""
    event_id: str | None = None
    """The transaction event it is, or ``None`` where it is a rise of the total."""
    cumulative: bool = False
    """Whether refunds from before the pipeline may be part of it."""


class _Event(NamedTuple):
    """A transaction event that changed what is refunded, or may have."""

    id: str
    type: str
    at: datetime | None
    amount: Decimal

    @property
    def effect(self) -> Decimal:
        """What it added to the total; a failure may have voided an earlier success, or nothing."""
        return {_SUCCESS: self.amount, _REVERSE: -self.amount}.get(self.type, _ZERO)

    @property
    def takes_back(self) -> bool:
        """Whether the total may have fallen by it; ``transactionUpdate`` reports minus amounts."""
        return self.type != _SUCCESS or self.amount < 0


class _Start(NamedTuple):
    """What an order is compared with."""

    row: LedgerRow
    cumulative: bool = False


def settle(
    order: Fields, pipeline: Pipeline, ledger: LedgerRow | None
) -> tuple[list[Refund], LedgerRow | None]:
    """Return the refunds to tell of, and the ledger row after them (``None``: unchanged).

    Raises:
        Unmappable: The order lacks ``totalRefunded``, or an event its id or amount.
    """
    total = money(order, "totalRefunded")
    if total is None:
        raise Unmappable("totalRefunded is missing: the subscription does not ask for it")
    events = _events(order)
    start = _start(order, pipeline, total, events or [], ledger or LedgerRow())
    row = start.row
    if _is_old(row, total, events):
        return [], None
    new = [event for event in events or () if event.id not in row.seen]
    if total < row.refunded and not any(event.takes_back for event in new):
        total = row.refunded
    seen = row.seen | {event.id for event in new}
    after = replace(row, refunded=total, revision=row.revision + 1, seen=seen)
    return _refunds(order["id"], start, total, new), after


def _is_old(row: LedgerRow, total: Decimal, events: list[_Event] | None) -> bool:
    ids = row.seen if events is None else {event.id for event in events}
    return ids < row.seen or (ids == row.seen and total <= row.refunded)


def _refunds(order_id: str, start: _Start, total: Decimal, new: list[_Event]) -> list[Refund]:
    rise = total - start.row.refunded
    if rise <= 0:
        return []
    refunds = [event for event in new if event.type == _SUCCESS]
    if all(e.amount > 0 for e in refunds) and sum(e.amount for e in refunds) == rise:
        return [Refund(event.amount, event.id, event.id) for event in refunds]
    key = f"{order_id}:{start.row.revision}:{total}"
    return [Refund(rise, key, cumulative=start.cumulative)]


def _start(
    order: Fields, pipeline: Pipeline, total: Decimal, events: list[_Event], row: LedgerRow
) -> _Start:
    """Return what was refunded before this delivery: by the row, or before the first of them."""
    if row.revision:
        return _Start(row)
    created = moment(order, "created")
    if pipeline.since is None or (created is not None and not pipeline.is_newer_than(created)):
        return _Start(row)
    if not events:
        return _Start(row, cumulative=True)
    before = frozenset(e.id for e in events if e.at is not None and pipeline.is_newer_than(e.at))
    explained = sum((e.effect for e in events if e.id not in before), _ZERO)
    return _Start(replace(row, refunded=max(total - explained, _ZERO), seen=before))


def _events(order: Fields) -> list[_Event] | None:
    """Return the order's refund events, the earliest first; ``None``: the body does not tell."""
    transactions = children(order, "transactions")
    if transactions is None:
        return None
    found = {
        event.id: event
        for transaction in transactions
        for fields in children(transaction, "events") or ()
        if (event := _event(fields)) is not None
    }
    return sorted(found.values(), key=lambda event: (event.at is not None, event.at, event.id))


def _event(fields: Fields) -> _Event | None:
    kind = text(fields, "type")
    if kind not in {_SUCCESS, _REVERSE, _FAILURE}:
        return None
    event_id, amount = text(fields, "id"), money(fields, "amount")
    if event_id is None or amount is None:
        raise Unmappable("transactions.events lacks an id or an amount")
    return _Event(event_id, kind, moment(fields, "createdAt"), amount)
