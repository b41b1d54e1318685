"""The forwarder's floor: the same job by the same libraries, written straight for one payload.

Run as ``python -m tests.bench.forwarding_floor DATABASE URL WRITE_KEY``. It reads windows of rows,
maps each body by one literal, packs and compresses batches, posts them, and deletes the rows in a
transaction that counts them; a window is mapped while the one before is on its way. There are no
options and no checks, sums are rounded floats, nothing is tried again, and no key of an event is
kept: nothing that this very payload could do without. What it sends is ours to the byte.
"""

import argparse
import asyncio
import hashlib
import sqlite3
import zlib
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import uvloop

from tests.bench.deliveries import SHOP
from tests.bench.subjects import PIPELINE_ID, SALT

WINDOW = 500
MAX_BYTES = 475_000
SOFTWARE = {"name": "saleor-segment-operator", "version": version("saleor-segment-operator")}
SOURCE = f"http://{SHOP}"
ID_PREFIX = f"{SALT}\n0\n{PIPELINE_ID}\nORDER_CREATED\n"

Row = tuple[int, bytes]


def message(body: bytes) -> bytes:
    """Return what is sent of the body of an ORDER_CREATED of the bench."""
    event = orjson.loads(body)
    order = event["order"]
    user, channel, lines = order["user"], order["channel"], order["lines"]
    gross, net = order["total"]["gross"], order["total"]["net"]
    delivery = order["shippingPrice"]
    shipping = delivery["net"]["amount"]
    subtotal = round(sum([line["totalPrice"]["net"]["amount"] for line in lines]), 2)
    full = sum([line["undiscountedTotalPrice"]["net"]["amount"] for line in lines])
    total = sum([line["totalPrice"]["gross"]["amount"] for line in lines])
    total = round(total + delivery["gross"]["amount"], 2)
    return orjson.dumps(
        {
            "type": "track",
            "event": "Saleor Order Created",
            "userId": user["id"],
            "messageId": hashlib.sha256(f"{ID_PREFIX}{order['id']}\ntrack".encode()).hexdigest(),
            "timestamp": event["issuedAt"][:23] + "Z",
            "properties": {
                "order_id": order["id"],
                "order_number": order["number"],
                "checkout_id": order["checkoutId"],
                "status": order["status"],
                "email": user["email"],
                "channel_id": channel["id"],
                "channel_slug": channel["slug"],
                "channel_name": channel["name"],
                "affiliation": channel["slug"],
                "source": SOURCE,
                "currency": gross["currency"],
                "total_gross_amount": gross["amount"],
                "total_gross_currency": gross["currency"],
                "total_net_amount": net["amount"],
                "total_net_currency": net["currency"],
                "shipping_method": order["shippingMethodName"],
                "subtotal": subtotal,
                "revenue": subtotal,
                "shipping": shipping,
                "total": total,
                "value": total,
                "tax": round(total - subtotal - shipping, 2),
                "discount": round(full - subtotal, 2),
                "products": [product(line, place) for place, line in enumerate(lines, start=1)],
            },
            "context": {
                "app": SOFTWARE,
                "library": SOFTWARE,
                "traits": {"email": user["email"]},
            },
        }
    )


def product(line: Any, place: int) -> dict[str, Any]:
    """Return a line as a product."""
    of, sku, quantity = line["variant"]["product"], line["productSku"], line["quantity"]
    return {
        "product_id": of["id"],
        "variant_id": line["productVariantId"],
        "line_id": line["id"],
        **({"sku": sku} if sku else {}),
        "name": line["productName"],
        "variant": line["variantName"],
        "category": of["category"]["name"],
        "price": round(line["undiscountedTotalPrice"]["net"]["amount"] / quantity, 6),
        "quantity": quantity,
        "position": place,
        "image_url": line["thumbnail"]["url"],
    }


class Database:
    """The rows, on a thread of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1)

    async def open(self) -> None:
        await self._run(self._open)

    async def take(self, after: int) -> list[Row]:
        rows: list[Row] = await self._run(self._take, after)
        return rows

    async def delete(self, first: int, last: int, count: int) -> None:
        await self._run(self._delete, first, last, count)

    async def _run(self, job: Any, *arguments: int) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, *arguments)

    def _open(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE tally (sent INTEGER)")
        self._db.execute("INSERT INTO tally VALUES (0)")

    def _take(self, after: int) -> list[Row]:
        ask = "SELECT seq, body FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
        return self._db.execute(ask, (after, WINDOW)).fetchall()

    def _delete(self, first: int, last: int, count: int) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("DELETE FROM event WHERE seq BETWEEN ? AND ?", (first, last))
        self._db.execute("UPDATE tally SET sent = sent + ?", (count,))
        self._db.execute("COMMIT")


class Sender:
    """Posts batches, and deletes what has been taken."""

    def __init__(
        self, session: aiohttp.ClientSession, database: Database, url: str, key: str
    ) -> None:
        self._session, self._database = session, database
        self._url, self._key = f"{url}/v1/batch", key
        self._headers = {
            "Authorization": "Basic " + b64encode(f"{key}:".encode()).decode(),
            "Content-Encoding": "gzip",
            "Content-Type": "application/json",
        }

    async def send(self, window: list[tuple[int, bytes]]) -> None:
        """Send a window of mapped rows."""
        for batch in packed(window):
            body = await asyncio.to_thread(self._body, [payload for _, payload in batch])
            async with self._session.post(self._url, data=body, headers=self._headers) as answer:
                await answer.read()
                answer.raise_for_status()
            await self._database.delete(batch[0][0], batch[-1][0], len(batch))

    def _body(self, payloads: list[bytes]) -> bytes:
        sent_at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        tail = orjson.dumps({"sentAt": sent_at, "writeKey": self._key})
        compressor = zlib.compressobj(1, wbits=31)
        body = b'{"batch":[' + b",".join(payloads) + b"]," + tail[1:]
        return compressor.compress(body) + compressor.flush()


def packed(window: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Yield batches as large as they may be."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    for row in window:
        if batch and size + len(row[1]) + 1 > MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += len(row[1]) + 1
    yield batch


async def main(path: Path, url: str, key: str) -> None:
    """Send all there is, then wait to be ended."""
    database = Database(path)
    await database.open()
    async with aiohttp.ClientSession() as session:
        sender, last = Sender(session, database, url, key), 0
        sending: asyncio.Future[None] = asyncio.ensure_future(asyncio.sleep(0))
        while rows := await database.take(last):
            window = [(seq, message(body)) for seq, body in rows]
            last = rows[-1][0]
            await sending
            sending = asyncio.ensure_future(sender.send(window))
        await sending
    await asyncio.Event().wait()


def lay_out(path: Path, journal: Path) -> None:
    """Make the floor's database of the bodies in a journal."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB)")
        db.execute("ATTACH ? AS journal", (str(journal),))
        db.execute("INSERT INTO event SELECT seq, body FROM journal.body")
        db.commit()


def bodies_in(path: Path) -> Iterator[bytes]:
    """Yield the bodies of such a database."""
    with closing(sqlite3.connect(path)) as db:
        yield from (body for (body,) in db.execute("SELECT body FROM event ORDER BY seq"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.forwarding_floor")
    parser.add_argument("database", type=Path)
    parser.add_argument("url")
    parser.add_argument("write_key")
    given = parser.parse_args()
    uvloop.run(main(given.database, given.url, given.write_key))
