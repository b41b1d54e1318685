"""``make demo`` in its short form: the whole product, a rotation and a kill -9 included."""

import re

import pytest

from tests.system.programs import Program


@pytest.mark.timeout(180)
async def test_a_short_day_ends_with_nothing_lost_or_doubled() -> None:
    arguments = ["-m", "tests.system.demo", "--orders", "40", "--seconds", "8"]
    async with Program(arguments) as demo:
        code = await demo.ended(seconds=150)
    assert code == 0, demo.text
    found = re.fullmatch(r"(\d+) emitted, (\d+) arrived, 0 lost, 0 doubled", demo.lines[-1])
    assert found, demo.text
    assert found[1] == found[2]
    assert int(found[1]) > 40
