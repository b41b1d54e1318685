"""A disk that fails as told: a library that is preloaded before a program (``faulty_disk.c``)."""

import asyncio
import ctypes
import mmap
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_SOURCE = Path(__file__).with_name("faulty_disk.c")


class _Orders(ctypes.Structure):
    """``struct orders`` of the library."""

    _fields_ = [
        (name, ctypes.c_int64)
        for name in (
            *("seen", "syncs", "failed"),
            *("write", "sync", "read", "open", "sync_delay", "every"),
        )
    ]


class NoFaults(Exception):  # noqa: N818 - it says what is the matter
    """Raised where faults cannot be injected here; the message says why."""


class FaultyDisk:
    """What a program meets in the files of one folder, from now on and until told otherwise."""

    def __init__(self, folder: Path, library: Path, orders: Path) -> None:
        self._library, self._file = library, orders
        self._folder = folder
        orders.write_bytes(bytes(ctypes.sizeof(_Orders)))
        with orders.open("r+b") as file:
            self._orders = _Orders.from_buffer(mmap.mmap(file.fileno(), 0))

    @classmethod
    async def build(cls, folder: Path, workshop: Path) -> "FaultyDisk":
        """Stand before the files of ``folder``; what that takes is made in ``workshop``.

        Raises:
            NoFaults: There is no C compiler, or it makes no shared library.
        """
        compiler = shutil.which("cc")
        if compiler is None:
            raise NoFaults("no C compiler (cc) to make the preloaded library with")
        library = workshop / "faulty_disk.so"
        command = (compiler, "-shared", "-fPIC", "-O1", "-o", library, _SOURCE, "-ldl")
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise NoFaults("the C compiler makes no library that can be preloaded")
        return cls(folder, library, workshop / "orders")

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program must see to meet it."""
        before = os.environ.get("LD_PRELOAD")
        return {
            "LD_PRELOAD": f"{self._library}:{before}" if before else str(self._library),
            "FAULTY_DISK_FOLDER": str(self._folder),
            "FAULTY_DISK_ORDERS": str(self._file),
        }

    def told(self, name: str) -> int:
        """Return a count: ``seen``, ``syncs`` or ``failed``."""
        return int(getattr(self._orders, name))

    def slow(self, seconds: float) -> None:
        """Have every fsync take so long."""
        self._orders.sync_delay = int(seconds * 1e6)

    @contextmanager
    def failing(self, *calls: str, error: int, every: int = 1) -> Iterator[None]:
        """Have these calls (``write``, ``sync``, ``read``, ``open``) fail, or each n-th of them."""
        self._orders.every = every
        for call in calls:
            setattr(self._orders, call, error)
        try:
            yield
        finally:
            for call in calls:
                setattr(self._orders, call, 0)
