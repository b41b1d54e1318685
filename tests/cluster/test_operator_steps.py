"""The operator killed at each step, on a real API server: what it left, the next one finishes.

Each test has a first integration tell its steps, then gives each step a life that ends there.
"""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import Reason
from tests.cluster.lives import Book, Scene, a_scene, existing, own_app
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.control_plane.reconcile.harness import Killed
from tests.twins.saleor import App

EVENTS = ["ORDER_CREATED", "ORDER_UPDATED"]
"""Two are enough to die between webhooks."""
MANAGED = [
    *("Hold", "NoteCreation", "CreateApp", "StoreToken"),
    *("CreateWebhook", "CreateWebhook", "PublishPipeline", "SwitchWebhooks"),
]
EXISTING = ["Hold", "CreateWebhook", "CreateWebhook", "PublishPipeline", "SwitchWebhooks"]
ADOPTED = [
    *("Hold", "CreateToken", "StoreToken", "AdoptApp"),
    *("UpdateWebhook", "UpdateWebhook", "PublishPipeline"),
]
LEFT = ["ForgetPipeline", "ForgetApp", "Release"]
MANAGED_END = ["PublishPipeline", "SwitchWebhooks", "DeleteApp", *LEFT]
EXISTING_END = ["PublishPipeline", "SwitchWebhooks", "DeleteWebhook", "DeleteWebhook", *LEFT]


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.fixture
async def scene(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Scene]:
    cluster = Cluster(plane)
    await cluster.install()
    async with a_scene(cluster, tmp_path) as scene:
        yield scene
    await cluster.close()


async def in_one_life(scene: Scene, name: str) -> list[str]:
    """Work undisturbed; return the steps."""
    book = Book()
    async with scene.life(book) as life:
        await life.work(name)
    return book.entries


async def in_two_lives(scene: Scene, name: str, number: int) -> str:
    """Work in a life that ends before a step, then in another; return that step."""
    book = Book(kill_at=number)
    async with scene.life(book) as life:
        with pytest.raises(Killed):
            await life.work(name)
    async with scene.life() as life:
        await life.work(name)
    return book.entries[-1]


async def apply(scene: Scene, name: str, **spec: Any) -> None:
    await scene.ground.apply(name, events=EVENTS, **spec)


async def delete(scene: Scene, name: str) -> str:
    """Ask for its deletion; return the uid."""
    uid = await scene.uid(name)
    await scene.ground.api.delete(INTEGRATIONS, scene.ground.namespace, name)
    return uid


async def test_killed_before_any_step_of_the_first_reconcile_it_ends_ready_with_one_app(
    scene: Scene,
) -> None:
    await apply(scene, "whole")
    steps = await in_one_life(scene, "whole")
    assert steps == MANAGED
    for number, step in enumerate(steps):
        name = f"killed-{number}"
        await apply(scene, name)
        assert await in_two_lives(scene, name, number) == step
        await scene.assert_ready(name)
    assert scene.saleor.mutations.count("appCreate") == len(steps) + 1


async def test_killed_before_any_step_an_existing_app_gets_each_webhook_once(scene: Scene) -> None:
    async def begin(name: str) -> App:
        app = await own_app(scene.ground, f"app-of-{name}")
        await apply(scene, name, **existing(scene.ground, app.name))
        return app

    await begin("whole")
    steps = await in_one_life(scene, "whole")
    assert steps == EXISTING
    for number, step in enumerate(steps):
        name = f"killed-{number}"
        app = await begin(name)
        assert await in_two_lives(scene, name, number) == step
        await scene.assert_ready(name, app=app)
        assert not await scene.has_record(await scene.uid(name))
    assert "appCreate" not in scene.saleor.mutations


async def test_killed_before_any_step_of_an_adoption_it_ends_ready_with_the_app_that_was(
    scene: Scene,
) -> None:
    async def begin() -> None:
        """Leave the app behind, as a finalizer that is taken off by hand does."""
        await scene.unheld("shop")
        await delete(scene, "shop")
        await apply(scene, "shop")

    await apply(scene, "shop")
    await in_one_life(scene, "shop")
    (app,) = scene.apps("shop")
    await begin()
    steps = await in_one_life(scene, "shop")
    assert steps == ADOPTED
    for number, step in enumerate(steps):
        await begin()
        assert await in_two_lives(scene, "shop", number) == step
        await scene.assert_ready("shop")
        assert scene.apps("shop") == [app]
    async with scene.life() as life:
        await life.work("shop")
        await life.look_back("shop")
        await life.sweep()
        scene.clock.now += 1
        await scene.look()
        await life.sweep()
    assert len(await scene.secrets("app")) == 1
    await scene.look()
    assert set(scene.ground.table) == {await scene.uid("shop")}


async def test_killed_before_any_step_of_its_end_a_managed_app_still_goes(scene: Scene) -> None:
    async def begin(name: str) -> str:
        await apply(scene, name)
        await in_one_life(scene, name)
        return await delete(scene, name)

    await begin("whole")
    steps = await in_one_life(scene, "whole")
    assert steps == MANAGED_END
    for number, step in enumerate(steps):
        name = f"killed-{number}"
        uid = await begin(name)
        assert await in_two_lives(scene, name, number) == step
        await scene.assert_gone(name, uid)
    assert Reason.ORPHANED not in {reason for _, reason in await scene.events()}


async def test_killed_before_any_step_of_its_end_an_existing_app_still_loses_our_webhooks(
    scene: Scene,
) -> None:
    async def begin(name: str) -> str:
        await apply(scene, name, **existing(scene.ground, app.name))
        await in_one_life(scene, name)
        return await delete(scene, name)

    app = await own_app(scene.ground, "my-app")
    await begin("whole")
    steps = await in_one_life(scene, "whole")
    assert steps == EXISTING_END
    for number, step in enumerate(steps):
        name = f"killed-{number}"
        uid = await begin(name)
        assert await in_two_lives(scene, name, number) == step
        await scene.assert_gone(name, uid, app=app)


async def test_killed_after_any_kind_of_change_of_the_api_server_it_still_comes_and_goes(
    scene: Scene,
) -> None:
    """Status, Events and the first making of a Secret are no steps; here they are met too."""

    async def come_and_go(name: str, number: int | None = None) -> list[str]:
        """Let at most one life end in between; return what was done."""
        book = Book(kill_at=number)
        await apply(scene, name)
        await through(scene, name, book)
        await scene.assert_ready(name)
        uid = await delete(scene, name)
        book.write("it goes")
        await through(scene, name, book)
        await scene.assert_gone(name, uid)
        return book.entries

    entries = await come_and_go("whole")
    end = entries.index("it goes")
    kinds = {(entry, entries.index(entry)) for entry in entries[:end] if " " in entry}
    kinds |= {(entry, entries.index(entry, end)) for entry in entries[end + 1 :] if " " in entry}
    assert len(kinds) >= 8
    for _, number in sorted(kinds):
        await come_and_go(f"killed-{number}", number)
    assert scene.saleor.mutations.count("appCreate") == len(kinds) + 1


async def through(scene: Scene, name: str, book: Book) -> None:
    """Work to the end, in another life once the book has ended one."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        # A process that is killed closes no connection; this one only pretends to be.
        ended = await ends_early(scene, name, book)
        gc.collect()
    if ended:
        async with scene.life() as life:
            await life.work(name)


async def ends_early(scene: Scene, name: str, book: Book) -> bool:
    """Work in one life; tell whether the book ended it."""
    try:
        async with scene.life(book, told=book.wrote) as life:
            await life.work(name)
    except Killed:
        return True
    return False
