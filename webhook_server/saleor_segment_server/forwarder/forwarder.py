"""The forwarder: a worker for each Pipeline in the table."""

import asyncio
from collections.abc import Callable

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.forwarder.pace import Slots
from saleor_segment_server.forwarder.space import Space
from saleor_segment_server.forwarder.tools import Tools
from saleor_segment_server.forwarder.worker import Worker
from saleor_segment_server.journal import SqliteJournal
from saleor_segment_server.metrics import Metrics
from saleor_segment_server.pipelines import Table
from saleor_segment_server.segment import SegmentClient

_SLOTS = 8
"""Requests under way to one endpoint that are not late."""


class Forwarder:
    """Sends what the journal holds, for every Pipeline of the table by itself.

    Args:
        journal: Where the events are, and where their end is noted.
        table: The Pipelines in force.
        client: Sends batches.
        metrics: Where it is counted.
        clock: Seconds since the epoch.
        random: Numbers in [0, 1), for jitter.
        max_rate: Messages per second and pipeline; ``None``: no limit. Segment recommends at most
            1,000 per workspace.
        grace: Seconds at the end for batches in flight; what is abandoned is sent again, with the
            same ids, after the next start.
    """

    def __init__(
        self,
        *,
        journal: SqliteJournal,
        table: Table,
        client: SegmentClient,
        metrics: Metrics,
        clock: Callable[[], float],
        random: Callable[[], float],
        max_rate: float | None = None,
        grace: float = 5.0,
    ) -> None:
        self._tools = Tools(
            journal=journal,
            client=client,
            metrics=metrics,
            clock=clock,
            random=random,
            slots=Slots(_SLOTS),
            prompt=Space(),
            late=Space(),
            max_rate=max_rate,
        )
        self._table = table
        self._grace = grace
        self._workers: dict[str, Worker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._running = False

    def wake(self, pipeline: str) -> None:
        """Say that a pipeline has a new pending event."""
        if worker := self._workers.get(pipeline):
            worker.wake()

    def parked(self, pipeline: str) -> str | None:
        """Return why nothing is sent for a pipeline until somebody changes something."""
        worker = self._workers.get(pipeline)
        return worker.parked if worker else None

    def waiting(self, pipeline: str) -> str | None:
        """Return why Segment is tried again for a pipeline, or ``None`` where it answers."""
        worker = self._workers.get(pipeline)
        return worker.waiting if worker else None

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set, then finish or abandon what is in flight, within seconds."""
        self._running = True
        self._table.subscribe(self._follow)
        self._follow()
        try:
            await stop.wait()
            self._running = False
            self._follow()
            if self._tasks:
                await asyncio.wait(self._tasks.values(), timeout=self._grace)
        finally:
            self._running = False
            left = list(self._tasks.values())
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def _follow(self) -> None:
        """Bring the workers in line with the table."""
        wanted = self._table.pipelines if self._running else {}
        for pipeline_id, worker in self._workers.items():
            worker.update(wanted.get(pipeline_id))
        for pipeline_id, pipeline in wanted.items():
            if pipeline_id not in self._workers:
                self._start(pipeline)

    def _start(self, pipeline: Pipeline) -> None:
        worker = Worker(pipeline, self._tools)
        task = asyncio.create_task(worker.run(), name=f"forward {pipeline.id}")
        self._workers[pipeline.id] = worker
        self._tasks[pipeline.id] = task
        task.add_done_callback(lambda _: self._ended(pipeline.id))

    def _ended(self, pipeline_id: str) -> None:
        """Forget a worker; the pipeline may have come back while it finished."""
        del self._workers[pipeline_id], self._tasks[pipeline_id]
        self._follow()
