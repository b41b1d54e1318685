"""The files beside the journal: the lock, the mark of suspicion, and what was set aside.

A damaged journal is never deleted and never replaced by an empty one in passing. It is set aside
under a dated name, and while that lies there and no journal does, no process starts: whoever
restores it, or removes it to begin empty, decides so knowingly.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from saleor_segment_server.errors import StartError

_SIBLINGS = ("", "-wal", "-shm")  # SQLite finds them by the database's name
_CHUNK = 2**20


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the journal at ``path`` for this process alone; its folder is made if need be.

    Raises:
        StartError: The folder cannot be written to, or another process holds the journal.
    """
    lock = _open_lock(path)
    try:
        _lock(lock, path)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(beside(path, ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartError(
            f"the data folder {path.parent} is not writable ({error.strerror}): let this user "
            "write there, or choose another folder with --data-dir"
        ) from error


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(
            f"the data folder {path.parent} is in use by another process: stop that one, or "
            "choose another folder with --data-dir"
        ) from None
    except OSError as error:
        raise StartError(
            f"the data folder {path.parent} cannot be locked ({error.strerror}): choose a folder "
            "on a local disk with --data-dir"
        ) from error


def beside(path: Path, suffix: str) -> Path:
    """Return the path of a file that belongs to the journal at ``path``."""
    return path.with_name(path.name + suffix)


def mark_suspect(path: Path) -> None:
    """Leave a mark that makes the next start read every page of the journal."""
    with suppress(OSError):
        beside(path, ".suspect").touch(mode=0o600)


def is_suspect(path: Path) -> bool:
    """Tell whether the mark is there."""
    return beside(path, ".suspect").exists()


def acquit(path: Path) -> None:
    """Take the mark away."""
    beside(path, ".suspect").unlink(missing_ok=True)


def read_error(path: Path) -> OSError | None:
    """Return what plain reading of the journal raises: then the disk fails, whatever it holds."""
    try:
        for suffix in ("", "-wal"):
            with suppress(FileNotFoundError), beside(path, suffix).open("rb", buffering=0) as file:
                while file.read(_CHUNK):
                    pass
    except OSError as error:
        return error
    return None


def set_aside(path: Path, *, now: float, damage: str) -> StartError:
    """Move a damaged journal to a dated name; return the error that tells what to do."""
    kept = beside(path, f".corrupt-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    try:
        for suffix in _SIBLINGS:
            with suppress(FileNotFoundError):
                beside(path, suffix).rename(beside(kept, suffix))
        acquit(path)
    except OSError as error:
        return StartError(
            f"{path} is damaged ({damage}) and cannot be set aside ({error.strerror}): move it "
            "and its log away, and recover what it holds"
        )
    return StartError(
        f"{path} is damaged ({damage}) and was set aside as {kept.name}: {_remedy(path, kept)}"
    )


def refuse_loss(path: Path) -> None:
    """Refuse to begin empty where a journal once was.

    Raises:
        StartError: There is none at ``path``, but one that was set aside or the log of one.
    """
    if path.exists():
        return
    kept = sorted(path.parent.glob(f"{path.name}.corrupt-*Z"))
    if kept:
        raise StartError(
            f"{path} was damaged and is set aside as {kept[-1].name}: {_remedy(path, kept[-1])}"
        )
    if beside(path, "-wal").exists():
        raise StartError(
            f"{path} is gone, but its log {path.name}-wal is there: restore the journal, or remove "
            "the log to begin empty"
        )


def _remedy(path: Path, kept: Path) -> str:
    return (
        f'recover it with "sqlite3 {kept.name} .recover | sqlite3 {path.name}", or remove it to '
        "begin empty, and start again"
    )
