import signal
import subprocess
import sys

import pytest

# A daemon that says when it runs and when it was stopped, and drains for as long as it is told.
PROGRAM = """
import asyncio, sys
from saleor_segment_operator.cli.daemons import start
from saleor_segment_server.settings import CommonSettings

async def daemon(stop):
    print(type(asyncio.get_running_loop()).__module__, flush=True)
    await stop.wait()
    print("draining", flush=True)
    await asyncio.sleep(float(sys.argv[1]))

start(CommonSettings(), daemon)
"""


def _daemon(drains_for: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, drains_for], stdout=subprocess.PIPE, text=True
    )


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_ends_with_0(number: signal.Signals) -> None:
    with _daemon("0") as process:
        assert _line(process) == "uvloop"
        process.send_signal(number)
        assert _line(process) == "draining"
        assert process.wait(10) == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_it_at_once(number: signal.Signals, code: int) -> None:
    with _daemon("3600") as process:
        _line(process)
        process.send_signal(number)
        assert _line(process) == "draining"
        process.send_signal(number)
        assert process.wait(10) == code


def test_the_server_is_served_without_kubernetes_and_graphql_clients() -> None:
    program = (
        "import sys; import saleor_segment_operator.cli, saleor_segment_server.serve;"
        "print(sorted({'kopf', 'kubernetes', 'gql', 'graphql'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"
