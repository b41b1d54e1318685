"""The account after a fault: what was acknowledged, against Segment and the dead letters."""

import signal
import sqlite3
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from tests.fault.shop import Shop
from tests.system.programs import until
from tests.system.serving import Serving, Stand


@dataclass(frozen=True)
class Account:
    """What became of a shop's deliveries."""

    acknowledged: int
    arrived: int
    dead: int
    pending: int
    """Events that the last start did not bring to their end."""
    resent: int
    """Messages that Segment had already, and dropped by their id."""
    lost: set[str] = field(default_factory=set)
    """Orders that are not where they belong: Segment or the dead letters, and not both."""
    doubled: set[str] = field(default_factory=set)
    """Orders that Segment has more than one message of."""
    damage: str = ""
    """What SQLite finds wrong with the file."""

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost, doubled, left over or damaged."""
        return not (self.lost or self.doubled or self.pending or self.damage)

    @property
    def figures(self) -> tuple[str, ...]:
        """The account in words."""
        return (
            f"{self.acknowledged:,} deliveries were acknowledged",
            f"{self.arrived:,} arrived, {self.dead:,} are dead letters, {self.pending} are pending",
            f"{len(self.lost)} are lost, {len(self.doubled)} doubled",
            f"{self.resent:,} messages were sent again and dropped by Segment for their id",
        )


async def settle_up(stand: Stand, shop: Shop) -> Account:
    """Start the server a last time, with Segment well; let shop and server finish; draw it up."""
    stand.segment.faults.clear()
    async with stand.serving() as serving:
        await shop.finish(serving.url)
        with suppress(TimeoutError):
            await until(lambda: _is_done(serving), seconds=60)
        pending = (await serving.report())["pending"]
        code = await serving.program.end(signal.SIGTERM)
        assert code == 0, f"exit code {code}:\n{serving.program.text}"
    return _draw_up(stand, shop, pending)


async def _is_done(serving: Serving) -> bool:
    return bool((await serving.report())["pending"] == 0)


def _draw_up(stand: Stand, shop: Shop, pending: int) -> Account:
    inbox = stand.segment.inbox
    told = Counter(message["properties"]["order_id"] for message in inbox.messages())
    dead, damage = _read(stand.folder / "data" / "journal.db")
    wanted = {order for order, delivery in shop.acknowledged.items() if delivery.wanted}
    return Account(
        acknowledged=len(shop.acknowledged),
        arrived=len(told),
        dead=len(dead),
        pending=pending,
        resent=inbox.totals()["deduplicated"],
        lost=(wanted ^ told.keys()) | (shop.acknowledged.keys() - wanted ^ dead),
        doubled={order for order, count in told.items() if count > 1},
        damage=damage,
    )


def _read(path: Path) -> tuple[set[str], str]:
    """Return the orders that are dead letters, and what is wrong with the file."""
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT body FROM event JOIN body USING (seq) WHERE state = 'dead'")
        dead = {orjson.loads(body)["order"]["id"] for (body,) in rows}
        found = db.execute("PRAGMA integrity_check").fetchone()[0]
    return dead, "" if found == "ok" else found
