"""What ``make soak`` runs: the long forms of the faults, and the page that they write.

Each part runs alone, against real processes and files, and says whether its promise held and the
figures that show it. The short form of each is a test in this folder.
"""

import asyncio
import re
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.machine import machine
from tests.fault import backlogs, flooding, flow, fuzzing, idling, killing, models, neighbours
from tests.fault.parts import Part

PAGE = Path(__file__).parents[2] / "docs" / "soak.md"


PARTS: tuple[Part, ...] = (
    Part(
        "kill -9",
        "A server is killed 200 times under load; what was acknowledged arrives once, or is a dead"
        " letter.",
        killing.soak,
    ),
    Part(
        "Models",
        "Journal and plan do as their models say, through crashes in the midst of a transaction,"
        " failing disks, failing calls and meddling hands: ten times what `make test` runs.",
        models.soak,
    ),
    Part(
        "A flood of unknown keys",
        "100,000 deliveries under keys that nobody has, over 256 connections: the shop is asked at"
        " most every 5 s, genuine deliveries are accepted meanwhile, memory does not grow.",
        flooding.soak,
    ),
    Part(
        "Fuzz",
        "100,000 forged and mangled deliveries, made of captured ones: none is accepted, each is"
        " refused with a documented answer, the log tells of no trouble.",
        fuzzing.soak,
    ),
    Part(
        "Neighbours",
        "While other shops have trouble with Segment, of each kind, one shop's orders arrive within"
        " a second, 19 of 20 of them, from delivery to Segment: 200 orders beside each trouble.",
        neighbours.soak,
    ),
    Part(
        "Memory",
        "1,000,000 deliveries go through a server, to 40 Pipelines: each arrives once, memory is at"
        " the end what it was after 250,000 (5 MB), and the log stays below 32 MB.",
        flow.soak,
    ),
    Part(
        "Backlog",
        "1,000,000 events wait when a server starts: each arrives once, memory is flat meanwhile"
        " (5 MB), and what comes next uses the file's room again.",
        backlogs.soak,
    ),
    Part(
        "Idle",
        "Operator and server, in one process, live through 24 hours by a clock that hurries, with"
        " probes each 10 s, scrapes each 30 s, strangers each minute, a pass each 5 min and an"
        " order an hour: no more tasks, files, threads or memory than at first.",
        idling.soak,
    ),
)


def select(names: Sequence[str]) -> list[Part]:
    """Return the named parts, or all. Raise ``SystemExit`` for a name that is none."""
    known = {part.name: part for part in PARTS}
    if unknown := set(names) - known.keys():
        raise SystemExit(f"{', '.join(unknown)}: no part: there are {', '.join(known)}")
    return [known[name] for name in names] or list(PARTS)


async def carry_out(part: Part) -> tuple[str, bool]:
    """Run a part and return its section of the page, and whether it held."""
    began = time.monotonic()
    with TemporaryDirectory() as folder:
        verdict = await part.run(Path(folder))
    took = timedelta(seconds=round(time.monotonic() - began))
    lines = [f"## {part.name}: {'held' if verdict.held else 'did not hold'}", "", part.promise, ""]
    lines += [f"- {figure}" for figure in verdict.figures] + [f"- took {took}"]
    return "\n".join(lines), verdict.held


HEAD = """# Soak

Written by `make soak`; do not edit. The long forms of the faults in
[failure-modes.md](failure-modes.md). A part that is run alone (`make soak ARGS=Idle`) renews its
section.

{machine}"""


def sections(page: str) -> dict[str, str]:
    """Return the sections of a page, by the name of their part."""
    parts = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    return {part.partition(": ")[0]: f"## {part.strip()}" for part in parts}


def renew(part: Part, section: str) -> None:
    """Put a part's new section into the page, in the order of the parts."""
    known = sections(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    known[part.name] = section
    told = [known[each.name] for each in PARTS if each.name in known]
    head = HEAD.format(machine=machine(PAGE.parent))
    PAGE.write_text("\n\n".join([head, *told]) + "\n", encoding="utf-8")


async def soak(names: Sequence[str]) -> bool:
    """Run the parts, print and write down each as it ends, and say whether all held."""
    all_held = True
    for part in select(names):
        print(f"{part.name} …", file=sys.stderr, flush=True)  # noqa: T201 - a command line
        section, held = await carry_out(part)
        print(section, flush=True)  # noqa: T201 - a command line
        renew(part, section)
        all_held &= held
    return all_held


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(soak(sys.argv[1:])) else 1)
