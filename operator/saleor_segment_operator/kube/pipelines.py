"""The port ``Pipelines`` on the API server: a data key each, in one of the release's Secrets.

A Pipeline lies in the Secret that its id and the number of shards tell. When that number changes,
the first look of a process moves what lies elsewhere: written where it belongs, then taken out of
where it was, so that it always lies in one place at least. Servers take all their Secrets together,
so those that see both see it once. A server that does not see the new Secret yet, or no longer the
old one, answers 503 for it until both it and the operator run with the new number, as they do
moments after ``helm upgrade``; Saleor sends again for 310 s.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson
import structlog
from pydantic import ValidationError

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.kube.own import Document, OwnSecrets, data
from saleor_segment_operator.kube.resources import (
    PIPELINES,
    as_number,
    labels,
    pipeline_owner,
    selector,
)
from saleor_segment_operator.resource import Key, Reason
from saleor_segment_server.cluster import Api
from saleor_segment_server.contract import Pipeline, pipelines_secret, shard_of

_ROOM = 900 * 1024
"""Bytes of Pipelines in one Secret; the API server takes 1 MiB."""
_FRESH = 30.0
"""Seconds for which a Secret is believed unchanged where no watch says otherwise: nobody else
writes it, but for a mistake."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Shard:
    """One Secret, as last read or written."""

    name: str
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    content: Mapping[str, bytes] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    """Its resource version; 0 where it is not there."""
    read: float = float("-inf")

    def take(self, secret: Document | None, *, now: float) -> None:
        metadata = (secret or {}).get("metadata") or {}
        self.content = data(secret or {})
        self.owners = metadata.get("annotations") or {}
        self.version = as_number(metadata.get("resourceVersion"))
        self.read = now

    def doubt(self) -> None:
        """Have it read anew: a change that is not answered may be made or not."""
        self.read = float("-inf")

    def room_for(self, pipeline_id: str, value: bytes) -> bool:
        others = sum(len(each) for name, each in self.content.items() if name != pipeline_id)
        return others + len(value) <= _ROOM


