"""Processes under measurement: pinned to a core, watched from outside."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_CORES = sorted(os.sched_getaffinity(0))
CORE_OF_SUBJECT, CORE_OF_LOAD = _CORES[0], _CORES[-1]

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Bind this thread to one core, if any is named; what it starts inherits that."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(
    arguments: Sequence[str],
    *,
    log: Path,
    core: int | None = None,
    python: str | Path = sys.executable,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python ARGUMENTS…`` for the time of the block; its output goes to ``log``."""
    with log.open("wb") as output, pinned(core):
        process = subprocess.Popen([python, *arguments], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(
    arguments: Sequence[str], *, log: Path, core: int | None = None, seconds: float = 600
) -> None:
    """Run ``python ARGUMENTS…`` to its end."""
    with running(arguments, log=log, core=core) as process:
        if code := process.wait(seconds):
            raise RuntimeError(f"{process.args!r} ended with {code}: {log.read_text()[-2000:]}")


def resident(pid: int) -> int:
    """Return the resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def most_resident(pid: int) -> int:
    """Return the most resident bytes that a process has had so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@dataclass(frozen=True)
class Cpu:
    """Seconds of processor time that a process has used."""

    main: float
    """By its main thread, which runs the event loop."""
    others: float
    """By all its other threads."""

    def __sub__(self, other: "Cpu") -> "Cpu":
        return Cpu(self.main - other.main, self.others - other.others)

    @property
    def total(self) -> float:
        return self.main + self.others


def cpu(pid: int) -> Cpu:
    """Return the processor time that a process has used so far."""
    main = int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    total = (int(stat[11]) + int(stat[12])) / _TICKS  # threads that have ended included
    return Cpu(main, total - main)


def wait_for(
    path: Path, process: subprocess.Popen[bytes], *, word: str = "", seconds: float = 30
) -> str:
    """Return what a process has written to ``path``, once whole lines hold ``word``."""
    end = time.monotonic() + seconds
    text = ""
    while time.monotonic() < end and process.poll() is None:
        text = path.read_text() if path.exists() else ""
        if text.endswith("\n") and word in text:
            return text
        time.sleep(0.02)
    raise RuntimeError(f"{process.args!r} did not say so ({process.poll()}): {text[-2000:]}")
