"""The worker of one pipeline: window after window, one batch in flight, until nothing is left."""

import asyncio
from contextlib import closing

import structlog

from saleor_segment_server.contract import Pipeline, PipelineState
from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.forwarder.pace import Pace, set_within
from saleor_segment_server.forwarder.sending import Parked, Pause, Progress, Sending
from saleor_segment_server.forwarder.settling import Settling
from saleor_segment_server.forwarder.taking import (
    FULL,
    PROBE,
    newer_are_mappable,
    take_window,
)
from saleor_segment_server.forwarder.tools import Learned, Tools
from saleor_segment_server.forwarder.window import START, Place, Window
from saleor_segment_server.journal import Tally
from saleor_segment_server.segment import backoff

log = structlog.get_logger(__name__)


class Worker:
    """Sends one pipeline's events. ``run`` is its life; the rest may be called meanwhile."""

    def __init__(self, pipeline: Pipeline, tools: Tools) -> None:
        self._id = pipeline.id
        self._pipeline: Pipeline | None = pipeline
        self._tools = tools
        self._settling = Settling(self._id, tools)
        self._parked: Parked | None = None
        self._learned = self._nothing_learned()
        # Something may have to be done; and: the pipeline is another, or gone.
        self._work, self._changed = asyncio.Event(), asyncio.Event()

    @property
    def parked(self) -> str | None:
        """Why nothing is sent until somebody changes something, or ``None``."""
        return self._parked.why if self._parked else None

    @property
    def waiting(self) -> str | None:
        """Why what was sent last is to be sent again, or ``None``."""
        return self._learned.waiting

    def wake(self) -> None:
        """Look for pending events now."""
        self._work.set()

    def update(self, pipeline: Pipeline | None) -> None:
        """Go on with this Pipeline; ``None``: finish the batch in flight and end."""
        if pipeline == self._pipeline:
            return
        self._pipeline = pipeline
        self._parked = None
        self._learned = self._nothing_learned()
        self._changed.set()
        self._work.set()

    async def run(self) -> None:
        """Send until the pipeline is gone."""
        failures = 0
        while (pipeline := self._pipeline) is not None:
            self._work.clear()
            self._changed.clear()
            try:
                if self._may_send(pipeline):
                    await set_within(self._changed, await self._drain(pipeline))
            except Exception as error:  # noqa: BLE001 - a worker may stumble, but not fall
                self._tell(error)
                await set_within(self._changed, backoff(failures, self._tools.random()))
                failures += 1
                continue
            failures = 0
            await self._work.wait()

    def _nothing_learned(self) -> Learned:
        return Learned(Pace(self._tools.max_rate, clock=self._tools.clock))

    def _may_send(self, pipeline: Pipeline) -> bool:
        if pipeline.state is PipelineState.PAUSED:
            return False
        if self._parked is None:
            return True
        needed = self._parked.until_pending
        if needed is None or self._tools.journal.tallies().get(self._id, Tally()).pending < needed:
            return False
        self._parked = None
        return True

    async def _drain(self, pipeline: Pipeline) -> float:
        """Send what is pending; return the seconds to wait before more is sent."""
        sending = Sending(
            settling=self._settling,
            tools=self._tools,
            learned=self._learned,
            changed=self._changed,
        )
        if self._learned.suspect_through and not await self._mapping_is_sound(pipeline):
            return self._stop_at(
                pipeline, sending.unmappable(through=self._learned.suspect_through)
            )
        if self._learned.answers:
            return await self._send_all(pipeline, sending)
        return await self._probe(pipeline, sending)

    async def _probe(self, pipeline: Pipeline, sending: Sending) -> float:
        """Send a few events, to see whether Segment answers: hundreds of shops may wait for it."""
        window = await self._take(pipeline, START, limit=PROBE)
        if window is None:  # what was to be tried again may have been buried meanwhile
            self._learned.attempts, self._learned.waiting = 0, None
            return 0.0
        with closing(window):
            progress = await sending.deliver(window)
        return self._stop_at(pipeline, progress)

    async def _send_all(self, pipeline: Pipeline, sending: Sending) -> float:
        """Send window after window; the next is mapped while one is on its way."""
        window = await self._take(pipeline, START)
        while window is not None:
            ahead = asyncio.ensure_future(self._take(pipeline, window.end))
            try:
                with closing(window):
                    progress = await sending.deliver(window)
                if progress is not Progress.DONE:
                    return self._stop_at(pipeline, progress)
                window = await ahead
            finally:
                await _give_up(ahead, unless=window)
        return 0.0

    async def _take(
        self, pipeline: Pipeline, previous: Place, *, limit: int = FULL
    ) -> Window | None:
        return await take_window(
            self._tools.journal,
            pipeline,
            space=self._tools.late if self._learned.late else self._tools.prompt,
            previous=previous,
            limit=limit,
        )

    async def _mapping_is_sound(self, pipeline: Pipeline) -> bool:
        """Tell whether newer events can be mapped; if so, those under suspicion may be buried."""
        learned = self._learned
        after = learned.suspect_through
        if not await newer_are_mappable(self._tools.journal, pipeline, after=after):
            return False
        learned.excused_through, learned.suspect_through = after, 0
        return True

    def _stop_at(self, pipeline: Pipeline, progress: Progress | Pause | Parked) -> float:
        self._work.set()  # what has changed meanwhile is looked at again
        if isinstance(progress, Parked) and self._pipeline is pipeline:
            self._parked = progress
            log.error("parked", pipeline=self._id, why=progress.why)
        return progress.seconds if isinstance(progress, Pause) else 0.0

    def _tell(self, error: Exception) -> None:
        if isinstance(error, JournalUnavailable):
            log.warning("journal_unavailable", pipeline=self._id, why=error.reason)
        else:
            log.error("forwarding_failed", pipeline=self._id, exc_info=error)


async def _give_up(ahead: "asyncio.Future[Window | None]", *, unless: Window | None) -> None:
    """End the taking of a window, and close it if it is not the one that is sent next."""
    ahead.cancel()
    (taken,) = await asyncio.gather(ahead, return_exceptions=True)
    if isinstance(taken, Window) and taken is not unless:
        taken.close()