class KubePipelines:
    """The Pipelines in the Secrets of a release.

    Args:
        api: Where they are.
        release: What their names begin with.
        namespace: Where they are.
        shards: How many there are.
        fresh: Seconds for which what was read is believed.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        api: Api,
        *,
        release: str,
        namespace: str,
        shards: int,
        fresh: float = _FRESH,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = OwnSecrets(api, namespace)
        self._release = release
        self._shards = [_Shard(pipelines_secret(release, number)) for number in range(shards)]
        self._fresh = fresh
        self._clock = clock
        self._settling = asyncio.Lock()
        self._settled = False

    async def get(self, pipeline_id: str) -> Pipeline | None:
        """Return it as stored; what cannot be read counts as absent, and is written anew."""
        await self._settle()
        shard = self._shard(pipeline_id)
        async with shard.turn:
            await self._refresh(shard)
            value = shard.content.get(pipeline_id)
        return None if value is None else _parsed(pipeline_id, value, shard.name)

    async def put(self, pipeline: Pipeline, *, of: Key) -> None:
        """Store it, durably, before returning.

        Raises:
            Blocked: Its Secret is full.
        """
        await self._settle()
        value = orjson.dumps(pipeline.document(), option=orjson.OPT_SORT_KEYS)
        await self._write(self._shard(pipeline.id), pipeline.id, value, str(of))

    async def delete(self, pipeline_id: str) -> None:
        """Take it out; it may be gone already.

        The Secret stays, even empty: to servers one that is gone says nothing of what lay in it.
        """
        await self._settle()
        shard = self._shard(pipeline_id)
        async with shard.turn:
            shard.doubt()
            shard.take(await self._take(shard.name, pipeline_id), now=self._clock())

    async def ids(self) -> Mapping[str, Key | None]:
        """Return the ids of all, with their integrations' keys where they are known."""
        await self._settle()
        found: dict[str, Key | None] = {}
        for shard in self._shards:
            async with shard.turn:
                await self._refresh(shard)
                for name in shard.content:
                    found[name] = Key.parse(shard.owners.get(pipeline_owner(name)))
        return found

    async def saw(self, secret: str, version: int | None) -> frozenset[Key]:
        """Take note of how one of our Secrets is now; what we wrote ourselves is no news.

        Args:
            secret: Its name.
            version: Its resource version; ``None`` where it is known to be gone.

        Returns:
            The integrations whose Pipelines somebody else may have changed or deleted.
        """
        shard = next((shard for shard in self._shards if shard.name == secret), None)
        if shard is None:
            return frozenset()
        async with shard.turn:  # a write of our own is told before it is answered
            known = shard.version == 0 if version is None else version <= shard.version
            if known:
                return frozenset()
            shard.doubt()
            owners = (Key.parse(shard.owners.get(pipeline_owner(name))) for name in shard.content)
            return frozenset(key for key in owners if key is not None)

    async def _write(self, shard: _Shard, name: str, value: bytes, owner: str | None) -> None:
        async with shard.turn:
            await self._refresh(shard)
            if not shard.room_for(name, value):
                message = (
                    f"{self._own.words(shard.name)} has no room for another Pipeline "
                    f"({_ROOM // 1024} KiB): raise pipelineShards in the chart's values."
                )
                raise Blocked(Reason.STORE_REFUSED, message)
            shard.doubt()
            written = await self._own.put(
                shard.name,
                {name: value},
                labels=labels(self._release, PIPELINES),
                annotations={} if owner is None else {pipeline_owner(name): owner},
            )
            shard.take(written, now=self._clock())

    async def _refresh(self, shard: _Shard) -> None:
        if self._clock() - shard.read >= self._fresh:
            asked = self._clock()
            shard.take(await self._own.get(shard.name), now=asked)

    async def _take(self, secret: str, name: str) -> Document | None:
        return await self._own.take(secret, {name: None}, annotations={pipeline_owner(name): None})

    async def _settle(self) -> None:
        """Move what an installation with another number of shards left elsewhere, once."""
        async with self._settling:
            if not self._settled:
                for secret in await self._own.list(selector(self._release, PIPELINES)):
                    if self._may_hold_strays(secret["metadata"]["name"]):
                        await self._move_from(secret["metadata"]["name"])
                self._settled = True

    def _may_hold_strays(self, name: str) -> bool:
        return bool(re.fullmatch(re.escape(pipelines_secret(self._release, 0)[:-1]) + r"\d+", name))

    async def _move_from(self, secret: str) -> None:
        found = await self._own.get(secret) or {}
        annotations = (found.get("metadata") or {}).get("annotations") or {}
        left = content = data(found)
        for name, value in _strays(content, secret, self._shard):
            if await self._move(secret, name, value, annotations.get(pipeline_owner(name))):
                left = {each: value for each, value in left.items() if each != name}
        if not left and secret not in {shard.name for shard in self._shards}:
            await self._own.delete(secret)

    async def _move(self, secret: str, name: str, value: bytes, owner: str | None) -> bool:
        home = self._shard(name)
        try:
            async with home.turn:
                await self._refresh(home)
                there = name in home.content
            if not there:  # else a process ended between the two steps, or wrote it since
                await self._write(home, name, value, owner)
        except Blocked as error:
            _log.warning("pipeline_not_moved", pipeline=name, secret=secret, why=str(error))
            return False
        await self._take(secret, name)
        _log.info("pipeline_moved", pipeline=name, old=secret, new=home.name)
        return True

    def _shard(self, pipeline_id: str) -> _Shard:
        return self._shards[shard_of(pipeline_id, len(self._shards))]


def _strays(
    content: Mapping[str, bytes], secret: str, home: Callable[[str], _Shard]
) -> Iterator[tuple[str, bytes]]:
    return ((name, value) for name, value in content.items() if home(name).name != secret)


def _parsed(pipeline_id: str, value: bytes, secret: str) -> Pipeline | None:
    try:
        pipeline = Pipeline.model_validate_json(value, by_name=False)
    except ValidationError as error:
        fields = sorted({".".join(map(str, each["loc"])) for each in error.errors()})
        _log.warning("pipeline_unreadable", pipeline=pipeline_id, secret=secret, fields=fields)
        return None
    if pipeline.id != pipeline_id:
        _log.warning("pipeline_unreadable", pipeline=pipeline_id, secret=secret, fields=["id"])
        return None
    return pipeline
