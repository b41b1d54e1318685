"""How long a new write key takes: from a changed Secret until the server sends with it."""

import asyncio
import shutil
import time
from pathlib import Path

import httpx
import uvloop

from saleor_segment_server.cluster import SECRETS, Patch
from tests.bench.bench import Bench
from tests.bench.installed import Installed, installed, obstacle
from tests.bench.integrations import apply, secret, watched, write_key
from tests.bench.report import Measure
from tests.system.programs import Program, until

NAMESPACE = "shops"
_PATIENCE = 30.0
_LOOK = 0.005
_PAUSE = 0.3
"""Seconds between two changes, in which the operator comes to rest."""


class Rotation(Bench):
    """One integration whose write key changes again and again."""

    most_rounds = 3

    def __init__(self, folder: Path, *, changes: int) -> None:
        self._folder = folder
        self._changes = changes
        self._found: list[list[float]] = []

    def obstacle(self) -> str | None:
        """Say why there can be no control plane."""
        return obstacle()

    def prepare(self) -> None:
        """Nothing outlives a round."""

    def round(self, number: int) -> str:
        """Measure once; return a line on it."""
        folder = self._folder / "cluster"
        folder.mkdir()
        try:
            self._found.append(sorted(uvloop.run(self._round(folder))))
        finally:
            shutil.rmtree(folder)
        return f"p50 {_middle(self._found[-1]):.0f} ms, at most {self._found[-1][-1]:.0f} ms"

    def measures(self) -> list[Measure]:
        """Return what was found."""
        p50, most = map(_middle, self._found), [found[-1] for found in self._found]
        return [
            Measure(name="Secret change in use, p50", unit="ms", ours=list(p50)),
            Measure(
                name=f"Secret change in use, longest of {self._changes}",
                unit="ms",
                target="≤ 2,000 ms",
                ours=most,
            ),
        ]

    async def _round(self, folder: Path) -> list[float]:
        shop = Program(["-m", "tests.bench.shops", "1"])
        async with (
            installed(folder) as release,
            shop,
            release.serving() as server,
            release.operating() as operator,
        ):
            await asyncio.gather(server.ready(), operator.ready())
            await release.namespace(NAMESPACE)
            async with watched(release.api) as readiness, asyncio.timeout(_PATIENCE):
                await apply(release.api, [NAMESPACE], (await shop.logged("shops"))["urls"])
                await readiness.of(1)
            async with httpx.AsyncClient(base_url=server.private) as client:
                return [
                    await self._change(release, client, number)
                    for number in range(1, self._changes + 1)
                ]

    async def _change(self, release: Installed, client: httpx.AsyncClient, number: int) -> float:
        """Change the Secret; return the milliseconds until the server holds another Pipeline."""
        await asyncio.sleep(_PAUSE)
        before = await _held(client)
        body = {"data": secret("", writeKey=write_key(number))["data"]}
        await release.api.patch(SECRETS, NAMESPACE, "shop-0-segment", body, how=Patch.MERGE)
        began = time.perf_counter()

        async def is_changed() -> bool:
            return await _held(client) != before

        await until(is_changed, seconds=_PATIENCE, every=_LOOK)
        return (time.perf_counter() - began) * 1000


async def _held(client: httpx.AsyncClient) -> str:
    answer = await client.get("/internal/v1/pipelines")
    return str(answer.json()["pipelines"][0]["hash"])


def _middle(found: list[float]) -> float:
    return found[len(found) // 2]
