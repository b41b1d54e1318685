"""A shop's day, end to end on this machine: ``make demo``.

Stand-ins for Saleor and Segment run as processes of their own, and between them the product as it
ships: ``saleor-segment run`` on ``examples/standalone``. In the middle of the day the write key is
rotated, and the process is killed with SIGKILL under load and started again.
"""

import argparse
import asyncio
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.system.account import Account, draw_up
from tests.system.programs import Program, saleor_segment, until

EXAMPLE = Path("examples/standalone/integration.yaml")
EMAIL, PASSWORD = "demo@example.com", "a-password-of-the-demo"
KEYS = ("demo-write-key-1".ljust(32, "0"), "demo-write-key-2".ljust(32, "0"))
TIME_SCALE = 20.0
"""Saleor's first retry then comes after half a second instead of ten."""


@dataclass
class World:
    """The two stand-ins, over their control APIs."""

    client: httpx.AsyncClient
    saleor: str
    segment: str

    async def get(self, url: str) -> Any:
        answer = await self.client.get(url)
        answer.raise_for_status()
        return answer.json()

    async def state(self) -> dict[str, Any]:
        return dict(await self.get(f"{self.saleor}/_twin/state"))

    async def ready(self) -> bool:
        webhooks = await self.get(f"{self.saleor}/_twin/webhooks")
        return len(webhooks) == 5 and all(webhook["isActive"] for webhook in webhooks)

    async def messages(self) -> list[dict[str, Any]]:
        answer = await self.get(f"{self.segment}/_twin/messages?limit=1000000")
        return list(answer["messages"])

    async def account(self) -> Account:
        deliveries = await self.get(f"{self.saleor}/_twin/deliveries")
        orders = await self.get(f"{self.saleor}/_twin/orders")
        return draw_up(deliveries, await self.messages(), orders)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Run both stand-ins."""
    twins = "tests.twins"
    saleor = ["-m", f"{twins}.saleor", "--listen", "127.0.0.1:0", "--seed", "7"]
    saleor += ["--time-scale", str(TIME_SCALE), "--staff", f"{EMAIL}:{PASSWORD}"]
    segment = ["-m", f"{twins}.segment", "--listen", "127.0.0.1:0", "--key", KEYS[0]]
    async with (
        Program(saleor) as one,
        Program(segment) as other,
        httpx.AsyncClient(timeout=30) as client,
    ):
        first, second = await asyncio.gather(one.said(_names_url), other.said(_names_url))
        yield World(client, _origin(first), _origin(second))


def _names_url(line: str) -> bool:
    return "http://" in line


def _origin(line: str) -> str:
    return "http://" + line.split("http://")[1].split("/", maxsplit=1)[0]


@dataclass
class Manifests:
    """The example's manifests, pointed at the stand-ins."""

    path: Path
    documents: list[dict[str, Any]]

    @classmethod
    def adapted(cls, path: Path, world: World) -> "Manifests":
        documents = list(yaml.safe_load_all(EXAMPLE.read_text()))
        for document in documents:
            if document["kind"] == "SaleorSegmentIntegration":
                document["spec"]["saleor"]["apiUrl"] = f"{world.saleor}/graphql/"
                segment = document["spec"]["segment"]
                segment.pop("region", None)
                segment["endpoint"] = world.segment
            elif "password" in document["stringData"]:
                document["stringData"] = {"email": EMAIL, "password": PASSWORD}
        return cls(path, documents)

    def save(self, write_key: str) -> None:
        for document in self.documents:
            if "writeKey" in document.get("stringData", {}):
                document["stringData"]["writeKey"] = write_key
        fresh = self.path.with_suffix(".new")
        fresh.write_text(yaml.safe_dump_all(self.documents))
        fresh.replace(self.path)


