"""``saleor-segment serve`` and ``run`` by a clock that a test moves.

``python -m tests.fault.shifted FILE serve …`` is the command line, but its clock is the machine's
and the seconds that the file says, at each look.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from saleor_segment_operator.cli.daemons import RUN_NAMES, start
from saleor_segment_operator.cli.flags import load, options
from saleor_segment_operator.standalone import RunSettings
from saleor_segment_server.serve import serve
from saleor_segment_server.settings import ServeSettings

WIDTH = 20
"""Characters of the file: written at once, and read at once."""


class _Clock:
    """Reads the file anew each time."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)

    def __call__(self) -> float:
        return time.time() + float(os.pread(self._file, WIDTH, 0))


def main(path: Path) -> click.Group:
    """Return the two commands, by the clock that the file tells."""
    clock = _Clock(path)

    @click.command("serve")
    @options(ServeSettings, {})
    def serve_shifted(**given: Any) -> None:
        settings = load(ServeSettings, given, {})
        start(settings, lambda stop: serve(settings, stop, clock=clock))

    @click.command("run")
    @options(RunSettings, RUN_NAMES)
    def run_shifted(**given: Any) -> None:
        # Imported here, as the command line does: the other command is sooner up without it.
        from saleor_segment_operator.standalone.run import run_standalone  # noqa: PLC0415

        settings = load(RunSettings, given, RUN_NAMES)
        start(settings, lambda stop: run_standalone(settings, stop, clock=clock))

    return click.Group(commands=[serve_shifted, run_shifted])


if __name__ == "__main__":
    main(Path(sys.argv[1]))(sys.argv[2:])
