"""Sends forged and mangled deliveries, and holds each answer to the table of answers."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random, SystemRandom

from tests.bench.processes import most_resident
from tests.fault.forging import captured, key_set
from tests.fault.mangling import Case, case
from tests.fault.parts import Verdict
from tests.fault.wire import Answer, Line, address_of, answer
from tests.signing import Signer
from tests.system.programs import until
from tests.system.serving import Serving, Stand

REFUSALS = {
    400: {"", "malformed", "disconnected"},
    401: {"signature_missing", "signature_malformed", "signature_wrong"},
    404: {"path_unknown"},
    413: {"too_large"},
    415: {"not_json", "encoded"},
    503: {"key_unknown", "pipeline_unknown"},
}
"""Every answer that a forged delivery may get, and why."""

_PATIENCE = 0.02
"""Seconds; a request without an end is ended after it, so that its answer may come before."""


@dataclass
class Tally:
    """What was sent and what came of it."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    """What should not have happened, with the bytes that made it happen."""
    sent: int = 0

    def judge(self, sent: Case, found: Answer | None) -> None:
        """Count an answer, or the want of one."""
        if found is None:
            if sent.whole:
                self.wrong.append(f"no answer to {sent.data!r}")
            return
        self.answers[f"{found.status} {found.error}".strip()] += 1
        if found.error not in REFUSALS.get(found.status, set()):
            self.wrong.append(f"{found.status} {found.error} to {sent.data!r}")


@dataclass
class Fuzzed:
    """A server that holds the captured deliveries' keys."""

    serving: Serving
    signer: Signer
    tally: Tally = field(default_factory=Tally)

    async def send(self, cases: Iterable[Case], *, at_once: int = 24) -> None:
        """Send them all, over as many connections as said."""
        source = iter(cases)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(self._work(source))

    async def _work(self, source: Iterator[Case]) -> None:
        async with AsyncExitStack() as stack:
            line: Line | None = None
            for each in source:
                self.tally.sent += 1
                if not each.whole:
                    await self._send_damaged(each)
                    continue
                found = await line.ask(each.data) if line else None
                if found is None:  # the one before was the last on its connection
                    await stack.aclose()
                    line = await stack.enter_async_context(Line(self.address))
                    found = await line.ask(each.data)
                self.tally.judge(each, found)

    async def _send_damaged(self, each: Case) -> None:
        async with Line(self.address) as line, asyncio.timeout(60):
            line.writer.write(each.data)
            first = asyncio.ensure_future(answer(line.reader))
            await asyncio.wait([first], timeout=_PATIENCE)
            if line.writer.can_write_eof() and not line.writer.is_closing():
                line.writer.write_eof()
            found = await first
            while found is not None:
                self.tally.judge(each, found)
                found = await answer(line.reader)

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.serving.url)

    def complaints(self) -> list[str]:
        """Return what the server wrote of errors, or that should be none."""
        lines = [json.loads(line) for line in self.serving.program.lines if line.startswith("{")]
        spoken = [line for line in self.serving.program.lines if not line.startswith("{")]
        return spoken + [str(line) for line in lines if line["level"] in {"warning", "error"}]

    async def leftovers(self) -> dict[str, int]:
        """Return what the journal holds."""
        report = await self.serving.report()
        return {name: report[name] for name in ("pending", "dead", "delivered")}

    def peak(self) -> int:
        """Return the most memory it ever had, in bytes."""
        return most_resident(self.serving.program.process.pid)

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.serving.program.process.pid}/fd").iterdir()))


@asynccontextmanager
async def fuzzed(folder: Path) -> AsyncIterator[Fuzzed]:
    """Run a server for a shop whose keys are those of the captured deliveries, and one of ours."""
    signer = Signer.new()
    async with Stand.up(folder, signer) as stand:
        stand.shop.key_set = {"keys": [*key_set()["keys"], signer.jwk()]}
        stand.write()
        async with stand.serving() as serving:
            assert await serving.order(signer) == 200
            await until(lambda: stand.arrived() == stand.acknowledged)
            yield Fuzzed(serving, signer)


def cases(seed: int, count: int) -> Iterator[Case]:
    """Draw that many, always the same for one seed."""
    random = Random(seed)
    return islice(iter(lambda: case(random), None), count)


async def fuzz(folder: Path, *, count: int, seed: int) -> Verdict:
    """Send that many, and say whether none was taken and the server is as it was."""
    async with fuzzed(folder) as house:
        before = house.descriptors()
        await house.send(cases(seed, count))
        await until(lambda: house.descriptors() <= before + 2)
        held = await house.leftovers()
        still = await house.serving.order(house.signer)
        wrong = house.tally.wrong + house.complaints()
        figures = (
            f"{house.tally.sent:,} requests made of {len(captured())} deliveries, seed {seed}",
            "answers: " + ", ".join(f"{n:,} of {a}" for a, n in house.tally.answers.most_common()),
            f"accepted: {held['pending'] + held['dead'] + held['delivered'] - 1}",
            f"answers that are not in the table, and lines of trouble in the log: {len(wrong)}",
            *wrong[:5],
            f"most memory: {house.peak() / 2**20:.0f} MiB",
        )
        held_up = not wrong and held == {"pending": 0, "dead": 0, "delivered": 1} and still == 200
    return Verdict(held_up, figures)


async def soak(folder: Path) -> Verdict:
    """Send 100,000, others each time; the seed is told."""
    return await fuzz(folder, count=100_000, seed=SystemRandom().randrange(10**6))
