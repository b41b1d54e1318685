"""A shop's day of 2,000 orders, to the cent: what Segment holds is what the shop says it sold.

Three integrations share the shop: a source for each of its channels, each with another event that
completes an order. Deliveries come in any order, some of them twice and some again because the
answer to them was lost; Segment, too, answers badly now and then.
"""

import copy
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.control_plane.standalone.stand import Stand, standing
from tests.system.account import Account, Telling, draw_up
from tests.system.programs import Program, saleor_segment, until
from tests.twins.saleor import JPY, KWD, PLN, USD
from tests.twins.saleor.shop.day import EXTRAS, Kind
from tests.twins.saleor.shop.stock import catalogue
from tests.twins.segment import Fault

ORDERS = 2_000
DAY = Kind(
    channels=((PLN, 3), (USD, 3), (JPY, 1), (KWD, 1)),
    most_updates=0,
    vouchers=tuple((code, 1) for code in ("", *catalogue().vouchers)),
    extras=tuple((extra, 1) for extra in EXTRAS),
)


@dataclass(frozen=True)
class Integration:
    """One of the shop's integrations."""

    name: str
    channels: tuple[str, ...]
    completed_on: str
    events: tuple[str, ...]

    @property
    def key(self) -> str:
        """Its write key."""
        return f"planted-{self.name}".ljust(32, "k")

    @property
    def telling(self) -> Telling:
        """What the account has to know of it."""
        return Telling.spec(self.completed_on, changes_only=True)

    def manifests(self, stand: Stand) -> list[dict[str, Any]]:
        """Return its manifests: the example's, with its own name, source and options."""
        integration, *secrets = copy.deepcopy(stand.documents)
        integration["metadata"]["name"] = self.name
        spec = integration["spec"]
        spec["segment"]["writeKeySecretRef"]["name"] = self.name
        spec["events"] = [*self.events]
        spec["tracking"] = {
            "naming": "Spec",
            "completedOn": self.completed_on,
            "updates": "Changed",
            "channels": [*self.channels],
        }
        (source,) = (each for each in secrets if "writeKey" in each["stringData"])
        source["metadata"]["name"] = self.name
        source["stringData"]["writeKey"] = self.key
        return [integration, source]


INTEGRATIONS = (
    Integration("zloty", (PLN,), "Created", ("ORDER_CREATED", "ORDER_UPDATED", "ORDER_REFUNDED")),
    Integration("dollar", (USD,), "Confirmed", ("ORDER_CANCELLED", "ORDER_REFUNDED")),
    Integration("others", (JPY, KWD), "FullyPaid", ("ORDER_REFUNDED",)),
)
"""A channel's source, then another's, then one of two; what completes an order is subscribed to
where ``events`` does not name it."""


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, time_scale=100, shuffled=64, keep_alive=True) as stand:
        documents = [one for each in INTEGRATIONS for one in each.manifests(stand)]
        staff = [each for each in stand.secrets if "password" in each["stringData"]]
        for each in INTEGRATIONS:
            stand.segment.add_key(each.key)
        stand.save(documents + staff)
        yield stand


def run(stand: Stand) -> Program:
    return saleor_segment(
        *("run", "-f", stand.file, "--data-dir", stand.folder / "data"),
        *("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0", "--ballast", "1Mi"),
    )


async def ready(program: Program) -> None:
    for each in INTEGRATIONS:
        words = [f"default/{each.name}", "Ready", "True"]
        await program.said(functools.partial(_begins, words))


def _begins(words: list[str], line: str) -> bool:
    return line.split()[1:4] == words


@dataclass(frozen=True)
class Books:
    """What the shop says once its day is over."""

    deliveries: list[dict[str, Any]]
    orders: dict[str, dict[str, Any]]

    @classmethod
    async def of(cls, stand: Stand) -> "Books":
        """Ask the shop."""
        async with aiohttp.ClientSession(stand.saleor.origin) as session:
            async with session.get("/_twin/deliveries") as response:
                deliveries = await response.json()
            async with session.get("/_twin/orders") as response:
                return cls(deliveries, await response.json())

    def account(self, each: Integration, messages: list[dict[str, Any]]) -> Account:
        """Draw up the account of an integration: its channels, its app, its source."""
        own = {i: order for i, order in self.orders.items() if order["channel"] in each.channels}
        return draw_up(
            [d for d in self.deliveries if d["order"] in own and d["app"].endswith(each.name)],
            [m for m in messages if m["writeKey"] == each.key],
            own,
            telling=each.telling,
        )


async def balanced(stand: Stand) -> list[Account]:
    """Wait until each account balances."""
    books, found = await Books.of(stand), list[Account]()

    def all_balanced() -> bool:
        messages = list(stand.segment.inbox.messages())
        found[:] = [books.account(each, messages) for each in INTEGRATIONS]
        return all(account.balanced for account in found)

    try:
        await until(all_balanced, every=0.5)
    except TimeoutError:
        raise AssertionError(found) from None
    return found


async def test_a_day_of_2000_orders_adds_up_to_the_cent(stand: Stand) -> None:
    async with run(stand) as program:
        await ready(program)
        stand.saleor.fail(lose_answers=0.05, deliver_twice=True)
        stand.segment.faults.add(
            Fault(status=500, times=5),
            Fault(kind="reset", accept=True, times=5),
            Fault(status=429, times=2, retry_after=1),
        )
        day = stand.saleor.start_day(ORDERS, 5.0, DAY)
        await stand.saleor.until(lambda: day.placed > ORDERS / 8)
        stand.saleor.fail(deliver_twice=False)
        await stand.saleor.settled(90)
        found = await balanced(stand)
    rows = [row for account in found for row in account.rows]
    assert sum(row.retried for row in rows) > 100
    assert stand.segment.inbox.totals()["doubled"] == 0
    assert set(stand.segment.inbox.totals()["dropped"]) <= {"duplicate"}
    _whole_shop(stand, found)


def _whole_shop(stand: Stand, found: list[Account]) -> None:
    """Hold the three sources together against the whole shop, reckoned from its orders."""
    refunds = dict[str, Decimal]()
    for order in stand.saleor.shop.orders.values():
        refunds.setdefault(order.currency, Decimal(0))
        refunds[order.currency] += order.total_refunded.amount
    told = {c: s["refunded"] for account in found for c, s in account.segment.items()}
    assert told == refunds
    assert len(stand.saleor.shop.orders) == ORDERS
    assert all(amount > 0 for amount in refunds.values())
