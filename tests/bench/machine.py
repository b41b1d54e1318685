"""What it ran on, described without naming it."""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("aiohttp", "uvloop", "orjson", "cryptography")


def machine(folder: Path) -> str:
    """Describe the machine, the disk that ``folder`` is on, and the libraries that matter."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line for line in cpuinfo if line.startswith("model name")), ": a processor")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    synced = statistics.median(_sync(folder) for _ in range(50))
    software = [
        f"Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        *(f"{name} {version(name)}" for name in LIBRARIES),
    ]
    return (
        f"{model.split(':', 1)[1].strip()}, {os.cpu_count()} cores, {memory / 1e9:.0f} GB;"
        f" {_file_system(folder)}, where 4 kB are on the disk after {synced * 1000:.2f} ms."
        f" {', '.join(software)}."
    )


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    here = folder.resolve()
    return max((m for m in mounts if here.is_relative_to(m[1])), key=lambda m: len(m[1]))[2]


def _sync(folder: Path) -> float:
    """Return the seconds until a small write is durable."""
    with tempfile.TemporaryFile(dir=folder) as file:
        start = time.perf_counter()
        file.write(bytes(4096))
        file.flush()
        os.fdatasync(file.fileno())
        return time.perf_counter() - start
