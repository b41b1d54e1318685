"""How long our programs take from their start until they call themselves ready."""

import asyncio
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvloop

from tests.bench.bench import Bench
from tests.bench.installed import Running, installed, obstacle
from tests.bench.report import Measure

Start = Callable[[], AbstractAsyncContextManager[Running]]

FLOORS = {"operate": "kopf", "serve, from Secrets": "aiohttp", "serve, from a file": "aiohttp"}
"""What each is compared with: the time Python takes to import that and nothing else."""


class ColdStart(Bench):
    """Each program by itself, beside a control plane without any integration."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ours: dict[str, list[float]] = {name: [] for name in FLOORS}
        self._floors: dict[str, list[float]] = {name: [] for name in FLOORS}

    def obstacle(self) -> str | None:
        """Say why there can be no control plane."""
        return obstacle()

    def prepare(self) -> None:
        """Nothing outlives a round."""

    def round(self, number: int) -> str:
        """Start each once, and its floor; return a line on it."""
        folder = self._folder / "cluster"
        folder.mkdir()
        try:
            uvloop.run(self._round(folder))
        finally:
            shutil.rmtree(folder)
        return ", ".join(f"{name} {found[-1]:.2f} s" for name, found in self._ours.items())

    def measures(self) -> list[Measure]:
        """Return what was found."""
        return [
            Measure(
                name=f"cold start, {name}",
                unit="s",
                target="≤ 2 s",
                ours=self._ours[name],
                other=self._floors[name],
                other_name=f"import {module}",
                more_is_better=False,
            )
            for name, module in FLOORS.items()
        ]

    async def _round(self, folder: Path) -> None:
        async with installed(folder) as release:
            file = folder / "pipelines.yaml"
            file.write_text("pipelines: []\n")
            starts: dict[str, Start] = {
                "operate": release.operating,
                "serve, from Secrets": release.serving,
                "serve, from a file": lambda: release.serving(file),
            }
            for name, start in starts.items():
                self._ours[name].append(await _seconds(_until_ready(start)))
                self._floors[name].append(await _seconds(_import(FLOORS[name])))


async def _seconds(work: Awaitable[float]) -> float:
    began = time.perf_counter()
    return await work - began


async def _until_ready(start: Start) -> float:
    """Return when it was ready; its end takes time too."""
    async with start() as program:
        await program.ready()
        return time.perf_counter()


async def _import(module: str) -> float:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {module}")
    assert await process.wait() == 0
    return time.perf_counter()
