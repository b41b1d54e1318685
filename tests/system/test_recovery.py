"""``saleor-segment run`` was away for longer than Saleor tries: all of it comes back, once."""

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.control_plane.standalone.stand import PLANTED, Stand, condition, free_port, standing
from tests.system.account import draw_up
from tests.system.programs import Program, saleor_segment, until


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path, time_scale=1000) as stand:  # 310 s pass in 0.3
        yield stand


@pytest.fixture
def listen() -> str:
    return f"127.0.0.1:{free_port()}"


def run(stand: Stand, listen: str) -> Program:
    return saleor_segment(
        *("run", "-f", stand.file, "--data-dir", stand.folder / "data"),
        *("--listen", listen, "--private-listen", "127.0.0.1:0", "--ballast", "1Mi"),
        *("--log-level", "info"),
    )


async def give_up(stand: Stand, orders: int) -> int:
    """Have a day pass in the shop and Saleor give up; return how many deliveries were."""
    stand.saleor.start_day(orders, 0.5)
    await stand.saleor.settled(60)
    return sum(each.outcome == "failed" for each in stand.saleor.deliveries)


async def balances(stand: Stand) -> None:
    """Wait until Segment has what every delivery calls for, to the cent, and nothing twice."""
    async with aiohttp.ClientSession() as session:

        async def told(what: str) -> Any:
            async with session.get(f"{stand.saleor.origin}/_twin/{what}") as response:
                return await response.json()

        deliveries, orders = await told("deliveries"), await told("orders")
    account = draw_up(deliveries, [], orders)

    def balanced() -> bool:
        nonlocal account
        account = draw_up(deliveries, list(stand.segment.inbox.messages()), orders)
        return account.balanced

    try:
        await until(balanced, every=0.1)
    except TimeoutError:
        raise AssertionError(account) from None
    assert stand.segment.inbox.totals()["doubled"] == 0


async def test_what_came_while_the_process_was_down_arrives_once(stand: Stand, listen: str) -> None:
    async with run(stand, listen) as program:
        await condition(program, "Ready", "True")
        await condition(program, "DeliveriesRecovered", "True")
        await stand.arrives(stand.order())
        assert await program.end(signal.SIGTERM) == 0
    lost = await give_up(stand, 40)
    assert lost > 40
    async with run(stand, listen) as program:
        line = await program.said(lambda line: " Recovered " in line)
        assert f"{lost} deliveries that Saleor had given up" in line
        await balances(stand)
        await program.end(signal.SIGTERM)
        assert PLANTED not in program.text
        assert "Traceback" not in program.text
    before = len(stand.segment.inbox)
    async with run(stand, listen) as program:  # Saleor still shows them all
        await condition(program, "DeliveriesRecovered", "True")
        assert await program.end(signal.SIGTERM) == 0
    assert len(stand.segment.inbox) == before
    assert stand.segment.inbox.totals()["doubled"] == 0


async def test_killed_in_the_middle_the_rest_arrives_after_the_next_start(
    stand: Stand, listen: str
) -> None:
    async with run(stand, listen) as program:
        await condition(program, "DeliveriesRecovered", "True")
        assert await program.end(signal.SIGTERM) == 0
    await give_up(stand, 60)
    async with run(stand, listen) as program:
        await stand.segment.inbox.until(1, seconds=15)
        await program.end(signal.SIGKILL)
    async with run(stand, listen) as program:
        await balances(stand)
        assert await program.end(signal.SIGTERM) == 0
    assert stand.segment.inbox.totals()["doubled"] == 0


async def test_what_an_old_key_signed_arrives_as_well(stand: Stand, listen: str) -> None:
    async with run(stand, listen) as program:
        await condition(program, "DeliveriesRecovered", "True")
        assert await program.end(signal.SIGTERM) == 0
    assert await give_up(stand, 5)
    stand.saleor.rotate_key()
    async with run(stand, listen):
        await balances(stand)
