"""The port ``Secrets`` on the API server: users' Secrets read by name, ours beside the release."""

import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.kube.errors import translated
from saleor_segment_operator.kube.own import OwnSecrets, data
from saleor_segment_operator.kube.resources import (
    APP,
    INSTALLATION,
    OWNER,
    PIPELINES,
    app_secret,
    installation_secret,
    labels,
    pipeline_owner,
    selector,
)
from saleor_segment_operator.reconcile.ports import AppRecord, Installation
from saleor_segment_operator.resource import Key, Reason
from saleor_segment_server.cluster import SECRETS, Api

_ID = re.compile(r"[0-9a-f]{8,64}")
_SALT = re.compile(r"[0-9a-f]{32}")
_MOMENT: TypeAdapter[datetime] = TypeAdapter(AwareDatetime)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class KubeSecrets:
    """The users' Secrets, each fetched when it is asked for and kept nowhere, and our own.

    Args:
        api: Where they are.
        release: What the names of ours begin with.
        namespace: Where ours are; the operator writes no Secret elsewhere.
    """

    def __init__(self, api: Api, *, release: str, namespace: str) -> None:
        self._api = api
        self._release = release
        self._own = OwnSecrets(api, namespace)
        self._installation: Installation | None = None

    async def read(self, namespace: str, name: str) -> Mapping[str, bytes] | None:
        """Return the data of a user's Secret, or ``None`` where there is none."""
        with translated(f"Secret {namespace}/{name}"):
            found = await self._api.get(SECRETS, namespace, name)
        return None if found is None else data(found)

    async def installation(self) -> Installation:
        """Return the installation's identity, made and stored at the first call.

        Raises:
            Blocked: What is stored is damaged, or gone while shops are connected. It is not made
                anew then: every shop would get a second app, and Segment would take what it has
                for new.
        """
        if self._installation is None:
            self._installation = self._read_installation(await self._installation_secret())
        return self._installation

    async def identity(self) -> str | None:
        """Return the installation's id as it is stored; none is made where there is none."""
        found = await self._own.get(installation_secret(self._release))
        return None if found is None else _text(found).get("id")

    async def restore_installation(self) -> None:
        """Write the installation's identity back where somebody deleted it, if it is known here."""
        known, name = self._installation, installation_secret(self._release)
        if known is not None and await self._make_installation(known) is not None:
            _log.error(
                "installation_written_back",
                secret=self._own.words(name),
                why="somebody deleted it: without it no operator of this release would start again",
            )

    async def app(self, uid: str) -> AppRecord | None:
        """Return what is kept of the app of the integration with this uid."""
        name = app_secret(self._release, uid)
        found = await self._own.get(name)
        return None if found is None else self._read_record(name, found)

    async def put_app(self, uid: str, record: AppRecord, *, of: Key) -> None:
        """Store it, durably, before returning."""
        since = record.pending_since
        content = {
            "pending_since": None if since is None else since.isoformat(),
            "app_id": record.app_id,
            "token": record.token,
        }
        await self._own.put(
            app_secret(self._release, uid),
            {key: None if value is None else value.encode() for key, value in content.items()},
            labels=labels(self._release, APP),
            annotations={OWNER: str(of)},
        )

    async def delete_app(self, uid: str) -> None:
        """Forget it; it may be gone already."""
        await self._own.delete(app_secret(self._release, uid))

    async def apps(self) -> Mapping[str, Key | None]:
        """Return the uids of all integrations of whose apps something is kept, with their keys."""
        prefix = app_secret(self._release, "")
        found: dict[str, Key | None] = {}
        for secret in await self._own.list(selector(self._release, APP)):
            metadata = secret["metadata"]
            if metadata["name"].startswith(prefix):
                owner = (metadata.get("annotations") or {}).get(OWNER)
                found[metadata["name"].removeprefix(prefix)] = Key.parse(owner)
        return found

    async def _installation_secret(self) -> Mapping[str, Any]:
        name = installation_secret(self._release)
        made = Installation(id=secrets.token_hex(8), salt=secrets.token_hex(16))
        while (found := await self._own.get(name)) is None:
            if await self._has_shops():
                raise self._lost("gone while shops are connected", "our other Secrets there")
            created = await self._make_installation(made)
            if created is not None:
                return created
        return found

    async def _make_installation(self, made: Installation) -> Mapping[str, Any] | None:
        """Store it; return ``None`` where there already is one."""
        return await self._own.create(
            installation_secret(self._release),
            {"id": made.id.encode(), "salt": made.salt.encode()},
            labels=labels(self._release, INSTALLATION),
        )

    async def _has_shops(self) -> bool:
        """Tell whether apps or Pipelines are kept here, which know an installation."""
        if await self.apps():
            return True
        shards = await self._own.list(selector(self._release, PIPELINES))
        notes = (each["metadata"].get("annotations") or {} for each in shards)
        return any(note.startswith(pipeline_owner()) for each in notes for note in each)

    def _lost(self, how: str, obstacle: str) -> Blocked:
        name = self._own.words(installation_secret(self._release))
        message = (
            f"{name} is {how}: put it back from a backup (keys id and salt, in hex). Without one "
            f"delete {obstacle} and restart the operator: then each shop gets another app and "
            "webhooks, and Segment takes what is sent again for new."
        )
        return Blocked(Reason.STORE_REFUSED, message)

    def _read_installation(self, secret: Mapping[str, Any]) -> Installation:
        found = _text(secret)
        if _ID.fullmatch(found.get("id", "")) and _SALT.fullmatch(found.get("salt", "")):
            return Installation(id=found["id"], salt=found["salt"])
        raise self._lost("damaged", "it, with our other Secrets there,")

    def _read_record(self, name: str, secret: Mapping[str, Any]) -> AppRecord:
        found = _text(secret)
        since = found.get("pending_since")
        try:
            pending = None if since is None else _MOMENT.validate_python(since)
        except ValidationError:
            message = (
                f"{self._own.words(name)} is damaged (pending_since is no time): delete it, the "
                "app is found again."
            )
            raise Blocked(Reason.STORE_REFUSED, message) from None
        return AppRecord(
            pending_since=pending,
            app_id=found.get("app_id") or None,
            token=found.get("token") or None,
        )


def _text(secret: Mapping[str, Any]) -> Mapping[str, str]:
    return {key: value.decode(errors="replace").strip() for key, value in data(secret).items()}
