"""The floor: what the same libraries do without our code. Run as ``python -m tests.bench.floor``.

aiohttp on uvloop, a direct RSA verification, one SQLite row with a unique key per delivery in a
WAL with ``synchronous=FULL``, group commit on one thread, to which what one turn of the loop brings
is handed over together. No routing by pipeline, no size limit, no header checks, no parsing:
nothing that a receiver could do without.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import queue
import sqlite3
import threading
from pathlib import Path

import uvloop
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

Job = tuple[bytes, bytes, asyncio.Future[None]]


def _int(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


class Store:
    """One row per delivery, committed in groups."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.path = path
        self.loop = loop
        self.fresh: list[Job] = []
        self.jobs: queue.SimpleQueue[list[Job]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    async def put(self, key: bytes, body: bytes) -> None:
        done = self.loop.create_future()
        if not self.fresh:
            self.loop.call_soon(self._hand_over)
        self.fresh.append((key, body, done))
        await done

    def _hand_over(self) -> None:
        self.jobs.put(self.fresh)
        self.fresh = []

    def _run(self) -> None:
        connection = sqlite3.connect(self.path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE event (key BLOB UNIQUE, body BLOB)")
        while True:
            group = self.jobs.get()
            while len(group) < 200 and not self.jobs.empty():
                group += self.jobs.get()
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT OR IGNORE INTO event VALUES (?, ?)", [(key, body) for key, body, _ in group]
            )
            connection.execute("COMMIT")
            self.loop.call_soon_threadsafe(self._resolve, group)

    @staticmethod
    def _resolve(group: list[Job]) -> None:
        for _, _, done in group:
            if not done.done():
                done.set_result(None)


async def main(port_file: Path, database: Path, jwks: Path) -> None:
    """Serve until killed; the bound port is written to ``port_file``."""
    key = json.loads(jwks.read_text())["keys"][0]
    public = rsa.RSAPublicNumbers(_int(key["e"]), _int(key["n"])).public_key()
    store = Store(database, asyncio.get_running_loop())
    scheme, digest = padding.PKCS1v15(), hashes.SHA256()

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        head, _, signature = request.headers["Saleor-Signature"].split(".")
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        public.verify(raw, head.encode() + b"." + body, scheme, digest)
        await store.put(hashlib.sha256(body).digest(), body)
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks/{pipeline}/{event}", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port_file.write_text(f"{runner.addresses[0][1]}\n")
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("port_file", "database", "jwks"):
        parser.add_argument(name, type=Path)
    arguments = parser.parse_args()
    uvloop.run(main(arguments.port_file, arguments.database, arguments.jwks))
