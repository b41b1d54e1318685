"""Pipelines from Secrets: what only they can do to a table, and what is never said of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from saleor_segment_server.cluster import Access
from saleor_segment_server.contract import Pipeline, PipelineState
from saleor_segment_server.errors import NotFound, StartError, TryLater
from saleor_segment_server.pipelines import Table, Tombstones
from saleor_segment_server.pipelines.secrets import from_secrets
from tests.data_plane.receiving import PIPELINE_ID, pipeline
from tests.data_plane.secrets_api import NAMESPACE, RELEASE, SHARDS, SecretsApi, home, name
from tests.data_plane.test_sources import OTHER_ID, Followed, SecretsWriter, keyed
from tests.system.programs import until

DRAINING = pipeline(state=PipelineState.DRAINING)
AWAY = next(name(number) for number in range(SHARDS) if name(number) != home(PIPELINE_ID))


@pytest.fixture
async def api() -> AsyncIterator[SecretsApi]:
    async with SecretsApi().serving() as api:
        yield api


@pytest.fixture
def followed(api: SecretsApi, tmp_path: Path) -> Followed:
    return Followed(tmp_path, SecretsWriter(api, tmp_path).opens)


def data(*pipelines: Pipeline) -> dict[str, bytes]:
    return {one.id: orjson.dumps(one.document()) for one in pipelines}


async def test_no_secrets_are_no_pipelines(followed: Followed) -> None:
    async with followed.following():
        assert followed.holds()


async def test_it_is_synced_only_once_every_secret_was_looked_for(
    api: SecretsApi, followed: Followed
) -> None:
    api.hold([pipeline()])
    api.refused[AWAY] = 403
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(synced(followed))
            await until(lambda: api.asked.count(("list", AWAY)) > 1)
            assert not followed.table.synced
            with pytest.raises(TryLater):
                followed.table.find(PIPELINE_ID)
            del api.refused[AWAY]
            await following
    (told, *_) = [line for line in logs if line["event"] == "watch_failed"]
    assert AWAY in told["why"]
    assert "cannot list" in told["why"]
    assert "Role" in told["remedy"]


async def synced(followed: Followed) -> None:
    async with followed.following():
        assert followed.holds(pipeline())


async def test_each_secret_is_asked_for_by_its_name_alone(
    api: SecretsApi, followed: Followed
) -> None:
    async with followed.following():
        await until(lambda: len(api.watched) == SHARDS)
    assert set(api.asked) == {(verb, name(n)) for verb in ("list", "watch") for n in range(SHARDS)}


async def test_only_what_changed_is_read_anew(api: SecretsApi, followed: Followed) -> None:
    neighbour = pipeline(id=OTHER_ID)
    api.put(home(PIPELINE_ID), data(pipeline(), neighbour))
    async with followed.following():
        before = followed.table.find(OTHER_ID)
        api.put(home(PIPELINE_ID), data(keyed("another-key"), neighbour))
        await until(lambda: followed.holds(keyed("another-key"), neighbour))
        assert followed.table.find(OTHER_ID) is before


async def test_an_unreadable_entry_harms_no_other_and_is_told_once_without_its_content(
    api: SecretsApi, followed: Followed
) -> None:
    secret = home(PIPELINE_ID)
    newer = orjson.dumps(pipeline().document() | {"version": 2, "secret": "hush"})
    api.put(secret, data(pipeline()))
    with capture_logs() as logs:
        async with followed.following():
            other = pipeline(id=OTHER_ID)
            for content in (newer, b"hush", b'"hush', b"\xffhush"):
                api.put(secret, {PIPELINE_ID: content})
                await until(lambda: followed.broken)
                api.put(secret, {PIPELINE_ID: content} | data(other))
                await until(lambda: followed.holds(pipeline(), other))
                api.put(secret, data(pipeline()))
                await until(lambda: followed.holds(pipeline()) and not followed.broken)
    told = [line for line in logs if line["event"] == "pipeline_unreadable"]
    assert [line["pipeline"] for line in told] == [PIPELINE_ID] * 4
    assert all(line["secret"] == secret and line["last_good_kept"] for line in told)
    assert "hush" not in str(logs)
    assert "a-write-key" not in str(logs)


async def test_a_pipeline_under_the_id_of_another_is_unreadable(
    api: SecretsApi, followed: Followed
) -> None:
    api.put(home(OTHER_ID), {OTHER_ID: data(pipeline())[PIPELINE_ID]})
    async with followed.following():
        assert followed.broken
        assert followed.holds()


async def test_one_in_two_secrets_counts_as_it_is_where_it_belongs(
    api: SecretsApi, followed: Followed
) -> None:
    """As between an operator's start with another number of shards and its clearing up."""
    api.put(AWAY, data(keyed("the-old-key")))
    async with followed.following():
        assert followed.holds(keyed("the-old-key"))
        api.put(home(PIPELINE_ID), data(keyed("the-new-key")))
        await until(lambda: followed.holds(keyed("the-new-key")))
        api.put(AWAY, data(keyed("the-old-key"), pipeline(id=OTHER_ID)))
        await until(lambda: OTHER_ID in followed.table.pipelines)
        assert followed.holds(keyed("the-new-key"), pipeline(id=OTHER_ID))
        api.put(AWAY, {})
        await until(lambda: followed.holds(keyed("the-new-key")))


