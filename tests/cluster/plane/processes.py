"""Processes that end with the thread that started them, however that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

# The kernel kills the child once its parent is gone; a parent gone before that was asked is seen.
_TIED = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execvpe(sys.argv[2], sys.argv[2:], os.environ)\n"
)


def tied(command: Sequence[str | Path]) -> list[str]:
    """Return ``command`` so that it is killed when the thread that starts it ends."""
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *map(str, command)]


class Process:
    """A program that writes to a log file and can be started again."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self._command = tied(command)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; what it says is added to the log."""
        with self.log.open("ab") as log:
            self._process = _start(self._command, log, self._environment)

    @property
    def pid(self) -> int:
        """Its process id, which outlives it."""
        assert self._process is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once; nothing happens where it has not been started."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def pause(self, seconds: float) -> None:
        """Wait ``seconds``, or fail with the end of its log where it ends meanwhile."""
        assert self._process is not None
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"{self.log.stem} ended with {code}:\n{self.tail()}")

    def tail(self, lines: int = 20) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _start(
    command: Sequence[str], log: IO[bytes], environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
