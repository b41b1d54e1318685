"""Measure, round by round, and write the report: ``python -m tests.bench [--quick] [NAME…]``.

A whole run writes docs/bench/ and docs/benchmarks.md; with ``--quick`` or with names it is a trial,
and its report goes to build/.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tests.bench.backlog import Backlog
from tests.bench.bench import Bench
from tests.bench.cold_start import ColdStart
from tests.bench.end_to_end import EndToEnd
from tests.bench.fleet import Fleet
from tests.bench.forwarding import Forwarding
from tests.bench.journal import Journal
from tests.bench.latency import Latency
from tests.bench.page import write
from tests.bench.receiving import Receiving
from tests.bench.report import Report
from tests.bench.rotation import Rotation
from tests.bench.segment_client import SegmentClients

ROUNDS = 5
BUILD = Path("build")
"""For what a run needs, and for trials: on the checkout's disk, where /tmp may be memory."""

Make = Callable[[Path, bool], Bench]
"""Makes a bench that works in a folder; a quick one or not."""

BENCHES: Mapping[str, Make] = MappingProxyType(
    {
        "receiver": lambda at, quick: Receiving(at, deliveries=3000 if quick else 20_000),
        "journal": lambda at, quick: Journal(at, events=10_000 if quick else 100_000),
        "forwarder": lambda at, quick: Forwarding(at, events=10_000 if quick else 50_000),
        "backlog": lambda at, quick: Backlog(at, events=50_000 if quick else 1_000_000),
        "through": lambda at, quick: EndToEnd(at, deliveries=3000 if quick else 20_000),
        "latency": lambda at, quick: Latency(at, deliveries=50 if quick else 200),
        "client": lambda at, _: SegmentClients(at),
        "start": lambda at, _: ColdStart(at),
        "rotation": lambda at, quick: Rotation(at, changes=10 if quick else 50),
        "fleet": lambda at, quick: Fleet(
            at, integrations=20 if quick else 500, resync=60 if quick else 300
        ),
    }
)


def main() -> None:
    """Measure what is asked for and write the report."""
    given = parse()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # end what was started
    report = Report()
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=BUILD) as work:
        for name in given.names:
            folder = Path(work, name)
            folder.mkdir()
            bench = BENCHES[name](folder, given.quick)
            if obstacle := bench.obstacle():
                report.skipped[name] = obstacle
                say(f"{name}: skipped: {obstacle}")
                continue
            measure(name, bench, rounds=min(given.rounds, bench.most_rounds or given.rounds))
            report.measures += bench.measures()
            report.series |= bench.series()
            if profile := bench.profile():
                report.profiles[name] = profile
                say(f"{name}: sampled once more, for the profile")
            shutil.rmtree(folder)
    trial = given.quick or given.names != list(BENCHES)
    page = write(BUILD if trial else Path("docs"), report, disk=BUILD)
    say(f"written to {page}")


def measure(name: str, bench: Bench, *, rounds: int) -> None:
    """Measure one thing round by round."""
    say(f"{name}: preparing")
    bench.prepare()
    for number in range(rounds):
        say(f"{name}: round {number + 1} of {rounds}")
        say(f"{name}: {bench.round(number)}")


def say(text: str) -> None:
    """Show how far it is."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="one small round, for a look")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}, quick 1")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}: name some of {', '.join(BENCHES)}")
    given.names = [name for name in BENCHES if name in given.names] or list(BENCHES)
    given.rounds = given.rounds or (1 if given.quick else ROUNDS)
    return given


if __name__ == "__main__":
    main()
