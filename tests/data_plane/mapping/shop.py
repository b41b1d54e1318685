"""A shop that refunds: the bodies Saleor builds while an order is paid back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.ledger import LedgerRow
from tests.data_plane.mapping.deliveries import PIPELINE, Json, messages_of
from tests.data_plane.mapping.orders import global_id

CREATED = "2026-11-24T12:00:00+00:00"


@dataclass
class RefundedOrder:
    """An order of 100.00 USD in two lines, as its transactions stand."""

    total: Decimal = Decimal(0)
    events: list[Json] = field(default_factory=list)
    grants: list[Json] = field(default_factory=list)

    def refund(self, amount: str, at: str = CREATED) -> str:
        """Report a REFUND_SUCCESS; return its event's id."""
        self.total += Decimal(amount)
        return self._report("REFUND_SUCCESS", amount, at)

    def reverse(self, amount: str, at: str = CREATED) -> str:
        self.total -= Decimal(amount)
        return self._report("REFUND_REVERSE", amount, at)

    def fail(self, amount: str) -> None:
        """Report that an earlier refund failed after all."""
        self.total -= Decimal(amount)
        self._report("REFUND_FAILURE", amount, CREATED)

    def refund_manually(self, amount: str) -> None:
        """Refund what ``orderMarkAsPaid`` took: there is no transaction, so no event."""
        self.total += Decimal(amount)

    def grant(self, event_id: str, quantities: Iterable[tuple[int, int | None]]) -> None:
        """Say which lines a refund is for."""
        lines = [
            {"quantity": quantity, "orderLine": {"id": global_id("OrderLine", number)}}
            for number, quantity in quantities
        ]
        self.grants.append({"lines": lines, "transactionEvents": [{"id": event_id}]})

    def body(self, total: Decimal | None = None) -> bytes:
        """Return the body of ORDER_REFUNDED as of now; ``total`` as Saleor read it, if not now."""
        refunded = self.total if total is None else total
        order = {
            "id": global_id("Order", 7),
            "created": CREATED,
            "userEmail": "buyer@example.net",
            "total": {"gross": _usd(Decimal(100)), "net": _usd(Decimal(80))},
            "totalRefunded": _usd(refunded),
            "transactions": [{"events": list(reversed(self.events))}] if self.events else [],
            "grantedRefunds": self.grants,
            "lines": [_line(1), _line(2)],
        }
        event = {"__typename": "OrderRefunded", "issuedAt": CREATED, "order": order}
        return json.dumps(event).encode()

    def _report(self, kind: str, amount: str, at: str) -> str:
        event_id = global_id("TransactionEvent", len(self.events) + 1)
        money = _usd(Decimal(amount))
        self.events.append({"id": event_id, "type": kind, "createdAt": at, "amount": money})
        return event_id


def _usd(amount: Decimal) -> Json:
    return {"amount": float(amount), "currency": "USD"}


def _line(number: int) -> Json:
    return {
        "id": global_id("OrderLine", number),
        "quantity": 4,
        "productName": f"Product {number}",
        "variantName": "M",
        "productSku": f"sku-{number}",
        "productVariantId": global_id("ProductVariant", number),
        "totalPrice": {"gross": {"amount": 50.0}, "net": {"amount": 40.0}},
        "undiscountedTotalPrice": {"net": {"amount": 40.0}},
    }


@dataclass
class Ledger:
    """Maps ORDER_REFUNDED after ORDER_REFUNDED of one order, as the forwarder does."""

    pipeline: Pipeline = PIPELINE
    row: LedgerRow | None = None
    sent: list[Json] = field(default_factory=list)

    def take(self, *bodies: bytes) -> list[float]:
        """Map deliveries; return the amounts they told of."""
        before = len(self.sent)
        for body in bodies:
            messages, after = messages_of(Event.ORDER_REFUNDED, body, self.row, self.pipeline)
            self.sent += messages
            self.row = after or self.row
        return [message["properties"]["total"] for message in self.sent[before:]]

    @property
    def told(self) -> Decimal:
        """What Segment sums up to."""
        return sum((Decimal(str(m["properties"]["total"])) for m in self.sent), Decimal(0))
