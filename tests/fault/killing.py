"""The server killed with SIGKILL again and again, under load, at moments drawn by chance.

Between two kills it is up for a second at most: it is killed while it starts and recovers, while
it accepts, and while it settles what Segment has just taken in, also where Segment took it in and
the answer is late, lost or wrong, so that it cannot know.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fault.account import Account, settle_up
from tests.fault.parts import Verdict
from tests.fault.shop import Shop
from tests.signing import Signer
from tests.system.programs import Program, saleor_segment, until
from tests.system.serving import Stand
from tests.twins.segment import Fault

_MOODS: tuple[Callable[[Random], Fault | None], ...] = (
    lambda _: None,
    lambda chance: Fault(delay=chance.uniform(0.01, 0.2), times=5),
    lambda _: Fault("hang", accept=True),
    lambda chance: Fault("reset", accept=True, times=chance.randint(1, 2)),
    lambda chance: Fault("truncate", accept=True, times=chance.randint(1, 2)),
    lambda chance: Fault(status=500, accept=True, times=chance.randint(1, 2)),
    lambda chance: Fault(status=429, retry_after=0.1, times=chance.randint(1, 2)),
)
"""How Segment is during a round: in most of them it has what it does not say it has."""
_ACKNOWLEDGED = 120
"""Deliveries until a kill while accepting, at most."""
_ARRIVED = 60
"""Messages until a kill while settling, at most."""
_MOMENTS = ("accepting", "settling", "starting", "settling")


@dataclass
class Killing:
    """Rounds of one server on one disk."""

    stand: Stand
    shop: Shop
    chance: Random
    moments: Counter[str] = field(default_factory=Counter)
    """When it was killed."""
    before_listening: int = 0
    """How often it was killed before it had recovered."""
    start_seconds: float = 0.5
    """How long the last whole start took."""

    async def round(self, moment: str) -> None:
        """Start the server, press it, kill it at this moment."""
        self._draw_mood()
        async with saleor_segment(*self.stand.arguments()) as program:
            pressing = asyncio.create_task(self._press(program))
            await self._until(moment, program)
            program.process.kill()
            await program.process.wait()
            await asyncio.wait_for(pressing, 60)
        assert program.process.returncode == -signal.SIGKILL, program.text
        self.moments[moment] += 1
        self.before_listening += '"listening"' not in program.text

    def _draw_mood(self) -> None:
        self.stand.segment.faults.clear()
        fault = self.chance.choice(_MOODS)(self.chance)
        self.stand.segment.faults.add(*([fault] if fault else []))

    async def _press(self, program: Program) -> None:
        began = time.monotonic()
        try:
            told = await program.logged("listening")
        except AssertionError:
            return  # it was killed before, or else its exit code tells
        self.start_seconds = time.monotonic() - began
        await self.shop.press(told["public"])

    async def _until(self, moment: str, program: Program) -> None:
        inbox, acknowledged = self.stand.segment.inbox, self.shop.acknowledged
        match moment:
            case "starting":
                await _pass(program, self.chance.uniform(0.2, 1.1) * self.start_seconds)
            case "accepting":
                enough = len(acknowledged) + self.chance.randint(1, _ACKNOWLEDGED)
                await until(lambda: len(acknowledged) >= enough, seconds=60, every=0.001)
            case "settling":
                enough = len(inbox) + self.chance.randint(1, _ARRIVED)
                await until(lambda: len(inbox) >= enough, seconds=60, every=0.001)
                await _pass(program, self.chance.uniform(0, 0.01))

    def figures(self) -> tuple[str, ...]:
        """Say when it was killed, and what that did to the calls."""
        kills = ", ".join(f"{count} while {moment}" for moment, count in self.moments.items())
        cut_off = sum(call.answer is None and not call.refused for call in self.shop.calls)
        return (
            f"killed {self.moments.total()} times: {kills}",
            f"{self.before_listening} kills came before it listened again",
            f"{cut_off:,} calls were cut off by a kill, and made again",
        )


async def _pass(program: Program, seconds: float) -> None:
    """Let the drawn moment come; a program that ends before has failed, and its code tells."""
    with suppress(TimeoutError):
        await asyncio.wait_for(program.process.wait(), seconds)


async def kill(folder: Path, *, rounds: int, seed: int) -> tuple[Killing, Account]:
    """Kill a server so often; the moments take turns, what else happens is drawn from the seed."""
    signer = Signer.new()
    async with Stand.up(folder, signer) as stand, Shop.open(signer) as shop:
        killing = Killing(stand, shop, Random(seed))
        for number in range(rounds):
            await killing.round(_MOMENTS[number % len(_MOMENTS)])
        return killing, await settle_up(stand, shop)


async def soak(folder: Path) -> Verdict:
    """The long form."""
    killing, account = await kill(folder, rounds=200, seed=9)
    return Verdict(account.balanced, (*killing.figures(), *account.figures))
