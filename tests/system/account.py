"""The account of a day: what Saleor emitted against what Segment holds, delivery by delivery.

It knows our mapping only from its documentation: a message is told by event name, order and the
time the delivery was issued; refunds, which Saleor reports as running totals, by their sum; and
with ``naming: Spec`` the message that completes an order is there once, whichever of the
deliveries that call for it came first.
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
_REFUND, _UPDATE = "ORDER_REFUNDED", "ORDER_UPDATED"
_COMPLETED_ON = {
    "Created": "ORDER_CREATED",
    "Confirmed": "ORDER_CONFIRMED",
    "FullyPaid": "ORDER_FULLY_PAID",
}
_SPEC_NAMES = {
    "ORDER_CREATED": "Order Created",
    "ORDER_UPDATED": "Order Updated",
    "ORDER_CONFIRMED": "Order Confirmed",
    "ORDER_CANCELLED": "Order Cancelled",
    "ORDER_FULLY_PAID": "Order Fully Paid",
    "ORDER_REFUNDED": "Order Refunded",
}


@dataclass(frozen=True)
class Telling:
    """How an integration tells events, as far as the account has to know."""

    names: Mapping[str, str] = field(default_factory=NAMES.copy)
    """The name of each event's messages."""
    counts: str = "ORDER_CREATED"
    """The event whose messages count an order."""
    once: bool = False
    """Whether that is told once for each order, however often Saleor emits it."""
    changes_only: bool = False
    """Whether an update may bring no message, as with ``updates: Changed``."""
    sums: tuple[str, ...] = ("revenue",)
    """The amounts of an order that are added up."""

    @classmethod
    def spec(cls, completed_on: str = "Created", *, changes_only: bool = False) -> "Telling":
        """Return what ``naming: Spec`` is."""
        counts = _COMPLETED_ON[completed_on]
        names = _SPEC_NAMES | {counts: "Order Completed"}
        sums = ("revenue", "shipping", "tax", "total")
        return cls(names, counts, once=True, changes_only=changes_only, sums=sums)


DEFAULT = Telling()


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
    *,
    telling: Telling = DEFAULT,
) -> Account:
    """Set deliveries and the shop's own figures against Segment's messages."""
    rows = [_row(event, deliveries, messages, telling) for event in telling.names]
    rows = [row for row in rows if row.event != _REFUND]
    rows.append(_refunds(deliveries, messages, orders, telling))
    counted = {d["order"] for d in deliveries if d["event"] == telling.counts}
    shop = {
        order: figures for order, figures in orders.items() if order in counted or not telling.once
    }
    return Account(rows, _of_shop(shop, orders, telling), _of_segment(messages, telling))


def _row(
    event: str, deliveries: Iterable[Delivery], messages: Iterable[Message], telling: Telling
) -> Row:
    emitted = [d for d in deliveries if d["event"] == event]
    expected = Counter((d["order"], _moment(d["issuedAt"])) for d in emitted)
    found = Counter(
        (m["properties"]["order_id"], m["originalTimestamp"])
        for m in messages
        if m.get("event") == telling.names[event]
    )
    row = _started(event, emitted, found.total())
    row.doubled = (found - expected).total()
    row.arrived = (expected & found).total()
    if telling.once and event == telling.counts:
        orders = Counter(order for order, _ in found.elements())
        row.doubled += (orders - Counter(set(orders))).total()
        row.arrived = sum(d["order"] in orders for d in emitted)
    elif telling.changes_only and event == _UPDATE:
        row.arrived = len(emitted)
    return row


def _refunds(
    deliveries: Iterable[Delivery],
    messages: Iterable[Message],
    orders: Mapping[str, Mapping[str, Any]],
    telling: Telling,
) -> Row:
    emitted = [d for d in deliveries if d["event"] == _REFUND]
    told: dict[str, list[Decimal]] = {}
    for message in messages:
        if message.get("event") == telling.names[_REFUND]:
            properties = message["properties"]
            told.setdefault(properties["order_id"], []).append(_money(properties["total"]))
    due = {order: _money(orders[order]["refunded"]) for order in {d["order"] for d in emitted}}
    sums = {order: sum(amounts, Decimal(0)) for order, amounts in told.items()}
    row = _started(_REFUND, emitted, sum(map(len, told.values())))
    row.arrived = sum(sums.get(d["order"], Decimal(0)) >= due[d["order"]] for d in emitted)
    row.doubled = sum(amount > due.get(order, Decimal(0)) for order, amount in sums.items())
    return row


def _started(event: str, emitted: Sequence[Delivery], messages: int) -> Row:
    return Row(
        event,
        emitted=len(emitted),
        acknowledged=sum(d["outcome"] == "acknowledged" for d in emitted),
        retried=sum(len(d["statuses"]) > 1 for d in emitted),
        messages=messages,
    )


def _of_shop(
    counted: Mapping[str, Mapping[str, Any]],
    orders: Mapping[str, Mapping[str, Any]],
    telling: Telling,
) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for order in counted.values():
        for name in telling.sums:
            _add(sums, order["currency"], name, order[name])
    for order in orders.values():
        _add(sums, order["currency"], "refunded", order["refunded"])
    return sums


def _of_segment(messages: Iterable[Message], telling: Telling) -> dict[str, dict[str, Decimal]]:
    sums: dict[str, dict[str, Decimal]] = {}
    for message in messages:
        properties = message.get("properties", {})
        if message.get("event") == telling.names[telling.counts]:
            for name in telling.sums:
                _add(sums, properties["currency"], name, properties[name])
            _add(sums, properties["currency"], "refunded", 0)
        elif message.get("event") == telling.names[_REFUND]:
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
