"""What a journal must hold, in dictionaries: the model that ``test_machine`` drives beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Self

from hypothesis import strategies as st

from saleor_segment_server.contract import Event
from saleor_segment_server.delivery import Entry
from saleor_segment_server.journal import LedgerChange, Outcome, Pending, Tally
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.journal.stores import OTHER, SHOP

ORDERS = ("T3JkZXI6MQ==", "T3JkZXI6Mg==")
"""The orders that the ledger may know."""
KEYS_LIVE = 16 * 86_400.0
"""Seconds for which what was settled is still told from news."""

rows = st.builds(
    LedgerRow,
    refunded=st.decimals(Decimal(0), Decimal(1000), places=2),
    revision=st.integers(0, 9),
    seen=st.frozensets(st.text(max_size=4), max_size=3),
)


@dataclass(frozen=True)
class State:
    """All that a journal shows of one pipeline."""

    pending: tuple[tuple[Event, bytes, float, float | None], ...]
    """Event, body, time of receipt and of the first attempt, in order of acceptance."""
    dead: tuple[tuple[float, str], ...]
    """Time of receipt and reason, sorted."""
    tally: Tally
    ledger: dict[str, LedgerRow]


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

    def copy(self) -> Self:
        """Return one that changes apart from this."""
        return replace(
            self,
            pending=dict(self.pending),
            tried=dict(self.tried),
            dead=dict(self.dead),
            settled=dict(self.settled),
            ledger=dict(self.ledger),
        )

    def knows(self, key: bytes) -> bool:
        """Whether an event with this accept key is a duplicate."""
        return key in self.pending or key in self.dead or key in self.settled

    def rows(self) -> int:
        """Return how many events are remembered."""
        return len(self.pending) + len(self.dead) + len(self.settled)

    def tally(self) -> Tally:
        """Return what must be counted."""
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

    def state(self) -> State:
        """Return what must be shown."""
        return State(
            tuple(
                (new.event, new.body, new.received_at, self.tried.get(key))
                for key, new in self.pending.items()
            ),
            tuple(sorted((new.received_at, why) for new, why in self.dead.values())),
            self.tally(),
            self.ledger,
        )

    def add(self, new: Entry) -> None:
        """Have an event that is news."""
        self.tried.pop(new.key, None)  # of an event that was forgotten
        if new.why is None:
            self.pending[new.key] = new
        else:
            self.dead[new.key] = (new, new.why)

    def end(self, taken: Sequence[Pending], at: float, data: st.DataObject) -> list[Outcome]:
        """End some of what is pending, in a way that is drawn; return the outcomes."""
        outcomes = []
        for pending, key in zip(taken, list(self.pending), strict=True):
            how = data.draw(st.sampled_from(["not", "gone", "gone", "changed", "dead"]))
            if how != "not":
                outcomes.append(self._end(pending, key, how, at, data))
        return outcomes

    def _end(
        self, pending: Pending, key: bytes, how: str, at: float, data: st.DataObject
    ) -> Outcome:
        ended = self.pending.pop(key)
        assert ended.body == pending.body
        if how == "dead":
            self.dead[key] = (ended, "refused")
            return Outcome(pending.seq, "refused")
        self.settled[key] = self.last = at
        self.delivered += 1
        if how == "gone":
            return Outcome(pending.seq)
        order, after = data.draw(st.sampled_from(ORDERS)), data.draw(rows)
        change = LedgerChange(order, self.ledger.get(order), after)
        self.ledger[order] = after
        return Outcome(pending.seq, changes=(change,))

    def bury(self, why: str) -> int:
        """Make dead letters of all that is pending; return how many."""
        buried = len(self.pending)
        self.dead |= {key: (new, why) for key, new in self.pending.items()}
        self.pending.clear()
        return buried


@dataclass
class Model:
    """What the journal must hold of all pipelines."""

    shops: dict[str, Shop] = field(default_factory=lambda: {SHOP: Shop(), OTHER: Shop()})
    newest: bytes = b""
    """The accept key of the last that was news."""

    def copy(self) -> "Model":
        """Return one that changes apart from this."""
        return replace(self, shops={name: shop.copy() for name, shop in self.shops.items()})

    def add(self, new: Entry) -> None:
        """Have an event that is news."""
        self.shops[new.pipeline].add(new)
        self.newest = new.key

    def with_(self, new: Entry) -> "Model":
        """Return one that has this event besides."""
        after = self.copy()
        after.add(new)
        return after

    def states(self) -> dict[str, State]:
        """Return what must be shown of each pipeline."""
        return {name: shop.state() for name, shop in self.shops.items()}

    def forget(self, now: float) -> None:
        """Forget what was settled too long ago. The newest stays, so that no seq comes twice."""
        for shop in self.shops.values():
            for key, at in list(shop.settled.items()):
                if at < now - KEYS_LIVE and key != self.newest:
                    del shop.settled[key]

    def used(self, row: int) -> int:
        """Return the bytes it takes, an event at so many beside its body."""
        return sum(s.tally().stored_bytes + s.rows() * row for s in self.shops.values())
