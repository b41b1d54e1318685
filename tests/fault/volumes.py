"""Volumes of their own for a program: small ones that fill up, and one that the kernel gives up.

Each lies in a mount namespace that a process holds, so nothing is left when that has ended. Tests
reach into it through ``/proc``.
"""

import asyncio
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.fault.disks import NoFaults

_HOLD = 'mount "$@" && echo mounted && exec cat'  # until its standard input ends
_NAMESPACES = (("-m",), ("-U", "-r", "-m"))  # root's own; else a user's
_BLOCK = 4096


@dataclass(frozen=True)
class Volume:
    """A volume at ``path``, for programs that run behind ``before``."""

    path: Path
    before: tuple[str, ...]
    holder: int

    @property
    def outside(self) -> Path:
        """The same folder as this process reaches it."""
        return Path(f"/proc/{self.holder}/root{self.path}")

    @property
    def free(self) -> int:
        """Bytes left."""
        volume = os.statvfs(self.outside)
        return volume.f_bavail * volume.f_frsize

    def crowd(self, *, leave: int = 0) -> int:
        """Have another file take what is free, but for so many bytes; return how many it took."""
        size = max(self.free - leave, 0)
        with suppress(OSError), (self.outside / "crowd").open("ab", buffering=0) as file:
            for _ in range(size // _BLOCK):
                file.write(bytes(_BLOCK))
        return size

    def make_room(self) -> None:
        """Take that file away."""
        (self.outside / "crowd").unlink()

    def break_down(self) -> None:
        """Have the kernel find an error in the file system (ext4): it goes on read-only."""
        device = next(
            line.split()[0].removeprefix("/dev/")
            for line in Path(f"/proc/{self.holder}/mounts").read_text().splitlines()
            if line.split()[1] == str(self.path)
        )
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")


@asynccontextmanager
async def small(path: Path, *, size: int) -> AsyncIterator[Volume]:
    """Have a volume in memory at ``path``.

    Raises:
        NoFaults: It cannot be mounted here.
    """
    path.mkdir()
    async with _mounted(path, "-t", "tmpfs", "-o", f"size={size}", "none") as volume:
        yield volume


@asynccontextmanager
async def fragile(path: Path, image: Path) -> AsyncIterator[Volume]:
    """Have the file system in ``image``, which is made once, at ``path``.

    Raises:
        NoFaults: It cannot be made or mounted here.
    """
    path.mkdir(exist_ok=True)
    if not image.exists():
        await _make(image)
    async with _mounted(path, "-o", "loop,errors=remount-ro", str(image)) as volume:
        yield volume


async def _make(image: Path) -> None:
    command = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if command is None or os.geteuid():
        raise NoFaults("an ext4 volume on a loop device takes root and mkfs.ext4")
    with image.open("wb") as file:
        file.truncate(24 * 2**20)
    process = await asyncio.create_subprocess_exec(command, "-q", "-F", str(image))
    if await process.wait():
        raise NoFaults("mkfs.ext4 fails here")


@asynccontextmanager
async def _mounted(path: Path, *how: str) -> AsyncIterator[Volume]:
    for namespaces in _NAMESPACES:
        process = await _hold(namespaces, *how, str(path))
        if process is None:
            continue
        enter = ("nsenter", "-t", str(process.pid), *_entering(namespaces))
        try:
            yield Volume(path, enter, process.pid)
        finally:
            await _let_go(process)
        return
    raise NoFaults("no volume can be mounted here: neither as root nor in a user namespace")


async def _hold(namespaces: Sequence[str], *mount: str) -> asyncio.subprocess.Process | None:
    if not shutil.which("unshare") or not shutil.which("nsenter"):
        return None
    command = ("unshare", *namespaces, "sh", "-c", _HOLD, "sh", *mount)
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    assert process.stdout is not None
    if await process.stdout.readline():
        return process
    await _let_go(process)
    return None


async def _let_go(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    await process.communicate()


def _entering(namespaces: Sequence[str]) -> tuple[str, ...]:
    return ("-U", "--preserve-credentials", "-m") if "-U" in namespaces else ("-m",)
