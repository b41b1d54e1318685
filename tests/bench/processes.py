"""Processes under measurement: pinned to a core, watched from outside."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

CORE_OF_SUBJECT = 0
CORE_OF_LOAD = 1


def pin(pid: int, core: int) -> None:
    """Bind a process to one core, where the machine has it."""
    if core in os.sched_getaffinity(0) or core in range(os.cpu_count() or 1):
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def running(
    arguments: Sequence[str], *, core: int | None = None, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python ARGUMENTS…`` for the time of the block; its output goes to ``log``."""
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, *arguments], stdout=output, stderr=output)
    if core is not None:
        pin(process.pid, core)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def resident(pid: int) -> int:
    """Return the resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def wait_for(path: Path, process: subprocess.Popen[bytes], *, seconds: float = 30) -> str:
    """Return what a process has written to ``path``, once it has."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and (text := path.read_text()):
            return text
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not write {path.name}, exit code {process.poll()}")