@dataclass
class Demo:
    """The day and what is done to it."""

    world: World
    manifests: Manifests
    folder: Path
    port: int
    console: Console

    def product(self) -> Program:
        return saleor_segment(
            *("run", "-f", self.manifests.path, "--data-dir", self.folder / "data"),
            *("--listen", f"127.0.0.1:{self.port}", "--private-listen", "127.0.0.1:0"),
        )

    async def play(self, orders: int, seconds: float) -> Account:
        self.manifests.save(KEYS[0])
        with self._bar() as bar:
            task = bar.add_task("registering the app", total=orders + 1)
            async with self.product() as product:
                await until(self.world.ready)
                bar.update(task, description="orders flow")
                await self._start_day(orders, seconds)
                await self._progress(bar, task, orders * 0.3)
                bar.update(task, description="the write key rotates")
                await self._rotate()
                await self._progress(bar, task, orders * 0.6)
                bar.update(task, description="kill -9, and start again")
                await product.end(signal.SIGKILL)
            async with self.product() as product:
                await self._progress(bar, task, orders)
                bar.update(task, description="the last ones arrive")
                account = await self._settled()
                bar.update(task, completed=orders + 1, description="done")
                await product.end(signal.SIGINT)
        return account

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description:<26}"), BarColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self.console)

    async def _start_day(self, orders: int, seconds: float) -> None:
        day = {"orders": orders, "seconds": seconds}
        answer = await self.world.client.post(f"{self.world.saleor}/_twin/day", json=day)
        answer.raise_for_status()

    async def _progress(self, bar: Progress, task: Any, orders: float) -> None:
        async def placed() -> bool:
            day = (await self.world.state())["day"]
            bar.update(task, completed=day["placed"])
            return bool(day["placed"] >= orders)

        await until(placed, seconds=120, every=0.1)

    async def _rotate(self) -> None:
        """Rotate as a careful person does: the old key is revoked once the new one is in use."""
        segment, client = self.world.segment, self.world.client
        (await client.put(f"{segment}/_twin/keys/{KEYS[1]}")).raise_for_status()
        self.manifests.save(KEYS[1])

        async def in_use() -> bool:
            return any(m["writeKey"] == KEYS[1] for m in await self.world.messages())

        await until(in_use, seconds=10, every=0.1)
        (await client.delete(f"{segment}/_twin/keys/{KEYS[0]}")).raise_for_status()

    async def _settled(self) -> Account:
        """Wait until Saleor has nothing left to deliver and the account balances, or time is up."""

        async def delivered() -> bool:
            state = await self.world.state()
            return bool(state["settled"] and state["day"]["finished"])

        await until(delivered, seconds=60, every=0.1)
        account = await self.world.account()
        for _ in range(50):
            if account.balanced:
                break
            await asyncio.sleep(0.2)
            account = await self.world.account()
        return account


def show(account: Account, console: Console) -> None:
    """Print the account."""
    events = Table(title="A shop's day", box=box.SIMPLE, pad_edge=False)
    columns = ("event", "emitted", "retried", "acknowledged", "arrived", "doubled", "lost")
    for name in columns:
        events.add_column(
            name, justify="left" if name == "event" else "right", no_wrap=True, min_width=len(name)
        )
    for row in account.rows:
        events.add_row(row.event, *(str(getattr(row, name)) for name in columns[1:]))
    console.print(events)
    money = Table(title="Money", box=box.SIMPLE)
    for name in ("currency", "what", "the shop says", "Segment holds"):
        money.add_column(name, justify="left" if name in {"currency", "what"} else "right")
    for currency, sums in sorted(account.shop.items()):
        for what, amount in sums.items():
            held = account.segment.get(currency, {}).get(what, 0)
            money.add_row(currency, what, f"{amount:,.2f}", f"{held:,.2f}")
    console.print(money)


def free_port() -> int:
    """Return a port that is free now: the process is started twice on the same one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def main(orders: int, seconds: float) -> int:
    """Play the day and return the exit code."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="saleor-segment-demo-") as name:
        async with world() as around:
            folder = Path(name)
            manifests = Manifests.adapted(folder / "integration.yaml", around)
            demo = Demo(around, manifests, folder, free_port(), console)
            account = await demo.play(orders, seconds)
    show(account, console)
    sys.stdout.write(account.summary + "\n")
    return 0 if account.balanced else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the day takes")
    arguments = parser.parse_args()
    sys.exit(asyncio.run(main(arguments.orders, arguments.seconds)))
