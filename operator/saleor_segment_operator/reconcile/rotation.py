"""Bringing a changed write key into use at once: beside the passes, which wait for Saleor.

A shop that hangs holds its pass for a minute, and a few of them hold every worker; a key that is
revoked meanwhile loses what is sent with it.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile.act import Actor, Stage
from saleor_segment_operator.reconcile.actions import Lane, PublishPipeline
from saleor_segment_operator.reconcile.observe import Observer
from saleor_segment_operator.reconcile.plan import rekeyed
from saleor_segment_operator.reconcile.ports import Integrations
from saleor_segment_operator.reconcile.queue import Queue
from saleor_segment_operator.reconcile.state import Desired
from saleor_segment_operator.resource import ConditionType, Integration, Invalid, Key, Spec

_WORKERS = 4
_GRACE = 1.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Rotation:
    """Publishes the Pipeline of an integration anew where its write key has changed.

    It says nothing in the status: the pass that a change asks for as well does.
    """

    def __init__(
        self,
        *,
        integrations: Integrations,
        observer: Observer,
        actor: Actor,
        desire: Callable[[Integration, Spec], Awaitable[Desired]],
        is_anothers: Callable[[Integration], Awaitable[bool]],
    ) -> None:
        """Work on these.

        Args:
            integrations: What is asked for.
            observer: Looks at the key and the stored Pipeline.
            actor: Publishes.
            desire: Resolves what an integration asks for.
            is_anothers: Tells whether another installation keeps an integration.
        """
        self._integrations = integrations
        self._observer = observer
        self._actor = actor
        self._desire = desire
        self._is_anothers = is_anothers
        self._queue = Queue(self._turn, workers=_WORKERS, grace=_GRACE)

    def add(self, key: Key) -> None:
        """Have the key of this integration looked at now."""
        self._queue.add(key)

    async def run(self, stop: asyncio.Event) -> None:
        """Look at keys when asked to, until ``stop`` is set."""
        await self._queue.run(stop)

    async def rotate(self, key: Key) -> None:
        """Bring the write key into use as it is now; nothing happens where it is already.

        Raises:
            Blocked: Our own state cannot be read.
            Unavailable: It cannot be read now.
        """
        integration = await self._integrations.get(key)
        if integration is None or not integration.held or integration.deleting is not None:
            return
        if isinstance(integration.spec, Invalid) or await self._is_anothers(integration):
            return
        desired = await self._desire(integration, integration.spec)
        seen = await self._observer.observe_key(integration, desired)
        pipeline = rekeyed(desired, seen)
        if pipeline is not None:
            lane = Lane(ConditionType.PIPELINE_SYNCED, (PublishPipeline(pipeline),))
            await self._actor.act(Stage(seen, desired), (lane,))

    async def _turn(self, key: Key) -> None:
        try:
            await self.rotate(key)
        except (Blocked, Unavailable) as error:  # the pass says it, and tries again
            _log.warning("rotation_hindered", integration=str(key), reason=error.reason)
