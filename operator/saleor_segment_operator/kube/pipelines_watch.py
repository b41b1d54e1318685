"""Watching our own Pipelines' Secrets: what somebody deletes or edits by hand is written again.

The servers answer 503 for a Pipeline that is gone, and Saleor gives up after 310 s.
"""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from saleor_segment_operator.kube.pipelines import KubePipelines
from saleor_segment_operator.kube.resources import PIPELINES, as_number, selector
from saleor_segment_operator.resource import Key
from saleor_segment_server.cluster import SECRETS, Api, Follower, WatchEvent

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class PipelinesWatch:
    """Follows the Pipelines' Secrets of a release by their metadata.

    Args:
        api: Where they are.
        release: Whose they are.
        namespace: Where they are.
        pipelines: What doubts its copy after a change that is not its own.
        changed: Called with each integration that such a change concerns.
    """

    def __init__(
        self,
        api: Api,
        *,
        release: str,
        namespace: str,
        pipelines: KubePipelines,
        changed: Callable[[Key], None],
    ) -> None:
        self._pipelines = pipelines
        self._changed = changed
        self._follower = Follower(
            api,
            SECRETS,
            namespace,
            labels=selector(release, PIPELINES),
            metadata_only=True,
            listed=self._listed,
            changed=self._saw,
        )
        self._known: set[str] = set()

    @property
    def following(self) -> bool:
        """Whether nothing is missed now."""
        return self._follower.following

    async def run(self) -> None:
        """Follow until cancelled."""
        await self._follower.run()

    async def _listed(self, documents: Sequence[Any]) -> None:
        there = {each["metadata"]["name"]: _version(each) for each in documents}
        for name in self._known - there.keys():
            await self._tell(name, None)
        for name, version in there.items():
            await self._tell(name, version)
        self._known = set(there)

    async def _saw(self, event: WatchEvent) -> None:
        name = event.object["metadata"]["name"]
        if event.kind == "DELETED":  # or its label was taken off
            self._known.discard(name)
        else:
            self._known.add(name)
        await self._tell(name, _version(event.object))

    async def _tell(self, secret: str, version: int | None) -> None:
        concerned = await self._pipelines.saw(secret, version)
        if concerned:
            _log.warning(
                "pipelines_secret_changed_by_another", secret=secret, integrations=len(concerned)
            )
        for key in concerned:
            self._changed(key)


def _version(document: Any) -> int:
    return as_number(document["metadata"]["resourceVersion"])
