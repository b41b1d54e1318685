"""A clock that a test moves while the process that goes by it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.fault.shifted import WIDTH
from tests.system.programs import Program
from tests.system.serving import Serving, Stand


class Shift:
    """By how much a process's clock is off; it may be changed while that runs."""

    def __init__(self, path: Path, seconds: float = 0.0) -> None:
        self.path = path
        self.seconds = seconds
        self.by(0.0)

    def by(self, seconds: float) -> None:
        """Move the clock, on or back."""
        self.seconds += seconds
        self.path.touch()
        with self.path.open("r+b", buffering=0) as file:
            file.write(f"{self.seconds:{WIDTH}}".encode())

    def program(self, *arguments: str | Path) -> Program:
        """Return our command line by this clock, logging JSON."""
        line = ["-m", "tests.fault.shifted", self.path, *arguments, "--log-format", "json"]
        return Program([str(each) for each in line])

    @asynccontextmanager
    async def serving(self, stand: Stand, *more: str) -> AsyncIterator[Serving]:
        """Run a stand's server by this clock."""
        async with self.program(*stand.arguments(), *more) as program:
            told = await program.logged("listening")
            yield Serving(stand, program, told["public"], told["private"])
