"""Sending a window: batch after batch, each until its fate is known."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

import structlog

from saleor_segment_server.forwarder.pace import set_within
from saleor_segment_server.forwarder.settling import Settling
from saleor_segment_server.forwarder.taking import FEWEST_TO_JUDGE, TOLERATED_SHARE
from saleor_segment_server.forwarder.tools import Learned, Tools
from saleor_segment_server.forwarder.window import Window
from saleor_segment_server.journal import Tally
from saleor_segment_server.segment import (
    Answer,
    Bisection,
    Park,
    Settled,
    Split,
    Verdict,
    Wait,
    clock_skew,
    judge,
    pack,
    smaller,
)

log = structlog.get_logger(__name__)

_MOST_SKEW = 60.0
"""Seconds; Segment shifts every timestamp by the difference of the clocks."""


class Progress(Enum):
    """How a window ended, if not parked."""

    DONE = auto()
    """Every event of it is settled or buried."""
    AGAIN = auto()
    """What is left of it is to be taken anew."""


@dataclass(frozen=True, slots=True)
class Parked:
    """Nothing is sent until the pipeline changes."""

    why: str
    until_pending: int | None = None
    """Or until so many events are pending."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Segment is to be asked again later; what is left of the window is taken anew then."""

    seconds: float


class Sending:
    """Sends windows of one pipeline, as long as it is the Pipeline they were mapped for."""

    def __init__(
        self, *, settling: Settling, tools: Tools, learned: Learned, changed: asyncio.Event
    ) -> None:
        self._settling = settling
        self._tools = tools
        self._learned = learned
        self._changed = changed
        """Set when the pipeline is another or gone: nothing waits then."""

    async def deliver(self, window: Window) -> Progress | Pause | Parked:
        """Bring a window to its end."""
        if self._mapping_is_broken(window):
            return self.unmappable(through=window.last_seq)
        await self._settle(window, 0, {})
        key = window.pipeline.segment.write_key
        batches = pack(
            window.messages,
            write_key=key.get_secret_value() if key else "",
            max_bytes=self._learned.max_bytes,
        )
        for batch in batches:
            progress = await self._deliver_batch(window, batch)
            if progress is not Progress.DONE:
                return progress
        return Progress.DONE

    def unmappable(self, *, through: int) -> Parked:
        """Park until as many events more are pending as tell whether the trouble is over."""
        self._learned.suspect_through = through
        self._learned.unmappable.clear()
        tally = self._tools.journal.tallies().get(self._settling.pipeline, Tally())
        return Parked(
            "Too many events cannot be mapped, as under a wrong subscription: it goes on once"
            " newer ones can",
            until_pending=tally.pending + FEWEST_TO_JUDGE,
        )

    async def _deliver_batch(self, window: Window, batch: range) -> Progress | Pause | Parked:
        bisection, max_bytes = Bisection(batch), self._learned.max_bytes
        while (part := bisection.part) is not None:
            await set_within(self._changed, self._learned.pace.delay(len(part)))
            if self._changed.is_set():
                return Progress.AGAIN
            match await self._send(window, part):
                case Park(why):
                    return Parked(why)
                case Wait() as wait:
                    return await self._pause(window, part, wait)
                case Split() as split:
                    self._learn_size(window, part, split)
                    bisection.refuse(split.why)
                case Settled():
                    self._tools.metrics.sent(window.pipeline.id, len(part))
                    bisection.accept()
            self._note_answer()
            await self._settle(window, bisection.decided.stop, bisection.refused)
        if bisection.hopeless:
            return self._all_refused(window, batch)
        return Progress.DONE if max_bytes == self._learned.max_bytes else Progress.AGAIN

    async def _send(self, window: Window, part: range) -> Verdict:
        target, attempt = window.pipeline.segment, self._learned.attempts
        async with self._tools.slots.at(target.endpoint, late=self._learned.late) as turn:
            messages = window.messages[part.start : part.stop]
            answer = await self._tools.client.send(target, messages, attempt=attempt)
        self._learned.late = turn.late
        now = self._tools.clock()
        verdict = judge(answer, attempt=attempt, jitter=self._tools.random(), now=now)
        self._learned.waiting = verdict.why if isinstance(verdict, Wait) else None
        self._tools.metrics.batch(window.pipeline.id, type(verdict).__name__.lower())
        if isinstance(answer, Answer):
            self._compare_clocks(window, answer, now)
        return verdict

    async def _pause(self, window: Window, part: range, wait: Wait) -> Pause:
        say = log.info if self._learned.attempts else log.warning
        say(
            "waiting_for_segment",
            pipeline=window.pipeline.id,
            why=wait.why,
            seconds=round(wait.seconds, 1),
        )
        self._learned.answers = False
        self._learned.attempts += 1
        untried = window.untried(part) if wait.ambiguous else []
        if untried:
            await self._settling.mark_tried(untried)
        return Pause(wait.seconds)

    def _note_answer(self) -> None:
        self._learned.answers = True
        attempts, self._learned.attempts = self._learned.attempts, 0
        if attempts:
            log.info("segment_answers_again", pipeline=self._settling.pipeline, attempts=attempts)

    async def _settle(self, window: Window, decided: int, refused: Mapping[int, str]) -> None:
        ended = window.finish(decided, refused)
        self._learned.unmappable.extend(
            one.item.unmappable is not None
            for one in ended
            if one.item.pending.seq > self._learned.excused_through
        )
        await self._settling.settle(ended)

    def _mapping_is_broken(self, window: Window) -> bool:
        these = [
            item.unmappable is not None
            for item in window.items
            if item.pending.seq > self._learned.excused_through
        ]
        watched = [*self._learned.unmappable, *these]
        bad = sum(watched)
        return bad >= FEWEST_TO_JUDGE and bad > TOLERATED_SHARE * len(watched)

    def _learn_size(self, window: Window, part: range, split: Split) -> None:
        if split.too_large and len(part) > 1:
            size = sum(len(window.messages[place].payload) for place in part)
            self._learned.max_bytes = min(self._learned.max_bytes, smaller(size))

    def _all_refused(self, window: Window, batch: range) -> Parked:
        """Park; where siblings may still come, and have not been tried, only until they have.

        A message that is refused alone may be wrong itself, or the key may be. Twice as many
        events pending can tell: then it goes together with others.
        """
        why = "Segment refuses every message: check the write key and the endpoint"
        fresh = window.last_seq > self._learned.refused_through
        if batch.stop < len(window.messages) or not fresh:
            return Parked(why)
        self._learned.refused_through = window.last_seq
        return Parked(why, until_pending=2 * window.left)

    def _compare_clocks(self, window: Window, answer: Answer, now: float) -> None:
        skew = clock_skew(answer.headers, now)
        if skew is not None and abs(skew) > _MOST_SKEW and not self._learned.told_of_skew:
            self._learned.told_of_skew = True
            log.warning("clock_skew", pipeline=window.pipeline.id, ahead_seconds=round(skew))
