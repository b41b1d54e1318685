"""Disks that fail a journal: what a crash leaves of what was being written, and writes that fail.

A crash between two moments leaves any part of what was written in between: SQLite has waited for
the disk only at the end of each transaction. A process that dies alone leaves all of it.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

_SECTOR = 512


@dataclass(frozen=True)
class Files:
    """What lies on the disk of a journal."""

    database: bytes
    log: bytes

    @classmethod
    def at(cls, path: Path) -> "Files":
        """Read them as they are, open or not."""
        log = path.with_name(path.name + "-wal")
        return cls(path.read_bytes(), log.read_bytes() if log.exists() else b"")

    def write(self, path: Path) -> None:
        """Lay them into a folder of their own."""
        path.parent.mkdir(parents=True)
        path.write_bytes(self.database)
        path.with_name(path.name + "-wal").write_bytes(self.log)


def crashed(before: Files, after: Files, chance: Random | None) -> Files:
    """Return what a crash leaves between the two; without chance all of it, as kill -9 does."""
    if chance is None or before.database != after.database:
        return after  # a checkpoint: the log was on the disk before the database was touched
    return Files(after.database, _torn(before.log, after.log, chance))


def _torn(before: bytes, after: bytes, chance: Random) -> bytes:
    """Mix two logs by sectors: the first of them up to a point, or any of them."""
    size = max(len(before), len(after))
    old, new = before.ljust(size, b"\0"), after.ljust(size, b"\0")
    cut = chance.randrange(size + 1)
    some = chance.random() < 0.5
    mixed = bytearray(new[:cut] + old[cut:])
    for at in range(0, size if some else 0, _SECTOR):
        source = new if chance.random() < 0.5 else old
        mixed[at : at + _SECTOR] = source[at : at + _SECTOR]
    if before[:32] != after[:32]:  # a header is waited for before anything follows it
        mixed[:_SECTOR] = new[:_SECTOR]
    return bytes(mixed)


@contextmanager
def failing_disk(path: Path) -> Iterator[None]:
    """Let every write beyond the log's present size fail (EFBIG, an I/O error to SQLite)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.with_name(path.name + "-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
