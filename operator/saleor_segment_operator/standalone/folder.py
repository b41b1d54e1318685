"""The ports ``Secrets`` and ``Pipelines`` on a folder, and how the folder is laid out.

::

    lock                    held while a process uses the folder
    installation.json       identity and salt, made once
    integrations/UID.json   a manifest as last applied, with uid, generation and status
    apps/UID.json           an app's id and token
    pipelines.yaml          what the embedded server reads

Everything is read once at the start and kept in memory; a change is durable before it counts.
"""

import asyncio
import secrets
from collections.abc import Iterable, Mapping

import yaml
from pydantic import TypeAdapter

from saleor_segment_operator.reconcile.ports import AppRecord, Installation
from saleor_segment_operator.resource import Key
from saleor_segment_operator.standalone.files import Files
from saleor_segment_server.contract import Pipeline
from saleor_segment_server.pipelines.folder import read_pipelines

PIPELINES = "pipelines.yaml"
"""Name of the embedded server's file."""

_BANNER = "# Written by saleor-segment run. Holds write keys: keep it to yourself.\n"
_INSTALLATION = TypeAdapter(Installation)
_APP = TypeAdapter(AppRecord)


class FolderSecrets:
    """The Secrets of the manifests in memory, our own in files."""

    def __init__(self, own: Files, apps: Files) -> None:
        """Read what is kept; blocks, so only for the start.

        Args:
            own: The folder with the installation's identity.
            apps: The folder with a file for each app.
        """
        self._own = own
        self._apps = apps
        self._turn = asyncio.Lock()
        self._users: Mapping[tuple[str, str], Mapping[str, bytes]] = {}
        found = own.read("installation.json", _INSTALLATION.validate_json)
        self._installation = found.get("installation")
        self._records = apps.read("*.json", _APP.validate_json)

    def apply(self, users: Mapping[tuple[str, str], Mapping[str, bytes]]) -> None:
        """Make ``users``, by namespace and name, the Secrets there are."""
        self._users = users

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a user's Secret, or ``None`` where there is none."""
        return self._users.get((namespace, name))

    async def installation(self) -> Installation:
        """Return the installation's identity, made and stored at the first call."""
        async with self._turn:  # two who ask first must be told the same
            if self._installation is None:
                made = Installation(id=secrets.token_hex(8), salt=secrets.token_hex(16))
                await self._own.write("installation.json", _INSTALLATION.dump_json(made))
                self._installation = made
            return self._installation

    async def app(self, uid: str) -> AppRecord | None:
        """Return what is kept of the app of the integration with this uid."""
        return self._records.get(uid)

    async def put_app(self, uid: str, record: AppRecord, *, of: Key) -> None:  # noqa: ARG002
        """Store it, durably, before returning; the uid is the integration's file's name."""
        await self._apps.write(f"{uid}.json", _APP.dump_json(record))
        self._records[uid] = record

    async def delete_app(self, uid: str) -> None:
        """Forget it; it may be gone already."""
        await self._apps.remove(f"{uid}.json")
        self._records.pop(uid, None)

    async def apps(self) -> Mapping[str, Key | None]:
        """Return the uids of whose apps something is kept; their keys are not."""
        return dict.fromkeys(self._records)


class FolderPipelines:
    """The Pipelines in one file, which the embedded server reads."""

    def __init__(self, own: Files) -> None:
        """Read what is kept in the folder ``own``; blocks, so only for the start."""
        self._own = own
        self._turn = asyncio.Lock()
        found = own.read(PIPELINES, _parse)
        self._table = {pipeline.id: pipeline for table in found.values() for pipeline in table}

    async def get(self, pipeline_id: str) -> Pipeline | None:
        """Return it as stored."""
        return self._table.get(pipeline_id)

    async def put(self, pipeline: Pipeline, *, of: Key) -> None:  # noqa: ARG002
        """Store it, durably, before returning; the id is the integration's file's name."""
        async with self._turn:
            await self._store({**self._table, pipeline.id: pipeline})

    async def delete(self, pipeline_id: str) -> None:
        """Take it out; it may be gone already."""
        async with self._turn:
            left = {name: each for name, each in self._table.items() if name != pipeline_id}
            await self._store(left)

    async def ids(self) -> Mapping[str, Key | None]:
        """Return the ids of all; their integrations' keys are not kept."""
        return dict.fromkeys(self._table)

    async def ensure(self) -> None:
        """Have a file, for the server to start with."""
        async with self._turn:
            await self._store(self._table)

    async def _store(self, table: Mapping[str, Pipeline]) -> None:
        await self._own.write(PIPELINES, _written(table.values()))
        self._table = dict(table)


def _written(pipelines: Iterable[Pipeline]) -> bytes:
    documents = [pipeline.document() for pipeline in pipelines]
    return (_BANNER + yaml.safe_dump({"pipelines": documents}, sort_keys=False)).encode()


def _parse(content: bytes) -> tuple[Pipeline, ...]:
    return read_pipelines(content.decode(), PIPELINES)
