"""What the reconciler relies on, whatever its ports stand on; each adapter runs these tests.

A module that takes them in has a fixture ``stores``.
"""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.reconcile.ports import Announcement, AppRecord
from saleor_segment_operator.resource import (
    Condition,
    ConditionStatus,
    ConditionType,
    Integration,
    Reason,
    Status,
)
from saleor_segment_server.contract import Pipeline
from tests.control_plane.resource.full_status import FULL
from tests.ports.memory import INSTALLATION
from tests.ports.stores import NOW, Stores

UID = "5bcfe642-0000-4000-8000-00000000000{}"


def a_pipeline(number: int = 0, **changes: Any) -> Pipeline:
    document = {
        "id": UID.format(number),
        "saleor": {"apiUrl": "https://shop.example.com/graphql/", "jwks": {"keys": []}},
        "events": ["ORDER_CREATED"],
        "segment": {"writeKey": "key"},
        "salt": "00112233445566778899aabbccddeeff",
        "since": NOW.isoformat(),
    }
    return Pipeline.model_validate(document | changes)


def said(status: Status) -> dict[str, Any]:
    """Return a status in a form in which the order of conditions and webhooks does not count."""
    document = status.document()
    document["conditions"] = sorted(document["conditions"], key=lambda each: str(each["type"]))
    document["saleor"]["webhooks"].sort(key=lambda each: str(each["event"]))
    return document


async def the_one(stores: Stores) -> Integration:
    found = await stores.integrations.get(stores.key)
    assert found is not None
    return found


async def test_what_is_not_there_is_none(stores: Stores) -> None:
    assert await stores.integrations.get(stores.key) is None
    assert await stores.integrations.keys() == ()


async def test_who_is_alive_is_told_by_the_uid(stores: Stores) -> None:
    old = await stores.apply()
    assert await stores.integrations.alive(old.uid)
    assert not await stores.integrations.alive(UID.format(9))
    await stores.delete()
    new = await stores.apply()
    assert await stores.integrations.get(stores.key) is not None
    assert [await stores.integrations.alive(each.uid) for each in (old, new)] == [False, True]


async def test_an_integration_is_found_as_it_was_applied(stores: Stores) -> None:
    applied = await stores.apply(suspend=True)
    found = await the_one(stores)
    assert (found.key, found.uid, found.generation) == (stores.key, applied.uid, 1)
    assert (found.spec, found.status, found.held) == (applied.spec, Status(), False)
    assert await stores.integrations.keys() == (stores.key,)


async def test_a_changed_spec_is_another_generation_of_the_same_object(stores: Stores) -> None:
    first = await stores.apply()
    await stores.apply(suspend=True)
    found = await the_one(stores)
    assert (found.uid, found.generation) == (first.uid, 2)


async def test_one_that_is_held_stays_until_it_is_released(stores: Stores) -> None:
    await stores.integrations.hold(await stores.apply(), by=INSTALLATION.id)
    assert (await the_one(stores)).held
    await stores.delete()
    deleting = await the_one(stores)
    assert deleting.deleting is not None
    await stores.integrations.release(deleting)
    assert await stores.integrations.get(stores.key) is None
    assert await stores.integrations.keys() == ()


async def test_holding_and_releasing_twice_does_no_harm(stores: Stores) -> None:
    integration = await stores.apply()
    await stores.integrations.hold(integration, by=INSTALLATION.id)
    await stores.integrations.hold(integration, by=INSTALLATION.id)
    await stores.integrations.release(integration)
    await stores.integrations.release(integration)
    assert not (await the_one(stores)).held


async def test_one_that_is_not_held_goes_at_once(stores: Stores) -> None:
    await stores.apply()
    await stores.delete()
    assert await stores.integrations.get(stores.key) is None


async def test_one_that_is_gone_cannot_be_held_and_need_not_be_released(stores: Stores) -> None:
    integration = await stores.apply()
    await stores.delete()
    with pytest.raises(Unavailable, match="removed a moment ago"):
        await stores.integrations.hold(integration, by=INSTALLATION.id)
    await stores.integrations.release(integration)


async def test_one_made_again_is_another_that_neither_holding_nor_releasing_touches(
    stores: Stores,
) -> None:
    old = await stores.apply()
    await stores.delete()
    new = await stores.apply()
    assert new.uid != old.uid
    with pytest.raises(Unavailable):
        await stores.integrations.hold(old, by=INSTALLATION.id)
    assert not (await the_one(stores)).held
    await stores.integrations.hold(new, by=INSTALLATION.id)
    await stores.integrations.release(old)
    assert (await the_one(stores)).held


async def test_a_status_is_read_as_it_was_published(stores: Stores) -> None:
    integration = await stores.apply()
    await stores.integrations.publish(integration, FULL)
    found = await the_one(stores)
    assert said(found.status) == said(FULL)
    assert found.generation == integration.generation


async def test_what_a_status_says_no_longer_is_gone(stores: Stores) -> None:
    await stores.integrations.publish(await stores.apply(), FULL)
    less = Status(observed_generation=1, conditions=(_condition(ConditionType.READY),))
    await stores.integrations.publish(await the_one(stores), less)
    assert said((await the_one(stores)).status) == said(less)


