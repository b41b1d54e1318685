"""The account of a day: what Saleor emitted against what Segment holds, delivery by delivery.

It knows our mapping only from its documentation: a message is told by event name, order and the
time the delivery was issued; refunds, which Saleor reports as running totals, by their sum.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

Delivery = Mapping[str, Any]
Message = Mapping[str, Any]

NAMES = {
    "ORDER_CREATED": "Saleor Order Created",
    "ORDER_UPDATED": "Saleor Order Updated",
    "ORDER_CANCELLED": "Saleor Order Cancelled",
    "ORDER_FULLY_PAID": "Saleor Order Fully Paid",
    "ORDER_REFUNDED": "Saleor Order Refunded",
}
_REFUND = "ORDER_REFUNDED"


@dataclass
class Row:
    """The account of one event."""

    event: str
    emitted: int = 0
    acknowledged: int = 0
    retried: int = 0
    """Deliveries that Saleor had to send more than once."""
    arrived: int = 0
    """Deliveries whose message is there, or that rightly brought none."""
    messages: int = 0
    doubled: int = 0
    """Messages beyond those that the deliveries call for."""

    @property
    def lost(self) -> int:
        """Deliveries that should be there and are not."""
        return self.emitted - self.arrived


@dataclass
class Account:
    """The whole account."""

    rows: list[Row]
    shop: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """What the shop says, by currency: revenue, refunded."""
    segment: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    """What Segment's messages sum up to, likewise."""

    @property
    def balanced(self) -> bool:
        """Whether nothing is lost or doubled and the sums agree to the cent."""
        return self.shop == self.segment and not any(row.lost or row.doubled for row in self.rows)

    @property
    def summary(self) -> str:
        """The last line."""
        emitted = sum(row.emitted for row in self.rows)
        arrived = sum(row.arrived for row in self.rows)
        lost = sum(row.lost for row in self.rows)
        doubled = sum(row.doubled for row in self.rows)
        return f"{emitted} emitted, {arrived} arrived, {lost} lost, {doubled} doubled"


def draw_up(
    deliveries: Sequence[Delivery],
    messages: Sequence[Message],
    orders: Mapping[str, Mapping[str, Any]],
) -> Account:
    """Set deliveries and the shop's own figures against Segment's messages."""
    rows = [_plain(event, deliveries, messages) for event in NAMES if event != _REFUND]
    rows.append(_refunds(deliveries, messages, orders))
    return Account(rows, _of_shop(orders.values()), _of_segment(messages))


def _plain(event: str, deliveries: Iterable[Delivery], messages: Iterable[Message]) -> Row:
    emitted = [d for d in deliveries if d["event"] == event]
    expected = Counter((d["order"], _moment(d["issuedAt"])) for d in emitted)
    found = Counter(
        (m["properties"]["order_id"], m["originalTimestamp"])
        for m in messages
        if m["event"] == NAMES[event]
    )
    return Row(
        event,
        emitted=len(emitted),
        acknowledged=sum(d["outcome"] == "acknowledged" for d in emitted),
        retried=sum(len(d["statuses"]) > 1 for d in emitted),
        arrived=(expected & found).total(),
        messages=found.total(),
        doubled=(found - expected).total(),
    )


def _refunds(
    deliveries: Iterable[Delivery],
    messages: Iterable[Message],
    orders: Mapping[str, Mapping[str, Any]],
) -> Row:
    emitted = [d for d in deliveries if d["event"] == _REFUND]
    told: dict[str, list[Decimal]] = {}
    for message in messages:
        if message["event"] == NAMES[_REFUND]:
            properties = message["properties"]
            told.setdefault(properties["order_id"], []).append(_money(properties["total"]))
    due = {order: _money(orders[order]["refunded"]) for order in {d["order"] for d in emitted}}
    sums = {order: sum(amounts, Decimal(0)) for order, amounts in told.items()}
    return Row(
        _REFUND,
        emitted=len(emitted),
        acknowledged=sum(d["outcome"] == "acknowledged" for d in emitted),
        retried=sum(len(d["statuses"]) > 1 for d in emitted),
        arrived=sum(sums.get(d["order"], Decimal(0)) >= due[d["order"]] for d in emitted),
        messages=sum(map(len, told.values())),
        doubled=sum(amount > due.get(order, Decimal(0)) for order, amount in sums.items()),
    )


def _of_shop(orders: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for order in orders:
        _add(sums, order["currency"], "revenue", order["revenue"])
        _add(sums, order["currency"], "refunded", order["refunded"])
    return sums


def _of_segment(messages: Iterable[Message]) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for message in messages:
        properties = message["properties"]
        if message["event"] == NAMES["ORDER_CREATED"]:
            _add(sums, properties["currency"], "revenue", properties["revenue"])
            _add(sums, properties["currency"], "refunded", 0)
        elif message["event"] == NAMES[_REFUND]:
            _add(sums, properties["currency"], "refunded", properties["total"])
    return sums


def _add(sums: dict[str, dict[str, Decimal]], currency: str, what: str, amount: object) -> None:
    of_currency = sums.setdefault(currency, {})
    of_currency[what] = of_currency.get(what, Decimal(0)) + _money(amount)


def _money(amount: object) -> Decimal:
    return Decimal(str(amount))


def _moment(text: str) -> str:
    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
