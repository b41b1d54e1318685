"""Pipelines from a YAML file, which is read again whenever it changes."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.contract.model import Model
from saleor_segment_server.documents import Document, parse
from saleor_segment_server.errors import DocumentUnreadable, StartError
from saleor_segment_server.pipelines.source import OpenSource, PipelineSource
from saleor_segment_server.pipelines.table import Table

_INTERVAL = 0.25
_Stamp = tuple[int, int, int]

log = structlog.get_logger(__name__)


class _File(Model):
    pipelines: tuple[Pipeline, ...]


class FileSource:
    """Keeps a table in step with a file.

    A file that is broken, half written or gone leaves the last good table in force.

    Args:
        path: The file.
        table: What it is kept in step with.
        broken: Told after each look whether the file is broken.
        interval: Seconds between two looks at the file.
    """

    def __init__(
        self,
        path: Path,
        table: Table,
        *,
        broken: Callable[[bool], None],
        interval: float = _INTERVAL,
    ) -> None:
        self._path = path
        self._table = table
        self._interval = interval
        self._tell_broken = broken
        self._seen: _Stamp | None = None
        self._settled: _Stamp | None = None
        self._digest: bytes | None = None
        self.broken: str | None = None
        """What is the matter with the file as it is now, if anything."""

    async def load(self) -> None:
        """Read the file for the first time.

        Raises:
            StartError: It cannot be read, or breaks a rule.
        """
        try:
            await self._read()
        except DocumentUnreadable as error:
            raise StartError(str(error)) from None

    async def run(self, stop: asyncio.Event) -> None:
        """Look for changes until ``stop`` is set."""
        while not stop.is_set():
            await self._look()
            try:
                async with asyncio.timeout(self._interval):
                    await stop.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        try:
            await self._read()
        except DocumentUnreadable as error:
            if self.broken != str(error):
                log.warning(
                    "pipelines_unreadable", problem=str(error), kept=len(self._table.pipelines)
                )
            self.broken = str(error)
        self._tell_broken(self.broken is not None)

    async def _read(self) -> None:
        pipelines = await asyncio.to_thread(self._pipelines_if_changed)
        if pipelines is None:
            return
        self.broken = None
        first = not self._table.synced
        await self._table.replace(pipelines)
        if not first:  # a start that fails later says just why
            log.info("pipelines_read", path=str(self._path), pipelines=len(pipelines))

    def _pipelines_if_changed(self) -> tuple[Pipeline, ...] | None:
        """Return what the file holds unless it is what was read before; runs in a thread."""
        content = self._content_if_touched()
        digest = None if content is None else hashlib.sha256(content).digest()
        if content is None or (digest == self._digest and self.broken is None):
            return None
        self._digest = digest
        try:
            return read_pipelines(content.decode("utf-8-sig"), str(self._path))
        except UnicodeDecodeError:
            raise DocumentUnreadable(f"{self._path}: is not UTF-8 text: save it as such") from None

    def _content_if_touched(self) -> bytes | None:
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen == self._settled and self.broken is None:
                return None
            content = self._path.read_bytes()
        except OSError as error:
            self._seen = self._settled = None
            raise DocumentUnreadable(
                f"{self._path}: cannot be read ({error.strerror}): put a YAML file of pipelines"
                " there that this process may read"
            ) from None
        # Believed from the second look on: two writes can share one tick of the file's clock.
        self._settled = seen if seen == self._seen else None
        self._seen = seen
        return content


def from_file(path: Path) -> OpenSource:
    """Return what opens the file at ``path`` as a source; it has been read once it is entered."""

    @asynccontextmanager
    async def opened(table: Table, broken: Callable[[bool], None]) -> AsyncIterator[PipelineSource]:
        source = FileSource(path, table, broken=broken)
        await source.load()
        yield source

    return opened


def read_pipelines(text: str, name: str) -> tuple[Pipeline, ...]:
    """Read the Pipelines in ``text``.

    Raises:
        DocumentUnreadable: It breaks a rule; the message names ``name``, the line and the field.
    """
    documents = list(parse(text, name))
    if len(documents) != 1:
        raise DocumentUnreadable(
            f"{name}: holds {len(documents)} YAML documents instead of one:"
            " a mapping with the key pipelines"
        )
    pipelines = documents[0].validated(_File, numbers_as_text=True).pipelines
    _refuse_doubles(documents[0], pipelines)
    return pipelines


def _refuse_doubles(document: Document, pipelines: tuple[Pipeline, ...]) -> None:
    places: dict[str, str] = {}
    for index, pipeline in enumerate(pipelines):
        place = document.place(("pipelines", index, "id"))
        if pipeline.id in places:
            first = places[pipeline.id]
            raise DocumentUnreadable(f"{place}: pipeline {pipeline.id} is already given at {first}")
        places[pipeline.id] = place
