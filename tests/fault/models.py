"""The models at length: journal and plan, each driven by Hypothesis through ten times as much."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from tests.fault.parts import Verdict

_ROOT = Path(__file__).parents[2]
_MODELS = {
    "journal": "tests/data_plane/journal/test_machine.py",
    "plan": "tests/control_plane/reconcile/test_plan.py",
    "plan in a rough world": "tests/control_plane/reconcile/test_plan_machine.py",
}
_AT_LENGTH = ("--hypothesis-profile=soak", "--hypothesis-show-statistics", "--timeout=0")


async def soak(_: Path) -> Verdict:
    """The long form."""
    found = [await _drive(name, file) for name, file in _MODELS.items()]
    return Verdict(all(held for held, _ in found), tuple(figure for _, figure in found))


async def _drive(name: str, file: str) -> tuple[bool, str]:
    """Run one model's tests by pytest; say whether they passed, and how much was tried."""
    command = (sys.executable, "-m", "pytest", "-n0", "-q", *_AT_LENGTH, file)
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, cwd=_ROOT)
    said = (await process.communicate())[0].decode()
    if process.returncode:
        print(said, file=sys.stderr)  # noqa: T201 - a command line
        return False, f"{name}: failed"
    tried = sum(map(int, re.findall(r"(\d+) passing", said)))
    return True, f"{name}: {tried:,} runs, each of its own making, and none failed"
