"""A whole operator that is killed at a step of a first reconcile or of a deletion, and the next.

``test_operator_steps`` kills the reconciler alone, at each step.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.operate import OperateSettings
from saleor_segment_operator.operate.operate import operate
from saleor_segment_server.cluster import SECRETS
from tests.cluster.operating import (
    EMAIL,
    PASSWORD,
    PUBLIC_URL,
    RELEASE,
    Ground,
    standing,
)
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin, SigningKey

CREATION = (
    "Hold",
    "NoteCreation",
    "CreateApp",
    "StoreToken",
    "CreateWebhook",
    "PublishPipeline",
    "SwitchWebhooks",
)
DELETION = (
    "PublishPipeline",
    "SwitchWebhooks",
    "DeleteApp",
    "ForgetPipeline",
    "ForgetApp",
    "Release",
)
_KEY = SigningKey.generate()
_SEARCH = 61.0
"""Seconds after which Saleor is no longer searched for an app whose creation was interrupted."""


class Killed(BaseException):
    """The process is gone: nothing may catch it."""


@dataclass
class Lives:
    """Operators in this process, one after another, each later than the last."""

    ground: Ground
    late: float = 0.0
    steps: list[str] = field(default_factory=list)

    async def live(self, until_: Callable[[], Any], *, kill_at: str | None = None) -> None:
        """Run an operator until a condition holds, or before a step kill it."""
        stop, self.steps = asyncio.Event(), []

        async def step(name: str) -> None:
            if name == kill_at:
                raise Killed
            self.steps.append(name)

        task = asyncio.create_task(operate(self._settings(), stop, clock=self._now, step=step))
        try:
            if kill_at is None:
                await until(until_)
                stop.set()
            with suppress(BaseExceptionGroup):  # of the one that is killed
                await asyncio.wait_for(task, 90)
            assert stop.is_set() == (kill_at is None), f"{kill_at} did not happen"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self.late += _SEARCH

    def _now(self) -> float:
        return time.time() + self.late

    def _settings(self) -> OperateSettings:
        return OperateSettings(
            kubeconfig=self.ground.kubeconfig,
            namespace=self.ground.release,
            release=RELEASE,
            watch_namespaces=(self.ground.namespace,),
            public_url=PUBLIC_URL,
            private_listen="127.0.0.1:0",
            allow_loopback=True,
            verify_write_keys=False,
        )

    async def is_gone(self) -> bool:
        return await self.ground.found() is None

    async def left_behind(self) -> set[str]:
        """Return the names of the release's Secrets that hold something of an integration."""
        listing = await self.ground.api.list(SECRETS, self.ground.release)
        return {
            secret["metadata"]["name"]
            for secret in listing.items
            if secret.get("data") and secret["metadata"]["name"] != f"{RELEASE}-installation"
        }


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
async def lives(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Lives]:
    cluster = Cluster(plane)
    await cluster.install()
    async with SaleorTwin(version="3.23.28", key=_KEY) as saleor:
        saleor.staff(EMAIL, PASSWORD)
        async with standing(cluster, saleor, tmp_path) as ground:
            await ground.apply(events=["ORDER_CREATED"])
            yield Lives(ground)
    await cluster.close()


async def test_these_are_the_steps(lives: Lives) -> None:
    await lives.live(lives.ground.is_ready)
    assert lives.steps == list(CREATION)
    await lives.ground.delete()
    await lives.live(lives.is_gone)
    assert lives.steps == list(DELETION)
    assert await lives.left_behind() == set()


@pytest.mark.parametrize("step", ["CreateApp", "SwitchWebhooks"])
async def test_killed_before_a_step_of_the_first_reconcile_the_next_makes_one_app(
    lives: Lives, step: str
) -> None:
    await lives.live(lives.ground.is_ready, kill_at=step)
    await lives.live(lives.ground.is_ready)
    (app,) = lives.ground.saleor.apps
    (webhook,) = app.webhooks
    assert webhook.is_active
    assert len(lives.ground.table) == 1


@pytest.mark.parametrize("step", ["ForgetPipeline"])
async def test_killed_before_a_step_of_a_deletion_the_next_leaves_nothing(
    lives: Lives, step: str
) -> None:
    await lives.live(lives.ground.is_ready)
    await lives.ground.delete()
    await lives.live(lives.is_gone, kill_at=step)
    await lives.live(lives.is_gone)
    assert list(lives.ground.saleor.apps) == []
    assert await lives.left_behind() == set()
