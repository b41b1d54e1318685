"""What the journal is told of events that were sent, and what is counted of them."""

import asyncio
from collections.abc import Sequence

import structlog

from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.forwarder.tools import Tools
from saleor_segment_server.forwarder.window import Ended
from saleor_segment_server.segment import backoff

log = structlog.get_logger(__name__)

_DEDUP_WINDOW = 24 * 3600.0
"""Seconds for which Segment remembers a messageId."""


class Settling:
    """Ends one pipeline's events in the journal."""

    def __init__(self, pipeline: str, tools: Tools) -> None:
        self.pipeline = pipeline
        """Whose events they are."""
        self._tools = tools

    async def settle(self, ended: Sequence[Ended]) -> None:
        """Settle or bury events, for as long as it takes: they have been sent already."""
        if not ended:
            return
        attempt = 0
        while not await self._committed(ended):
            await asyncio.sleep(backoff(attempt, self._tools.random()))
            attempt += 1
        self._count(ended)

    async def mark_tried(self, seqs: Sequence[int]) -> None:
        """Note first attempts without a clear answer, where that can be done now."""
        try:
            await self._tools.journal.mark_tried(self.pipeline, seqs)
        except JournalUnavailable as error:
            log.warning("attempt_not_noted", pipeline=self.pipeline, why=error.reason)

    async def _committed(self, ended: Sequence[Ended]) -> bool:
        try:
            await self._tools.journal.settle(self.pipeline, [one.outcome for one in ended])
        except JournalUnavailable as error:
            log.warning("not_settled", pipeline=self.pipeline, events=len(ended), why=error.reason)
            return False
        return True

    def _count(self, ended: Sequence[Ended]) -> None:
        now = self._tools.clock()
        lags: list[float] = []
        for one in ended:
            if one.why is not None:
                kind = "unmappable" if one.item.unmappable else "refused"
                self._tools.metrics.buried(self.pipeline, kind)
                log.warning("buried", pipeline=self.pipeline, seq=one.item.pending.seq, why=one.why)
            elif one.item.messages:
                lags.append(now - one.item.pending.received_at)
                first_try = one.item.pending.first_try
                if first_try is not None and now - first_try > _DEDUP_WINDOW:
                    self._tools.metrics.resent_late(self.pipeline)
        self._tools.metrics.delivered(self.pipeline, lags)
