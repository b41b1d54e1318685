"""Small files that survive a crash: each is as it was or as it should be, never in between."""

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from saleor_segment_operator.errors import StartError, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_server import files
from saleor_segment_server.errors import DocumentUnreadable

T = TypeVar("T")

_OWNER_ONLY = 0o600


def make_folder(folder: Path) -> None:
    """Make ``folder`` where it is missing, open to its owner only; above it as the system does.

    Raises:
        StartError: The folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise StartError(_remedy(folder, error)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StartError(f"{folder}: is not writable: change its owner, or name another --data-dir")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold ``file`` so that no other process does; the system lets go of it however this one ends.

    Raises:
        StartError: Another process holds it, or it cannot be made.
    """
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        raise StartError(_remedy(file, error)) from None
    try:
        _lock(handle, file.parent)
        yield
    finally:
        os.close(handle)


class Files:
    """The files of a folder, written one at a time, off the loop: an fsync takes milliseconds."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which exists."""
        self.folder = folder
        """Where they lie."""
        self._turn = asyncio.Lock()

    def read(self, pattern: str, parse: Callable[[bytes], T]) -> dict[str, T]:
        """Return what the matching files hold, by their stem; blocks, so only for the start.

        Raises:
            StartError: One cannot be read.
        """
        return {file.stem: _read(file, parse) for file in sorted(self.folder.glob(pattern))}

    async def write(self, name: str, content: bytes) -> None:
        """Make ``content`` the content of the file; once this returns, a power cut keeps it.

        Raises:
            Unavailable: The disk is full or failing; the file is as it was.
        """
        async with self._turn:
            with _heals(self.folder / name):
                await files.write(self.folder / name, content)

    async def remove(self, name: str) -> None:
        """Remove the file for good; it may be gone already.

        Raises:
            Unavailable: The disk is failing.
        """
        async with self._turn:
            with _heals(self.folder / name):
                await asyncio.to_thread(_remove, self.folder / name)


@contextmanager
def _heals(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"{file}: cannot be written ({error.strerror})"
        raise Unavailable(Reason.STORE_UNAVAILABLE, message) from None


def _read(file: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(file.read_bytes())
    except OSError as error:
        raise StartError(
            f"{file}: cannot be read ({error.strerror}): let this user read it"
        ) from None
    except (ValueError, DocumentUnreadable):  # not shown: it may quote what it read
        raise StartError(
            f"{file}: is damaged: put it back from a backup, or begin anew with another --data-dir"
        ) from None


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    handle = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)  # makes the removal durable
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StartError(
            f"{folder}: another process uses it: stop that one, or name another --data-dir"
        ) from None
    except OSError as error:
        raise StartError(_remedy(folder, error)) from None


def _remedy(path: Path, error: OSError) -> str:
    return f"{path}: cannot be used ({error.strerror}): mend that, or name another --data-dir"
