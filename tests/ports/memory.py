"""Ports kept in memory, for tests of what stands on them.

``fail`` makes every later call raise that error, as an adapter whose store is down would.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.reconcile.ports import Announcement, AppRecord, Installation
from saleor_segment_operator.resource import KEPT_BY, Integration, Key, Reason, Status, parse_spec
from saleor_segment_server.contract import Pipeline

INSTALLATION = Installation(id="0badcafe", salt="00112233445566778899aabbccddeeff")


@dataclass
class Store:
    fail: Exception | None = None

    def _check(self) -> None:
        if self.fail is not None:
            raise self.fail


@dataclass
class MemoryIntegrations(Store):
    objects: dict[Key, Integration] = field(default_factory=dict)
    announcements: list[Announcement] = field(default_factory=list)
    failing: dict[Key, Exception] = field(default_factory=dict)
    """What is raised where one of these is asked for."""

    def apply(
        self,
        key: Key,
        spec: Mapping[str, Any],
        *,
        annotations: Mapping[str, str] | None = None,
        uid: str | None = None,
    ) -> Integration:
        """Create or change one, as ``kubectl apply`` would."""
        parsed, marks = parse_spec(spec), dict(annotations or {})
        old = self.objects.get(key)
        if old is None:
            new = Integration(key, uid or str(uuid.uuid4()), 1, parsed, annotations=marks)
        else:
            generation = old.generation + (old.spec != parsed)
            if KEPT_BY in old.annotations:  # applying takes away what was applied before only
                marks[KEPT_BY] = old.annotations[KEPT_BY]
            new = replace(old, generation=generation, spec=parsed, annotations=marks)
        self.objects[key] = new
        return new

    def delete(self, key: Key, now: datetime) -> None:
        """Ask for its deletion: it goes at once unless it is held."""
        old = self.objects[key]
        if old.held:
            self.objects[key] = replace(old, deleting=old.deleting or now)
        else:
            del self.objects[key]

    async def keys(self) -> Sequence[Key]:
        self._check()
        return tuple(self.objects)

    async def get(self, key: Key) -> Integration | None:
        self._check()
        if key in self.failing:
            raise self.failing[key]
        return self.objects.get(key)

    async def alive(self, uid: str) -> bool:
        self._check()
        return any(each.uid == uid for each in self.objects.values())

    async def hold(self, integration: Integration, *, by: str) -> None:
        self._check()
        if (now := self._same(integration)) is None:
            raise Unavailable(Reason.STORE_UNAVAILABLE, "it was removed a moment ago")
        if not now.held:
            marks = {**now.annotations, KEPT_BY: by}
            self.objects[integration.key] = replace(now, held=True, annotations=marks)

    async def release(self, integration: Integration) -> None:
        self._check()
        if (now := self._same(integration)) is not None:
            self.objects[integration.key] = replace(now, held=False)
            if now.deleting is not None:
                del self.objects[integration.key]

    async def publish(self, integration: Integration, status: Status) -> None:
        self._check()
        if (now := self._same(integration)) is not None:
            self.objects[integration.key] = replace(now, status=Status.parse(status.document()))

    async def announce(self, integration: Integration, announcement: Announcement) -> None:
        self.announcements.append(announcement)

    def _same(self, integration: Integration) -> Integration | None:
        now = self.objects.get(integration.key)
        return now if now is not None and now.uid == integration.uid else None


@dataclass
class MemorySecrets(Store):
    users: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    identity: Installation = INSTALLATION
    records: dict[str, AppRecord] = field(default_factory=dict)
    owners: dict[str, Key] = field(default_factory=dict)

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        self._check()
        return self.users.get((namespace, name))

    async def installation(self) -> Installation:
        self._check()
        return self.identity

    async def app(self, uid: str) -> AppRecord | None:
        self._check()
        return self.records.get(uid)

    async def put_app(self, uid: str, record: AppRecord, *, of: Key) -> None:
        self._check()
        self.records[uid], self.owners[uid] = record, of

    async def delete_app(self, uid: str) -> None:
        self._check()
        self.records.pop(uid, None)

    async def apps(self) -> Mapping[str, Key | None]:
        self._check()
        return {uid: self.owners.get(uid) for uid in self.records}


@dataclass
class MemoryPipelines(Store):
    table: dict[str, Pipeline] = field(default_factory=dict)
    owners: dict[str, Key] = field(default_factory=dict)

    async def get(self, pipeline_id: str) -> Pipeline | None:
        self._check()
        return self.table.get(pipeline_id)

    async def put(self, pipeline: Pipeline, *, of: Key) -> None:
        self._check()
        self.table[pipeline.id] = Pipeline.model_validate(pipeline.document())
        self.owners[pipeline.id] = of

    async def delete(self, pipeline_id: str) -> None:
        self._check()
        self.table.pop(pipeline_id, None)

    async def ids(self) -> Mapping[str, Key | None]:
        self._check()
        return {pipeline_id: self.owners.get(pipeline_id) for pipeline_id in self.table}
