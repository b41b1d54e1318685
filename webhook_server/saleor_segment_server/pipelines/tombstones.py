"""The Pipelines that were taken down on purpose: their webhooks are answered 404, for good."""

from collections.abc import Callable
from pathlib import Path

import orjson
import structlog

from saleor_segment_server.files import read, write

log = structlog.get_logger(__name__)


class Tombstones:
    """Ids seen Draining, and of those the ids that then went; kept in a file.

    Args:
        path: The file; its folder exists.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draining: frozenset[str] = frozenset()
        self._gone: frozenset[str] = frozenset()

    async def load(self) -> None:
        """Read what an earlier process kept; an unreadable file counts as none, and says so.

        Without it a deleted Pipeline is answered 503 instead of 404, which loses nothing.
        """
        try:
            stored = orjson.loads(await read(self._path) or b"{}")
            self._draining = frozenset(stored.get("draining", ()))
            self._gone = frozenset(stored.get("gone", ()))
        except (OSError, orjson.JSONDecodeError, AttributeError, TypeError):
            log.warning("tombstones_unreadable", path=str(self._path))

    def __contains__(self, pipeline_id: str) -> bool:
        return pipeline_id in self._gone

    async def update(
        self,
        *,
        present: frozenset[str],
        draining: frozenset[str],
        unsure: Callable[[str], bool],
    ) -> None:
        """Take in the table's new state; one that comes back lives again.

        Args:
            present: The ids of all Pipelines.
            draining: Those that are Draining.
            unsure: Tells whether a Pipeline that is not present may still exist.
        """
        absent = self._draining - present
        draining |= {pipeline_id for pipeline_id in absent if unsure(pipeline_id)}
        gone = (self._gone | self._draining) - present - draining
        # A drained one stays known as such until it is gone or seen in another state.
        if (gone, draining) == (self._gone, self._draining):
            return
        self._gone, self._draining = gone, draining
        document = {"draining": sorted(draining), "gone": sorted(gone)}
        try:
            await write(self._path, orjson.dumps(document))
        except OSError as error:
            log.warning("tombstones_not_kept", path=str(self._path), error=error.strerror)
