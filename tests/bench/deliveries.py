"""Signed deliveries in bulk, as Saleor would send them: distinct bodies under one key."""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.signing import Signer, b64

TEMPLATE = Path("tests/fixtures/saleor/webhooks2/order-created.tax-inclusive.json")
KEPT = [
    "id",
    "number",
    "status",
    "created",
    "checkoutId",
    "trackingClientId",
    "voucherCode",
    "shippingMethodName",
    "collectionPointName",
    "userEmail",
    "user",
    "channel",
    "total",
    "shippingPrice",
    "lines",
]


@dataclass(frozen=True)
class Signed:
    """One delivery: the exact body and its detached signature."""

    body: bytes
    signature: str


def bodies(numbers: range, *, issued_at: str, app_id: str) -> Iterator[bytes]:
    """Render distinct ORDER_CREATED bodies of the size our subscription brings (about 3 kB)."""
    payload = json.loads(json.loads(TEMPLATE.read_text())["body"])
    order = {name: payload["order"].get(name) for name in KEPT} | {"metafields": {}}
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
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Saleor/3.23\r\n"
        "Accept-Encoding: gzip, deflate\r\nAccept: */*\r\nConnection: keep-alive\r\n"
        "Content-Type: application/json\r\nSaleor-Event: order_created\r\n"
        f"Saleor-Signature: {signed.signature}\r\nContent-Length: {len(signed.body)}\r\n\r\n"
    )
    return head.encode() + signed.body
