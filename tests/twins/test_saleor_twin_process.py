"""The twin as a process, driven over HTTP as the demo drives it."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.twins.saleor import SaleorTwin, SigningKey
from tests.twins.saleor.receiver import Receiver

ROOT = Path(__file__).parents[2]
QUERY = "subscription{event{__typename issuedAt ... on %s{order{id}}}}"
EVENTS = {
    "ORDER_CREATED": "OrderCreated",
    "ORDER_UPDATED": "OrderUpdated",
    "ORDER_CANCELLED": "OrderCancelled",
    "ORDER_FULLY_PAID": "OrderFullyPaid",
    "ORDER_REFUNDED": "OrderRefunded",
}


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def saleor(key: SigningKey, receiver: Receiver) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(key=key) as twin:
        app = twin.app()
        for event, kind in EVENTS.items():
            twin.webhook(app, event, f"{receiver.url}/{event}", QUERY % kind)
        yield twin


async def _get(saleor: SaleorTwin, path: str) -> Any:
    async with ClientSession() as session, session.get(f"{saleor.origin}{path}") as response:
        assert response.status == 200
        return await response.json()


async def _post(saleor: SaleorTwin, path: str, **body: Any) -> tuple[int, Any]:
    async with (
        ClientSession() as session,
        session.post(f"{saleor.origin}{path}", json=body) as response,
    ):
        return response.status, await response.json()


async def test_a_day_is_played_counted_and_summed(saleor: SaleorTwin, receiver: Receiver) -> None:
    status, _ = await _post(saleor, "/_twin/day", orders=30, seconds=0.5)
    assert status == 202
    await saleor.settled()
    state = await _get(saleor, "/_twin/state")
    assert state["settled"]
    assert state["day"] == {"orders": 30, "placed": 30, "finished": True}
    assert state["events"].keys() == EVENTS.keys()
    for counts in state["events"].values():
        assert counts["emitted"] == counts["acknowledged"] == counts["attempts"] > 0
    assert sum(counts["emitted"] for counts in state["events"].values()) == len(receiver.received)
    orders = await _get(saleor, "/_twin/orders")
    assert state["totals"].keys() == {"PLN", "USD"}
    for currency, totals in state["totals"].items():
        mine = [one for one in orders.values() if one["currency"] == currency]
        assert totals["orders"] == len(mine)
        for name in ("revenue", "tax", "shipping", "total", "refunded"):
            assert Decimal(totals[name]) == sum(Decimal(one[name]) for one in mine)


async def test_one_day_runs_at_a_time(saleor: SaleorTwin) -> None:
    await _post(saleor, "/_twin/day", orders=3, seconds=0.2)
    status, answer = await _post(saleor, "/_twin/day", orders=3, seconds=0.2)
    assert status == 400
    assert "a day is running" in answer["error"]
    await saleor.settled()
    status, _ = await _post(saleor, "/_twin/day", orders=3, seconds=0.0)
    assert status == 202
    await saleor.settled()
    assert len(saleor.shop.orders) == 6


async def test_deliveries_and_webhooks_are_listed(saleor: SaleorTwin, receiver: Receiver) -> None:
    receiver.answer("ORDER_CREATED", 404)
    saleor.shop.place_order()
    await saleor.settled()
    (delivery,) = await _get(saleor, "/_twin/deliveries")
    assert (delivery["event"], delivery["outcome"]) == ("ORDER_CREATED", "failed")
    assert delivery["statuses"] == [404]
    assert delivery["issuedAt"] == json.loads(receiver.received[0].body)["issuedAt"]
    hooks = await _get(saleor, "/_twin/webhooks")
    assert [hook["events"] for hook in hooks] == [[event] for event in EVENTS]


async def test_faults_are_set_and_healed(saleor: SaleorTwin) -> None:
    status, faults = await _post(saleor, "/_twin/faults", hold_deliveries=True)
    assert (status, faults["hold_deliveries"]) == (200, True)
    saleor.shop.place_order()
    assert not (await _get(saleor, "/_twin/state"))["settled"]
    await _post(saleor, "/_twin/faults")
    await saleor.settled()
    status, answer = await _post(saleor, "/_twin/faults", nonsense=True)
    assert status == 400
    assert "nonsense" in answer["error"]


async def test_the_key_is_rotated(saleor: SaleorTwin) -> None:
    before = await _get(saleor, "/.well-known/jwks.json")
    _, rotated = await _post(saleor, "/_twin/rotate-key")
    (jwk,) = (await _get(saleor, "/.well-known/jwks.json"))["keys"]
    assert jwk["kid"] == rotated["kid"] != before["keys"][0]["kid"]


@asynccontextmanager
async def _process(*more: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.twins.saleor", "--listen", "127.0.0.1:0", *more),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    try:
        async with asyncio.timeout(20):
            line = (await process.stdout.readline()).decode()
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_the_process_says_where_it_listens_and_ends_when_asked() -> None:
    login = """mutation{tokenCreate(email:"a@example.com",password:"b:c"){token errors{code}}}"""
    async with _process("--staff", "a@example.com:b:c") as (process, api_url):
        async with (
            ClientSession() as session,
            session.post(api_url, json={"query": login}) as response,
        ):
            answer = await response.json()
        assert answer["data"]["tokenCreate"]["errors"] == []
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