async def test_figures_that_are_not_known_any_more_are_gone(stores: Stores) -> None:
    await stores.integrations.publish(await stores.apply(), FULL)
    without = FULL.model_copy(update={"delivery": None})
    stores.later(seconds=60)
    await stores.integrations.publish(await the_one(stores), without)
    assert (await the_one(stores)).status.delivery is None


async def test_a_status_of_one_that_is_gone_or_made_again_goes_nowhere(stores: Stores) -> None:
    old = await stores.apply()
    await stores.delete()
    await stores.integrations.publish(old, FULL)
    assert await stores.integrations.get(stores.key) is None
    await stores.apply()
    await stores.integrations.publish(old, FULL)
    assert (await the_one(stores)).status == Status()


async def test_telling_of_one_that_is_gone_fails_nobody(stores: Stores) -> None:
    integration = await stores.apply()
    announcement = Announcement("Warning", Reason.ORPHANED, "It was let go.")
    await stores.integrations.announce(integration, announcement)
    await stores.delete()
    await stores.integrations.announce(integration, announcement)


async def test_a_new_process_finds_what_the_old_one_left(stores: Stores) -> None:
    integration = await stores.apply()
    await stores.integrations.hold(integration, by=INSTALLATION.id)
    await stores.integrations.publish(await the_one(stores), FULL)
    before = await the_one(stores)
    stores.again()
    assert await the_one(stores) == before
    assert await stores.integrations.keys() == (stores.key,)


async def test_a_secret_of_a_user_is_read_byte_by_byte(stores: Stores) -> None:
    await stores.secret("segment", writeKey=b"key\n", other=b"\xff\x00")
    found = await stores.secrets.read(stores.key.namespace, "segment")
    assert found == {"writeKey": b"key\n", "other": b"\xff\x00"}
    assert await stores.secrets.read(stores.key.namespace, "another") is None


async def test_there_is_one_installation_for_good(stores: Stores) -> None:
    first, second = await asyncio.gather(
        stores.secrets.installation(), stores.secrets.installation()
    )
    stores.again()
    assert first == second == await stores.secrets.installation()
    assert first.id
    assert len(bytes.fromhex(first.salt)) == 16


async def test_what_is_kept_of_an_app_outlives_the_process_and_is_replaced_whole(
    stores: Stores,
) -> None:
    uid = UID.format(0)
    assert await stores.secrets.app(uid) is None
    pending = AppRecord(pending_since=NOW + timedelta(microseconds=1))
    await stores.secrets.put_app(uid, pending, of=stores.key)
    assert await stores.secrets.app(uid) == pending
    registered = AppRecord(app_id="QXBwOjU=", token="token")
    await stores.secrets.put_app(uid, registered, of=stores.key)
    stores.again()
    assert await stores.secrets.app(uid) == registered
    assert await stores.secrets.app(UID.format(1)) is None


async def test_an_app_is_forgotten_for_good(stores: Stores) -> None:
    uid = UID.format(0)
    await stores.secrets.put_app(uid, AppRecord(app_id="QXBwOjU=", token="t"), of=stores.key)
    await stores.secrets.delete_app(uid)
    await stores.secrets.delete_app(uid)
    stores.again()
    assert await stores.secrets.app(uid) is None
    assert await stores.secrets.apps() == {}


async def test_the_apps_are_listed(stores: Stores) -> None:
    for number in range(2):
        await stores.secrets.put_app(UID.format(number), AppRecord(), of=stores.key)
    found = await stores.secrets.apps()
    assert set(found) == {UID.format(0), UID.format(1)}
    assert set(found.values()) <= {stores.key, None}


async def test_a_pipeline_is_stored_replaced_and_taken_out(stores: Stores) -> None:
    assert await stores.pipelines.get(UID.format(0)) is None
    await stores.pipelines.put(a_pipeline(), of=stores.key)
    assert await stores.pipelines.get(UID.format(0)) == a_pipeline()
    await stores.pipelines.put(a_pipeline(segment={"writeKey": "another"}), of=stores.key)
    stores.again()
    stored = await stores.pipelines.get(UID.format(0))
    assert stored == a_pipeline(segment={"writeKey": "another"})
    assert stored.fingerprint() == a_pipeline(segment={"writeKey": "another"}).fingerprint()
    await stores.pipelines.delete(UID.format(0))
    await stores.pipelines.delete(UID.format(0))
    stores.again()
    assert await stores.pipelines.get(UID.format(0)) is None
    assert await stores.pipelines.ids() == {}


async def test_pipelines_stored_at_once_are_all_kept(stores: Stores) -> None:
    numbers = range(10)
    await asyncio.gather(
        *(stores.pipelines.put(a_pipeline(number), of=stores.key) for number in numbers)
    )
    stores.again()
    found = [await stores.pipelines.get(UID.format(number)) for number in numbers]
    assert found == [a_pipeline(number) for number in numbers]
    listed = await stores.pipelines.ids()
    assert set(listed) == {UID.format(number) for number in numbers}
    assert set(listed.values()) <= {stores.key, None}


def _condition(name: ConditionType) -> Condition:
    return Condition(
        type=name,
        status=ConditionStatus.UNKNOWN,
        reason=Reason.WAITING,
        message="It waits.",
        observed_generation=1,
        last_transition_time=NOW,
    )