async def test_what_lay_in_a_deleted_secret_is_unknown_until_it_is_back_and_never_taken_down(
    api: SecretsApi, followed: Followed
) -> None:
    api.hold([DRAINING])
    with capture_logs() as logs:
        async with followed.following():
            api.delete(home(PIPELINE_ID))
            await until(followed.holds)
            with pytest.raises(TryLater):
                followed.table.find(PIPELINE_ID)
            api.hold([DRAINING])
            await until(lambda: followed.holds(DRAINING))
    (told,) = [line for line in logs if line["event"] == "pipelines_secret_gone"]
    assert (told["secret"], told["pipelines"]) == (home(PIPELINE_ID), 1)


async def test_one_that_was_drained_while_its_secret_was_gone_is_taken_down_once_that_is_back(
    api: SecretsApi, followed: Followed, tmp_path: Path
) -> None:
    api.hold([DRAINING])
    async with followed.following():
        pass
    api.delete(home(PIPELINE_ID))
    again = await restarted(api, tmp_path)
    async with again.following():
        with pytest.raises(TryLater):
            again.table.find(PIPELINE_ID)
        api.put(home(PIPELINE_ID), {})
        await until(lambda: is_gone(again.table))


async def test_a_restart_that_cannot_read_a_draining_one_does_not_take_it_for_gone(
    api: SecretsApi, followed: Followed, tmp_path: Path
) -> None:
    api.hold([DRAINING])
    async with followed.following():
        pass
    api.put(home(PIPELINE_ID), {PIPELINE_ID: b"{}"})
    again = await restarted(api, tmp_path)
    async with again.following():
        with pytest.raises(TryLater):
            again.table.find(PIPELINE_ID)
        api.hold([pipeline()])
        await until(lambda: again.holds(pipeline()))


async def restarted(api: SecretsApi, folder: Path) -> Followed:
    tombstones = Tombstones(folder / "tombstones.json")
    await tombstones.load()
    again = Followed(folder, SecretsWriter(api, folder).opens)
    again.table = Table(tombstones)
    return again


def is_gone(table: Table) -> bool:
    try:
        table.find(PIPELINE_ID)
    except NotFound:
        return True
    except TryLater:
        return False
    return False


def cut_off(api: SecretsApi) -> None:
    api.send(b'{"type": "MODIF')
    api.end_watches()


BREAKS: dict[str, Callable[[SecretsApi], None]] = {
    "forgotten where it began": SecretsApi.expire,
    "ended": SecretsApi.end_watches,
    "cut off in a line": cut_off,
    "no JSON": lambda api: api.send(b"<html>\n"),
}


@pytest.mark.parametrize("how", BREAKS)
async def test_what_changes_while_a_watch_breaks_is_found(
    api: SecretsApi, followed: Followed, how: str
) -> None:
    api.hold([pipeline()])
    async with followed.following():
        await until(lambda: len(api.watched) == SHARDS)
        BREAKS[how](api)
        api.hold([keyed("another-key")])
        await until(lambda: followed.holds(keyed("another-key")))


async def test_a_start_without_the_api_server_waits_for_it_and_says_why(
    api: SecretsApi, followed: Followed
) -> None:
    api.hold([pipeline()])
    await api.stop()
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(synced(followed))
            await until(lambda: told_of_failure(logs))
            assert not followed.table.synced
            await api.start()
            await following


def told_of_failure(logs: list[Any]) -> bool:
    return any(line["event"] == "watch_failed" and line["why"] for line in logs)


async def test_a_secret_as_large_as_they_get_is_read_from_a_watch(
    api: SecretsApi, followed: Followed
) -> None:
    jwks = {"keys": [{"kid": str(number), "n": "x" * 400} for number in range(1500)]}
    large = pipeline(saleor={"jwks": jwks})
    async with followed.following():
        await until(lambda: len(api.watched) == SHARDS)
        api.hold([large])
        await until(lambda: followed.holds(large), seconds=5)
    assert api.asked.count(("list", home(PIPELINE_ID))) == 1


async def test_without_credentials_or_namespace_it_does_not_start(tmp_path: Path) -> None:
    table = Table(Tombstones(tmp_path / "tombstones.json"))
    access = Access(service_account=tmp_path, environment={})
    opened = from_secrets(access, namespace=NAMESPACE, release=RELEASE, shards=SHARDS)
    with pytest.raises(StartError, match="--kubeconfig"):
        async with opened(table, lambda _: None):
            pass
    nowhere = from_secrets(access, namespace=None, release=RELEASE, shards=SHARDS)
    with pytest.raises(StartError, match="--namespace"):
        async with nowhere(table, lambda _: None):
            pass
