"""The Pipelines in force."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from saleor_segment_server.contract import Pipeline, PipelineState
from saleor_segment_server.errors import NotFound, TryLater
from saleor_segment_server.pipelines.tombstones import Tombstones


class Table:
    """Pipelines by id, as their source last gave them.

    Args:
        tombstones: The memory of those that were taken down on purpose.
    """

    def __init__(self, tombstones: Tombstones) -> None:
        self._tombstones = tombstones
        self._pipelines: dict[str, Pipeline] = {}
        self._listeners: list[Callable[[], None]] = []
        self.synced = False
        """Whether a source has given its Pipelines yet."""

    @property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """All of them, by id; a view that a later ``replace`` does not change."""
        return MappingProxyType(self._pipelines)

    def subscribe(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every change; it reads ``pipelines`` and returns soon."""
        self._listeners.append(listener)

    def find(self, pipeline_id: str) -> Pipeline:
        """Return the Pipeline with this id.

        Raises:
            NotFound: It was taken down on purpose.
            TryLater: It is not known, or not yet.
        """
        found = self._pipelines.get(pipeline_id)
        if found is not None:
            return found
        if pipeline_id in self._tombstones:
            raise NotFound("pipeline_gone", "this integration was deleted")
        raise TryLater("pipeline_unknown", "this integration is not known here yet")

    async def replace(
        self, pipelines: Iterable[Pipeline], *, unsure: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Put these in force instead of what was.

        Args:
            pipelines: All of them.
            unsure: Tells whether one that is not among them may still exist, by its id: the
                source lacks the part that would hold it.
        """
        fresh = {pipeline.id: pipeline for pipeline in pipelines}
        changed = fresh != self._pipelines or not self.synced
        draining = (p.id for p in fresh.values() if p.state is PipelineState.DRAINING)
        # First, so that whoever sees a Pipeline held as Draining knows that it will be remembered.
        await self._tombstones.update(
            present=frozenset(fresh), draining=frozenset(draining), unsure=unsure
        )
        self._pipelines = fresh
        self.synced = True
        if changed:
            for listener in self._listeners:
                listener()
