"""Small files that must survive a crash: replaced whole, written through, off the loop."""

import asyncio
import contextlib
import os
from pathlib import Path


async def read(path: Path) -> bytes | None:
    """Return what the file holds, or ``None`` where there is none.

    Raises:
        OSError: It is there and cannot be read.
    """
    return await asyncio.to_thread(_read, path)


async def write(path: Path, data: bytes) -> None:
    """Replace the file, readable by its owner only; it holds the old or the new bytes, never a mix.

    Raises:
        OSError: It cannot be written; the old file is as it was.
    """
    await asyncio.to_thread(_write, path, data)


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return None


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
