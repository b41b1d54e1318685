"""How an operator copes with many integrations: from nothing to Ready, and when nothing happens."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.bench.bench import Bench
from tests.bench.installed import OPERATOR, Installed, Running, installed, obstacle
from tests.bench.integrations import apply, watched
from tests.bench.processes import cpu, most_resident, resident
from tests.bench.report import Measure, Points
from tests.cluster.plane.audit import Call
from tests.system.programs import Program

NAMESPACES = [f"shops-{number}" for number in range(10)]
_PATIENCE = 900.0


@dataclass(frozen=True)
class Found:
    """What one round found."""

    seconds: float
    each: list[float]
    """Seconds that each integration took, sorted."""
    points: Points
    calls: Counter[str]
    used: Mapping[str, float]
    """Processor time by program, in seconds."""
    peak: float
    """The operator's most resident MB."""


@dataclass(frozen=True)
class Idle:
    """What goes on while nothing happens."""

    calls: Counter[str]
    used: float
    """Share of a core that the operator used."""
    resident: float
    """The operator's resident MB at the end."""


class Fleet(Bench):
    """Many integrations, each for a shop of its own, applied at once."""

    most_rounds = 1  # of eight minutes, with hundreds of integrations in it

    def __init__(self, folder: Path, *, integrations: int, resync: int) -> None:
        self._folder = folder
        self._integrations = integrations
        self._resync = resync
        self._found: list[Found] = []
        self._idle: list[Idle] = []

    def obstacle(self) -> str | None:
        """Say why there can be no control plane."""
        return obstacle()

    def prepare(self) -> None:
        """Nothing outlives a round."""

    def round(self, number: int) -> str:
        """Measure once, the idle operator in the first round only; return a line on it."""
        folder = self._folder / "cluster"
        folder.mkdir()
        try:
            uvloop.run(self._round(folder, rest=number == 0))
        finally:
            shutil.rmtree(folder)
        last = self._found[-1]
        calls = last.calls.total() / self._integrations
        return f"{last.seconds:.1f} s, {last.peak:.0f} MB, {calls:.1f} calls each, {last.used}"

    async def _round(self, folder: Path, *, rest: bool) -> None:
        shops = Program(["-m", "tests.bench.shops", str(self._integrations)])
        async with installed(folder) as release, shops:
            for name in NAMESPACES:
                await release.namespace(name)
            urls = (await shops.logged("shops"))["urls"]
            async with (
                release.serving() as server,
                release.operating("--resync", f"{self._resync}s") as operator,
            ):
                await asyncio.gather(server.ready(), operator.ready())
                pids = {
                    "operator": operator.pid,
                    "server": server.pid,
                    "shops": shops.process.pid,
                    **release.plane.pids,
                }
                self._found.append(await self._grow(release, urls, operator, pids))
                if rest:
                    await asyncio.sleep(self._resync / 10)
                    self._idle.append(await self._rest(release, operator))

    async def _grow(
        self, release: Installed, urls: list[str], operator: Running, pids: Mapping[str, int]
    ) -> Found:
        before, since = _used(pids), release.plane.audit.mark()
        async with watched(release.api) as readiness:
            await apply(release.api, NAMESPACES, urls)
            async with asyncio.timeout(_PATIENCE):
                seconds = await readiness.of(len(urls))
        calls = _counted(release.plane.audit.calls(OPERATOR, since=since))
        used = {name: now - before[name] for name, now in _used(pids).items()}
        peak = most_resident(operator.pid) / 1e6
        return Found(seconds, readiness.each, readiness.points(), calls, used, peak)

    async def _rest(self, release: Installed, operator: Running) -> Idle:
        """Look on for one resync, in which each integration has one pass."""
        before, since = cpu(operator.pid), release.plane.audit.mark()
        await asyncio.sleep(self._resync)
        used = (cpu(operator.pid) - before).total / self._resync
        calls = _counted(release.plane.audit.calls(OPERATOR, since=since))
        return Idle(calls, used, resident(operator.pid) / 1e6)

    def measures(self) -> list[Measure]:
        """Return what was found."""
        found, idle, count = self._found, self._idle, self._integrations
        minutes = self._resync / 60
        return [
            Measure(
                name=f"{count} integrations, all Ready",
                unit="s",
                ours=[one.seconds for one in found],
                notes=_where(found[-1]),
            ),
            Measure(
                name="integrations, most memory",
                unit="MB",
                target="≤ 150",
                ours=[one.peak for one in found],
                notes=f"{idle[0].resident:.0f} MB once it was idle for {minutes:.0f} min",
            ),
            Measure(
                name="integrations, API calls until Ready",
                unit="each",
                ours=[one.calls.total() / count for one in found],
                notes=_named(found[-1].calls, count),
            ),
            Measure(
                name="integrations, idle API calls",
                unit="each, per minute",
                target="≤ 1",
                ours=[one.calls.total() / count / minutes for one in idle],
                notes=f"{_named(idle[0].calls, count * minutes)}; over {minutes:.0f} min, as long"
                f" as a resync; the operator used {idle[0].used:.0%} of a core",
            ),
        ]

    def series(self) -> Mapping[str, Points]:
        """Return how many were Ready over time."""
        return {"integrations-Ready": self._found[-1].points}


def _used(pids: Mapping[str, int]) -> dict[str, float]:
    return {name: cpu(pid).total for name, pid in pids.items()}


def _counted(calls: Iterable[Call]) -> Counter[str]:
    return Counter(f"{call.verb} {call.resource}" for call in calls)


def _named(calls: Counter[str], by: float) -> str:
    """Name the calls that matter, most frequent first."""
    return ", ".join(
        f"{name} {count / by:.2g}" for name, count in calls.most_common() if count / by >= 0.01
    )


def _where(found: Found) -> str:
    """Say where the time goes."""
    used = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found.used.items())
    middle = found.each[len(found.each) // 2]
    return (
        f"applied at once, on all cores together with the shops and the control plane; one took"
        f" {middle:.0f} s in the middle and {found.each[-1]:.0f} s at most; processor time: {used}"
    )
