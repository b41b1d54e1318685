"""The thread that owns the connection: it commits in groups and answers on the event loop.

All that is queued when a transaction begins goes into it, so the disk is waited for once per
group, and groups grow as the load does; nothing waits for a group to fill. What one turn of the
loop submits is queued together at its end: with a fast disk the thread, woken by the first, would
otherwise commit each by itself. Any error rolls the
whole group back and every waiter hears of it; a group that fills the disk is tried once more, to
refuse only what is new. Reading is served between transactions, from start to end, so nothing
holds the log back.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, NamedTuple, TypeVar

import structlog

from saleor_segment_server.delivery import Entry
from saleor_segment_server.errors import JournalUnavailable, Rejected
from saleor_segment_server.journal.health import Trouble
from saleor_segment_server.journal.store import Store

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")

_GROUP_JOBS = 512
_GROUP_BYTES = 16 * 2**20
_CARE_SECONDS = 1.0
"""Time between looks at a full or failing disk while nothing else happens."""


class Job(NamedTuple):
    """Something to do with the store, and who waits for it."""

    run: Callable[[Store], Any]
    """What is done; its result is the answer."""
    answer: asyncio.Future[Any]
    """Where the result goes, on the event loop."""
    writes: bool
    """Whether it belongs into a transaction."""


class Arrival(NamedTuple):
    """An event to accept, and who waits to hear whether it is news."""

    entry: Entry
    answer: asyncio.Future[bool]


_Queued = Job | Arrival


class Answer(NamedTuple):
    """What a waiter is told."""

    waiter: asyncio.Future[Any]
    """The job's future; done already where its caller was cancelled."""
    result: object = None
    """What the job returned, if there is no error."""
    error: Exception | None = None
    """Why there is no result."""


