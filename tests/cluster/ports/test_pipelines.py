"""How Pipelines lie in the Secrets of a release, and what becomes of them when those change."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.kube.pipelines import KubePipelines
from saleor_segment_operator.kube.pipelines_watch import PipelinesWatch
from saleor_segment_operator.resource import Key, Reason
from saleor_segment_server.cluster import SECRETS, Patch
from saleor_segment_server.contract import Pipeline, pipelines_secret, shard_of
from tests.ports.contract import UID, a_pipeline
from tests.ports.stores import RELEASE, KubeStores
from tests.system.programs import until

IDS = tuple(UID.format(number) for number in range(10))


@pytest.fixture
async def filled(stores: KubeStores) -> KubeStores:
    for number in range(10):
        await stores.pipelines.put(a_pipeline(number), of=stores.key)
    return stores


async def content(stores: KubeStores) -> dict[int, dict[str, Any]]:
    """Return what lies in which shard, of those that are there."""
    found = {}
    for number in range(12):
        secret = await stores.own(pipelines_secret(RELEASE, number))
        if secret is not None:
            found[number] = {
                key: orjson.loads(base64.b64decode(value))
                for key, value in (secret.get("data") or {}).items()
            }
    return found


def spread(shards: int) -> dict[int, set[str]]:
    """Return which ids belong into which shard."""
    places: dict[int, set[str]] = {number: set() for number in range(shards)}
    for pipeline_id in IDS:
        places[shard_of(pipeline_id, shards)].add(pipeline_id)
    return places


async def patch(stores: KubeStores, shard: int, **body: Any) -> None:
    """Change a Secret by hand."""
    name = pipelines_secret(RELEASE, shard)
    await stores.admin.patch(SECRETS, stores.release_namespace, name, body, how=Patch.MERGE)


def encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


async def test_each_lies_where_the_server_looks_for_it(filled: KubeStores) -> None:
    lying = await content(filled)
    assert {number: set(data) for number, data in lying.items()} == {
        number: ids for number, ids in spread(4).items() if ids
    }
    for data in lying.values():
        for pipeline_id, document in data.items():
            assert Pipeline.model_validate(document) == a_pipeline(int(pipeline_id[-1]))
    name = pipelines_secret(RELEASE, shard_of(IDS[0], 4))
    secret = await filled.own(name)
    assert secret is not None
    assert secret["metadata"]["labels"]["saleor-segment.io/part"] == "pipelines"
    assert secret["metadata"]["annotations"][f"integration.saleor-segment.io/{IDS[0]}"] == str(
        filled.key
    )


async def test_all_are_listed_with_their_integrations(filled: KubeStores) -> None:
    filled.again()
    assert await filled.pipelines.ids() == dict.fromkeys(IDS, filled.key)


async def test_an_empty_secret_stays_and_no_trace_of_what_was_in_it(filled: KubeStores) -> None:
    for pipeline_id in IDS:
        await filled.pipelines.delete(pipeline_id)
    assert set().union(*(await content(filled)).values()) == set()
    secret = await filled.own(pipelines_secret(RELEASE, shard_of(IDS[0], 4)))
    assert secret is not None
    assert not secret["metadata"].get("annotations")


async def test_a_secret_without_room_says_what_to_do_and_takes_changes_still(
    stores: KubeStores,
) -> None:
    stores.again(shards=1)
    keys = {"keys": [{"kid": "k" * 300_000}]}
    large = {"apiUrl": "https://shop.example.com/graphql/", "jwks": keys}
    for number in range(3):
        await stores.pipelines.put(a_pipeline(number, saleor=large), of=stores.key)
    with pytest.raises(Blocked, match=r"no room.*raise pipelineShards") as raised:
        await stores.pipelines.put(a_pipeline(3, saleor=large), of=stores.key)
    assert raised.value.reason == Reason.STORE_REFUSED
    assert f"{stores.release_namespace}/{pipelines_secret(RELEASE, 0)}" in str(raised.value)
    await stores.pipelines.put(
        a_pipeline(2, saleor=large, segment={"writeKey": "new"}), of=stores.key
    )
    await stores.pipelines.delete(IDS[0])
    await stores.pipelines.put(a_pipeline(3, saleor=large), of=stores.key)
    assert set(await stores.pipelines.ids()) == set(IDS[1:4])


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"id": 1}', orjson.dumps(a_pipeline(1).document())]
)
async def test_what_cannot_be_read_counts_as_absent_is_told_and_written_anew(
    filled: KubeStores, damage: bytes, logs: list[Any]
) -> None:
    await patch(filled, shard_of(IDS[0], 4), data={IDS[0]: encoded(damage)})
    assert await filled.pipelines.get(IDS[0]) is None
    line = next(line for line in logs if line["event"] == "pipeline_unreadable")
    assert line["pipeline"] == IDS[0]
    await filled.pipelines.put(a_pipeline(0), of=filled.key)
    assert await filled.pipelines.get(IDS[0]) == a_pipeline(0)


async def test_what_was_taken_away_by_hand_is_seen_and_written_anew(filled: KubeStores) -> None:
    shard = shard_of(IDS[0], 4)
    await filled.admin.delete(SECRETS, filled.release_namespace, pipelines_secret(RELEASE, shard))
    assert await filled.pipelines.get(IDS[0]) is None
    await filled.pipelines.put(a_pipeline(0), of=filled.key)
    assert set((await content(filled))[shard]) == {IDS[0]}


async def test_what_was_read_is_believed_for_a_while(filled: KubeStores) -> None:
    now = 0.0
    pipelines = KubePipelines(
        filled.api,
        release=RELEASE,
        namespace=filled.release_namespace,
        shards=4,
        fresh=30.0,
        clock=lambda: now,
    )
    assert await pipelines.get(IDS[0]) == a_pipeline(0)
    await filled.pipelines.delete(IDS[0])  # as only a mistake does
    now = 29.0
    assert await pipelines.get(IDS[0]) == a_pipeline(0)
    now = 30.0
    assert await pipelines.get(IDS[0]) is None


@pytest.mark.parametrize(("before", "after"), [(4, 8), (4, 1), (4, 3), (1, 4)])
async def test_with_another_number_of_secrets_all_move_where_they_belong(
    stores: KubeStores, before: int, after: int
) -> None:
    stores.again(shards=before)
    for number in range(10):
        await stores.pipelines.put(a_pipeline(number), of=stores.key)
    stores.again(shards=after)
    assert await stores.pipelines.get(IDS[3]) == a_pipeline(3)
    lying = {number: set(data) for number, data in (await content(stores)).items()}
    assert {number: ids for number, ids in lying.items() if ids} == {
        number: ids for number, ids in spread(after).items() if ids
    }
    assert max(lying) < max(after, before)
    assert all(number < after for number in lying)  # and nothing empty is left beyond
    assert await stores.pipelines.ids() == dict.fromkeys(IDS, stores.key)


async def test_a_pipeline_is_in_one_secret_at_least_while_it_moves(filled: KubeStores) -> None:
    filled.again(shards=8)  # all that move go up, as the look below does
    looking = asyncio.create_task(filled.pipelines.ids())
    while not looking.done():
        assert set().union(*(await content(filled)).values()) == set(IDS)
    await looking


async def test_one_that_lies_in_two_is_the_one_where_it_belongs(filled: KubeStores) -> None:
    """A process ended between writing it there and taking it out here, and another wrote it."""
    home = shard_of(IDS[0], 4)
    away = next(number for number in spread(4) if number != home and spread(4)[number])
    old = a_pipeline(0, segment={"writeKey": "old"})
    await patch(filled, away, data={IDS[0]: encoded(orjson.dumps(old.document()))})
    filled.again()
    assert await filled.pipelines.get(IDS[0]) == a_pipeline(0)
    assert IDS[0] not in (await content(filled))[away]


async def test_those_that_find_no_room_stay_and_are_told(
    stores: KubeStores, logs: list[Any]
) -> None:
    keys = {"keys": [{"kid": "k" * 300_000}]}
    large = {"apiUrl": "https://shop.example.com/graphql/", "jwks": keys}
    stores.again(shards=8)
    for number in range(4):
        await stores.pipelines.put(a_pipeline(number, saleor=large), of=stores.key)
    stores.again(shards=1)
    assert len(await stores.pipelines.ids()) == 3
    assert [line["event"] for line in logs].count("pipeline_not_moved") == 1
    assert len(set().union(*(await content(stores)).values())) == 4
    stores.again(shards=8)
    assert set(await stores.pipelines.ids()) == set(IDS[:4])


async def test_secrets_of_other_releases_are_left_alone(filled: KubeStores) -> None:
    neighbour = KubePipelines(
        filled.api, release=f"{RELEASE}-pipelines", namespace=filled.release_namespace, shards=1
    )
    await neighbour.put(a_pipeline(0), of=filled.key)
    filled.again(shards=1)
    assert await filled.pipelines.get(IDS[0]) == a_pipeline(0)
    assert await neighbour.ids() == {IDS[0]: filled.key}


@asynccontextmanager
async def watching(stores: KubeStores) -> AsyncIterator[list[Key]]:
    """Watch the Secrets; yield the integrations that are to be looked at."""
    told: list[Key] = []
    watch = PipelinesWatch(
        stores.api,
        release=RELEASE,
        namespace=stores.release_namespace,
        pipelines=stores.pipelines,
        changed=told.append,
    )
    running = asyncio.create_task(watch.run())
    try:
        await until(lambda: watch.following)
        yield told
    finally:
        running.cancel()


async def test_a_secret_that_is_deleted_by_hand_is_noticed_at_once(stores: KubeStores) -> None:
    stores.again(fresh=600)
    await stores.pipelines.put(a_pipeline(0), of=stores.key)
    async with watching(stores) as told:
        name = pipelines_secret(RELEASE, shard_of(IDS[0], 4))
        await stores.admin.delete(SECRETS, stores.release_namespace, name)
        await until(lambda: told)
        assert set(told) == {stores.key}
        assert await stores.pipelines.get(IDS[0]) is None
        told.clear()
        await stores.pipelines.put(a_pipeline(0), of=stores.key)
        await patch(stores, shard_of(IDS[0], 4), data={IDS[0]: encoded(b"{")})
        await until(lambda: told)
        assert await stores.pipelines.get(IDS[0]) is None


async def test_what_we_write_ourselves_is_no_news(stores: KubeStores) -> None:
    stores.again(fresh=600)
    async with watching(stores) as told:
        for number in range(10):
            await stores.pipelines.put(a_pipeline(number), of=stores.key)
        await stores.pipelines.delete(IDS[0])
        home = shard_of(IDS[1], 4)
        await patch(stores, home, metadata={"labels": {"seen": "yes"}})  # the last to be told
        await until(lambda: told)
        in_there = [one for one in IDS[1:] if shard_of(one, 4) == home]
        assert len(told) <= len(in_there)
