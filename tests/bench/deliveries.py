"""Signed deliveries in bulk, as Saleor would send them: distinct bodies under one key."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from graphql import FieldNode, SelectionSetNode, Visitor, parse, visit

from saleor_segment_server.contract import Event, Tracking, subscription
from tests.signing import Signer, b64

TEMPLATE = Path("tests/fixtures/saleor/webhooks2/order-created.tax-inclusive.json")
SHOP = "127.0.0.1:9"
"""Where the shop claims to be; nobody listens there."""


@dataclass(frozen=True)
class Signed:
    """One delivery: the exact body and its detached signature."""

    body: bytes
    signature: str


def bodies(numbers: range, *, issued_at: str, app_id: str) -> Iterator[bytes]:
    """Render distinct ORDER_CREATED bodies of the size our subscription brings (about 3 kB)."""
    payload = json.loads(json.loads(TEMPLATE.read_text())["body"])
    order = _only(payload["order"], _asked_for()) | {"metafields": {}}
    for number in numbers:
        order["id"] = base64.b64encode(f"Order:{number:032x}".encode()).decode()
        order["number"] = str(number)
        event = {
            "__typename": "OrderCreated",
            "issuedAt": issued_at,
            "recipient": {"id": app_id},
            "order": order,
        }
        yield json.dumps(event).encode()


def _asked_for() -> SelectionSetNode:
    """Return what our subscription asks of an order; the captured ones were asked for more."""
    document = parse(subscription(Event.ORDER_CREATED, Tracking()))
    found: list[SelectionSetNode] = []

    class Finder(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            if node.name.value == "order" and node.selection_set:
                found.append(node.selection_set)

    visit(document, Finder())
    return found[0]


def _only(value: Any, asked_for: SelectionSetNode | None) -> Any:
    """Return a JSON value with nothing but the fields that are asked for."""
    if isinstance(value, list):
        return [_only(item, asked_for) for item in value]
    if asked_for is None or not isinstance(value, dict):
        return value
    return {
        field.name.value: _only(value.get(field.name.value), field.selection_set)
        for field in asked_for.selections
        if isinstance(field, FieldNode)
    }


@dataclass(frozen=True)
class _Batch:
    """A range of deliveries to sign in one process."""

    signer: Signer
    numbers: range
    issued_at: str
    app_id: str

    def sign(self) -> list[Signed]:
        key, header = self.signer.key(), self.signer.protected()
        signed = []
        for body in bodies(self.numbers, issued_at=self.issued_at, app_id=self.app_id):
            data = header.encode() + b"." + body
            value = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
            signed.append(Signed(body, f"{header}..{b64(value)}"))
        return signed


def sign(signer: Signer, count: int, *, issued_at: str, app_id: str) -> list[Signed]:
    """Sign ``count`` distinct bodies, on every core."""
    ranges = [range(start, min(start + 500, count)) for start in range(0, count, 500)]
    batches = [_Batch(signer, numbers, issued_at, app_id) for numbers in ranges]
    with ProcessPoolExecutor() as pool:
        return [signed for part in pool.map(_Batch.sign, batches) for signed in part]


def request(signed: Signed, *, path: str, host: str) -> bytes:
    """Return the whole HTTP request, headers as Saleor sends them."""
    head = (
        f"POST {path} HTTP/1.1\r\nUser-Agent: Saleor/3.23\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        "Content-Type: application/json\r\nX-Saleor-Event: order_created\r\n"
        f"X-Saleor-Domain: {SHOP}\r\nX-Saleor-Signature: {signed.signature}\r\n"
        f"Saleor-Event: order_created\r\nSaleor-Domain: {SHOP}\r\n"
        f"Saleor-Signature: {signed.signature}\r\nSaleor-Api-Url: http://{SHOP}/graphql/\r\n"
        "traceparent: 00-3c244882c1132e00052686ef58f7707e-3b91c4b7cc8c89e4-01\r\n"
        f"Content-Length: {len(signed.body)}\r\nHost: {host}\r\n\r\n"
    )
    return head.encode() + signed.body