class Writer:
    """Queues jobs from the event loop to one thread. Its methods are called on the loop."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Store]]) -> None:
        self._opened = opened
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._closed = True
        self._stopping = False
        self._fresh: list[_Queued] = []
        self._jobs: list[_Queued] = []

    async def start(self) -> Store:
        """Start the thread and return what it opened, whose counts may be read here.

        Raises:
            StartError: It could not be opened.
        """
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[Store] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._closed = self._stopping = False
        threading.Thread(target=self._run, name="journal", daemon=True).start()
        try:
            return await self._started
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Do what is queued, answer it, close the store and wait for that."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._ended)

    @property
    def alive(self) -> bool:
        """Whether jobs are taken."""
        return not self._closed

    def submit(self, run: Callable[[Store], _T], *, writes: bool) -> asyncio.Future[_T]:
        """Queue a job; its result, or its error, comes through the future.

        Cancelling the future does not undo what may have been committed already.

        Raises:
            JournalUnavailable: The journal is closed.
        """
        answer: asyncio.Future[_T] = self._answer()
        self._fresh.append(Job(run, answer, writes))
        return answer

    def accept(self, entry: Entry) -> asyncio.Future[bool]:
        """Queue an event to be stored, with all others of its group; as ``submit`` does."""
        answer: asyncio.Future[bool] = self._answer()
        self._fresh.append(Arrival(entry, answer))
        return answer

    def _answer(self) -> asyncio.Future[Any]:
        """Return where the result of something goes that is queued next."""
        if self._closed:
            raise _closed()
        if not self._fresh:
            self._loop.call_soon(self._hand_over)
        return self._loop.create_future()

    def _hand_over(self) -> None:
        """Queue what was submitted in this turn of the loop."""
        fresh, self._fresh = self._fresh, []
        for job in fresh:
            self._queue.put(job)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._opened() as store:
                self._call(_tell, [Answer(self._started, store)])
                while not self._stopping:
                    self._turn(store)
        except BaseException as caught:  # noqa: BLE001 - whoever waits must hear of it
            error = caught
        self._call(self._end, error)

    def _turn(self, store: Store) -> None:
        jobs = self._jobs = self._gather(_CARE_SECONDS if store.health.wants_care else None)
        reading = [job for job in jobs if isinstance(job, Job) and not job.writes]
        writing = [job for job in jobs if isinstance(job, Arrival) or job.writes]
        if writing:
            self._call(_tell, _commit(store, writing))
        if reading:
            self._call(_tell, [_read(store, job) for job in reading])
        if store.health.wants_care:
            _care(store, probing=not writing)

    def _gather(self, timeout: float | None) -> list[_Queued]:
        """Wait for a job, then take all that are there, within the bounds of a group."""
        jobs: list[_Queued] = []
        weight = 0
        with suppress(queue.Empty):
            job = self._queue.get(timeout=timeout)
            while job is not None:
                jobs.append(job)
                weight += len(job.entry.body) if isinstance(job, Arrival) else 0
                if len(jobs) >= _GROUP_JOBS or weight >= _GROUP_BYTES:
                    return jobs
                job = self._queue.get_nowait()
            self._stopping = True
        return jobs

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _end(self, error: BaseException | None) -> None:
        """Leave nobody waiting, whatever ended the thread. Runs on the loop, as submit does."""
        self._closed = True
        if error is not None and not self._started.done():
            self._started.set_exception(error)
        elif error is not None:
            _log.error("journal_writer_ended", exc_info=error)
        left: list[_Queued | None] = [*self._jobs, *self._fresh]
        self._fresh = []
        while not self._queue.empty():
            left.append(self._queue.get_nowait())
        _tell(Answer(job.answer, error=_closed()) for job in left if job)
        self._ended.set_result(None)


def _commit(store: Store, jobs: Sequence[_Queued]) -> list[Answer]:
    """Run jobs in one transaction: all of it is durable, or every waiter hears otherwise."""
    if store.health.corrupt:
        return _refuse(jobs, Trouble.CORRUPT)
    full = store.room.full
    try:
        with store.transaction():
            answers = _do(store, jobs)
    except Exception as error:  # noqa: BLE001 - the thread must live, and everybody be answered
        trouble = store.health.failed(error)
        if trouble is Trouble.FULL and not full:
            return _commit(store, jobs)  # with the ballast's bytes: only news is refused now
        return _refuse(jobs, trouble)
    store.health.succeeded()
    return answers


def _do(store: Store, jobs: Sequence[_Queued]) -> list[Answer]:
    """Do the jobs of a group, its events last: what is settled makes room for them."""
    done = [Answer(job.answer, job.run(store)) for job in jobs if isinstance(job, Job)]
    return done + _accept(store, [job for job in jobs if isinstance(job, Arrival)])


def _accept(store: Store, arrivals: Sequence[Arrival]) -> list[Answer]:
    found = store.accept([arrival.entry for arrival in arrivals]) if arrivals else []
    return [
        Answer(arrival.answer, error=news)
        if isinstance(news, Rejected)
        else Answer(arrival.answer, news)
        for arrival, news in zip(arrivals, found, strict=True)
    ]


def _read(store: Store, job: Job) -> Answer:
    if store.health.corrupt:
        return _refuse([job], Trouble.CORRUPT)[0]
    try:
        return Answer(job.answer, job.run(store))
    except Exception as error:  # noqa: BLE001 - as above
        return _refuse([job], store.health.failed(error))[0]


def _refuse(jobs: Iterable[_Queued], trouble: Trouble) -> list[Answer]:
    return [Answer(job.answer, error=trouble.answer()) for job in jobs]


def _care(store: Store, *, probing: bool) -> None:
    """See whether what was full or failing works again."""
    try:
        if probing and store.health.failing:
            store.probe()
            store.health.succeeded()
        store.health.care()
    except (sqlite3.Error, OSError) as error:
        store.health.failed(error)


def _tell(answers: Iterable[Answer]) -> None:
    """Resolve futures; those whose waiter was cancelled are done already."""
    for waiter, result, error in answers:
        if waiter.done():
            continue
        if error is None:
            waiter.set_result(result)
        else:
            waiter.set_exception(error)


def _closed() -> JournalUnavailable:
    return JournalUnavailable("journal_closed", "The journal is closed; try again later.")
