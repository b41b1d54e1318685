"""``saleor-segment run`` as a process: signals, kill -9, exit codes, and what it prints."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control_plane.standalone.stand import (
    PLANTED,
    Stand,
    condition,
    free_port,
    standing,
)
from tests.system.programs import Program, saleor_segment


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with standing(tmp_path) as stand:
        yield stand


def run(stand: Stand, *arguments: str) -> Program:
    return saleor_segment(
        *("run", "-f", stand.file, "--data-dir", stand.folder / "data"),
        *("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0", "--ballast", "1Mi"),
        *("--log-level", "info"),
        *arguments,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_example_brings_orders_to_segment_and_a_signal_drains(
    stand: Stand, number: signal.Signals
) -> None:
    async with run(stand, "--log-level", "debug") as program:
        await condition(program, "Ready", "True")
        await stand.arrives(stand.order())
        assert await program.end(number, seconds=10) == 0
    assert [app.name for app in stand.saleor.apps] == ["Segment default/main-shop"]
    assert stand.webhooks() == [True] * 5
    assert PLANTED not in program.text
    assert "Traceback" not in program.text


@pytest.mark.parametrize(
    "action", ["RegisterApp", "CreateWebhook", "PublishPipeline", "SwitchWebhooks"]
)
async def test_killed_at_any_step_it_never_makes_a_second_app(stand: Stand, action: str) -> None:
    async with run(stand) as program:
        await program.said(lambda line: f'"{action}"' in line)
        await program.end(signal.SIGKILL)
    async with run(stand) as program:
        await condition(program, "Ready", "True")
        await stand.arrives(stand.order())
    assert len(stand.saleor.apps) == 1
    assert stand.webhooks() == [True] * 5


async def test_killed_before_it_knows_the_app_it_made_it_finds_it(stand: Stand) -> None:
    stand.saleor.fail(lose_answer_to="appCreate")
    async with run(stand) as program:
        await stand.saleor.until(lambda: len(stand.saleor.apps) == 1)
        await program.end(signal.SIGKILL)
    stand.saleor.heal()
    async with run(stand) as program:
        await condition(program, "Ready", "True")
    assert len(stand.saleor.apps) == 1
    assert stand.saleor.mutations.count("appCreate") == 1


async def test_killed_with_orders_on_their_way_it_loses_none(stand: Stand) -> None:
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    async with run(stand, *listen) as program:
        await condition(program, "Ready", "True")
        day = stand.saleor.start_day(30, 2.0)
        await stand.saleor.until(lambda: day.placed > 10)
        await program.end(signal.SIGKILL)
    async with run(stand, *listen):
        await stand.saleor.settled()
        await stand.arrives(*stand.saleor.shop.orders)
    assert stand.segment.inbox.totals()["doubled"] == 0
    assert len(stand.saleor.apps) == 1


async def test_a_second_signal_ends_it_at_once(stand: Stand) -> None:
    async with run(stand) as program:
        await condition(program, "Ready", "True")
        program.process.send_signal(signal.SIGINT)
        program.process.send_signal(signal.SIGINT)
        assert await program.ended(seconds=5) in {0, 130}  # the first may have been enough


async def test_a_reader_who_leaves_stops_nothing(stand: Stand) -> None:
    pipeline = await asyncio.create_subprocess_exec(
        *("bash", "-c", '"$0" "$@" 2>/dev/null | head -n 1', sys.executable),
        *map(str, run(stand).arguments),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert pipeline.stdout is not None
    assert await pipeline.stdout.readline()
    try:
        await stand.saleor.until(lambda: stand.webhooks() == [True] * 5)
    finally:
        os.killpg(pipeline.pid, signal.SIGTERM)
        await pipeline.communicate()


async def refused(stand: Stand, *arguments: str) -> str:
    """Run it on what it cannot run on; return the only line it says."""
    async with run(stand, *arguments) as program:
        assert await program.ended() == 2
    assert PLANTED not in program.text
    (line,) = program.lines
    return line


async def test_a_bad_manifest_is_one_line_and_exit_code_2(stand: Stand) -> None:
    stand.file.write_text(stand.file.read_text().replace("password: ", "password: *"))
    assert (await refused(stand)).startswith(f"{stand.file}:")


async def test_a_bad_flag_is_one_line_and_exit_code_2(stand: Stand) -> None:
    assert (await refused(stand, "--resync", PLANTED)).startswith("--resync: ")


async def test_a_port_in_use_is_one_line_and_exit_code_2(stand: Stand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = await refused(stand, "--listen", address)
    assert line.startswith(address)
    assert "--listen" in line


async def test_a_folder_that_is_held_is_one_line_and_exit_code_2(stand: Stand) -> None:
    async with run(stand) as program:
        await condition(program, "Listening", "True")
        assert "another process" in await refused(stand)
