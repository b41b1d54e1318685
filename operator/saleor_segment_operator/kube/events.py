"""Events of the core API: what ``kubectl describe`` shows of an integration."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from saleor_segment_operator.kube.errors import translation
from saleor_segment_operator.kube.resources import INTEGRATIONS, OPERATOR
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import KIND, Integration
from saleor_segment_server.cluster import (
    EVENTS,
    Api,
    ApiError,
    Forbidden,
    Missing,
    Patch,
    Terminating,
)

_SAME = 600.0
"""Seconds within which what is said again is counted instead of told anew."""
_MESSAGE = 1024
"""Bytes of a message that the API server takes."""
_NAME = 200
"""Characters of the integration's name in the Event's."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Told:
    """An Event we made, and when it was last told."""

    name: str
    count: int
    at: float


class Events:
    """Tells of integrations; failing to is logged, never raised.

    Args:
        api: Where they are told.
        instance: Which process tells: the pod's name.
        clock: Seconds since the epoch.
    """

    def __init__(self, api: Api, *, instance: str, clock: Callable[[], float] = time.time) -> None:
        self._api = api
        self._instance = instance
        self._clock = clock
        self._told: dict[tuple[str, Announcement], _Told] = {}

    async def tell(
        self, integration: Integration, announcement: Announcement, *, version: str | None = None
    ) -> None:
        """Tell it, or count it where the same was told some minutes ago.

        Args:
            integration: Whom it concerns.
            announcement: What is told.
            version: The integration's resource version, where it is known.
        """
        try:
            await self._tell(integration, announcement, version)
        except Terminating:  # nobody will look there any more
            return
        except ApiError as error:
            _log.warning(
                "event_not_told",
                integration=str(integration.key),
                reason=announcement.reason,
                why=str(translation("An Event", error)),
            )

    async def _tell(
        self, integration: Integration, announcement: Announcement, version: str | None
    ) -> None:
        now = self._clock()
        self._told = {key: told for key, told in self._told.items() if now - told.at < _SAME}
        same = integration.uid, announcement
        told = self._told.get(same)
        if told is None or not await self._count(integration.key.namespace, told, now):
            told = _Told(_name(integration), 0, now)
            event = self._event(integration, announcement, told.name, version)
            await self._api.create(EVENTS, integration.key.namespace, event)
        self._told[same] = _Told(told.name, told.count + 1, now)

    async def _count(self, namespace: str, told: _Told, now: float) -> bool:
        body = {"count": told.count + 1, "lastTimestamp": _moment(now)}
        try:
            await self._api.patch(
                EVENTS, namespace, told.name, body, how=Patch.MERGE, manager=OPERATOR
            )
        except (Missing, Forbidden):  # Events last an hour, or less; some may only be made
            return False
        return True

    def _event(
        self, integration: Integration, announcement: Announcement, name: str, version: str | None
    ) -> Mapping[str, Any]:
        now = _moment(self._clock())
        involved = {
            "apiVersion": INTEGRATIONS.api_version,
            "kind": KIND,
            "namespace": integration.key.namespace,
            "name": integration.key.name,
            "uid": integration.uid,
        }
        return {
            "apiVersion": EVENTS.api_version,
            "kind": "Event",
            "metadata": {"name": name, "namespace": integration.key.namespace},
            "involvedObject": involved
            if version is None
            else involved | {"resourceVersion": version},
            "type": announcement.kind,
            "reason": announcement.reason,
            "message": _cut(announcement.message),
            "action": "Reconcile",
            "reportingComponent": OPERATOR,
            "reportingInstance": self._instance,
            "source": {"component": OPERATOR},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _name(integration: Integration) -> str:
    return f"{integration.key.name[:_NAME].rstrip('.-')}.{uuid.uuid4().hex[:16]}"


def _cut(message: str) -> str:
    encoded = message.encode()
    if len(encoded) <= _MESSAGE:
        return message
    return encoded[: _MESSAGE - 3].decode(errors="ignore") + "…"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
