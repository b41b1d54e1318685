"""Pipelines from the Secrets in which the operator of a release keeps them.

While the API server is away the Pipelines go on as they were last seen. A process that starts
meanwhile waits for it, unready, and answers 503: no copy of the Pipelines is kept on the volume.
It would hold every shop's write key outside of a Secret, could send with a key that was revoked
since, and the pod would have to call itself ready on the word of an old file to get any traffic at
all. Saleor tries again for 310 s, and the operator's recovery brings back what it gave up.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from saleor_segment_server.cluster import SECRETS, Access, Api, Follower, WatchEvent
from saleor_segment_server.contract import Pipeline, pipelines_secret, shard_of
from saleor_segment_server.pipelines.shard import Shard
from saleor_segment_server.pipelines.source import OpenSource, PipelineSource
from saleor_segment_server.pipelines.table import Table

_Secret = Mapping[str, Any]

log = structlog.get_logger(__name__)


class SecretSource:
    """Keeps a table in step with the Secrets of a release, each followed by its name.

    The table is given its first Pipelines once all of them were looked for. A Secret that is not
    there is empty, whether the operator has not made it yet or somebody deleted it: what lay in it
    is unknown here until it is back, and never taken for taken down.

    Args:
        api: The API server.
        table: What is kept in step.
        namespace: Where the Secrets lie.
        release: What their names begin with.
        shards: How many they are.
        broken: Told after each change whether an entry cannot be read.
    """

    def __init__(
        self,
        api: Api,
        table: Table,
        *,
        namespace: str,
        release: str,
        shards: int,
        broken: Callable[[bool], None],
    ) -> None:
        self._api = api
        self._table = table
        self._namespace = namespace
        self._shards = [Shard(pipelines_secret(release, number)) for number in range(shards)]
        self._tell_broken = broken
        self._one_at_a_time = asyncio.Lock()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the Secrets until ``stop`` is set."""
        async with asyncio.TaskGroup() as tasks:
            following = [
                tasks.create_task(self._follower(shard).run(), name=f"follow {shard.secret}")
                for shard in self._shards
            ]
            await stop.wait()
            for task in following:
                task.cancel()

    def _follower(self, shard: Shard) -> Follower:
        async def listed(found: Sequence[_Secret]) -> None:
            await self._take(shard, found[0] if found else None)

        async def changed(event: WatchEvent) -> None:
            await self._take(shard, None if event.kind == "DELETED" else event.object)

        return Follower(
            self._api,
            SECRETS,
            self._namespace,
            # By list and watch of this one name: all that the server's Role lets it see.
            fields=f"metadata.name={shard.secret}",
            listed=listed,
            changed=changed,
        )

    async def _take(self, shard: Shard, secret: _Secret | None) -> None:
        held = len(shard.pipelines)
        if not shard.take(secret):
            return
        if secret is None and held:
            log.warning(
                "pipelines_secret_gone",
                secret=shard.secret,
                pipelines=held,
                remedy="the operator writes it again; until then its shops are answered 503",
            )
        self._tell_broken(any(shard.unreadable for shard in self._shards))
        async with self._one_at_a_time:
            await self._publish()

    async def _publish(self) -> None:
        if any(shard.exists is None for shard in self._shards):
            return
        pipelines = self._union()
        await self._table.replace(pipelines.values(), unsure=self._is_unsure)
        log.info(
            "pipelines_read",
            pipelines=len(pipelines),
            absent=[shard.secret for shard in self._shards if not shard.exists],
        )

    def _union(self) -> Mapping[str, Pipeline]:
        """Return all Pipelines; one that lies in two Secrets counts as it is where it belongs.

        While the number of shards changes the old Secret may still hold it, and the operator
        writes only the one where it belongs.
        """
        union: dict[str, Pipeline] = {}
        for number, shard in enumerate(self._shards):
            for pipeline_id, pipeline in shard.pipelines.items():
                if pipeline_id not in union or shard_of(pipeline_id, len(self._shards)) == number:
                    union[pipeline_id] = pipeline
        return union

    def _is_unsure(self, pipeline_id: str) -> bool:
        """Tell whether this Pipeline may still exist: its Secret or its entry cannot be read."""
        home = self._shards[shard_of(pipeline_id, len(self._shards))]
        return not home.exists or any(pipeline_id in shard.unreadable for shard in self._shards)


def from_secrets(access: Access, *, namespace: str | None, release: str, shards: int) -> OpenSource:
    """Return what opens the Secrets of a release as a source.

    Args:
        access: How the API server is reached.
        namespace: Where the Secrets lie; ``None``: where this pod does.
        release: What their names begin with.
        shards: How many they are.
    """

    @asynccontextmanager
    async def opened(table: Table, broken: Callable[[bool], None]) -> AsyncIterator[PipelineSource]:
        where = await asyncio.to_thread(access.release_namespace, namespace)
        async with Api(access) as api:
            yield SecretSource(
                api, table, namespace=where, release=release, shards=shards, broken=broken
            )

    return opened
