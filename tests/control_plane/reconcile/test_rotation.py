"""The write key: where it comes from, what Segment says of it, and how it changes."""

import asyncio
from dataclasses import replace

import pytest

from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_operator.resource.integration import KEPT_BY
from saleor_segment_server.contract import PipelineState
from saleor_segment_server.outbound.write_key import WriteKeyVerdict
from tests.control_plane.reconcile.harness import KEY, READY, Process, World, running
from tests.system.programs import until

VALID = ConditionType.WRITE_KEY_VALID


@pytest.fixture
async def ready(world: World, process: Process) -> World:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.steps.clear()
    return world


def key_in_use(world: World) -> str | None:
    key = world.pipeline.segment.write_key
    return None if key is None else key.get_secret_value()


async def test_a_new_key_is_in_use_after_one_pass(ready: World, process: Process) -> None:
    before = ready.status.segment
    ready.secret("segment", writeKey="key-two")
    await process.once()
    assert key_in_use(ready) == "key-two"
    assert ready.pipeline.state is PipelineState.ACTIVE
    assert ready.steps == ["PublishPipeline"]
    await process.work()
    assert ready.is_ready
    after = ready.status.segment
    assert after.write_key_fingerprint != before.write_key_fingerprint
    assert before.rotated_at is None
    assert after.rotated_at == ready.clock.moment.replace(microsecond=0)


async def test_a_new_key_is_in_use_though_saleor_is_down(ready: World, process: Process) -> None:
    ready.saleor.fail(graphql_down=True)
    ready.secret("segment", writeKey="key-two")
    await process.once()
    assert key_in_use(ready) == "key-two"
    await process.once()
    assert ready.says(ConditionType.PIPELINE_SYNCED)[0] == "True"
    assert ready.says(READY)[0] == "Unknown"


async def test_a_trailing_newline_is_no_part_of_the_key(ready: World, process: Process) -> None:
    ready.secret("segment", writeKey="key-two\r\n")
    await process.work()
    assert key_in_use(ready) == "key-two"


async def test_a_key_segment_does_not_know_pauses_sending_and_keeps_accepting(
    ready: World, process: Process
) -> None:
    ready.segment.verdicts["key-bad"] = WriteKeyVerdict.INVALID
    ready.secret("segment", writeKey="key-bad")
    assert await process.work() == 60
    assert ready.pipeline.state is PipelineState.PAUSED
    assert ready.says(VALID) == ("False", Reason.WRITE_KEY_UNKNOWN)
    assert ready.says(READY) == ("False", Reason.WRITE_KEY_UNKNOWN)
    assert ready.says(ConditionType.DELIVERING) == ("False", Reason.PAUSED)
    assert all(webhook.is_active for webhook in ready.webhooks())
    assert "key-bad" not in str(ready.status.document())


async def test_a_key_segment_learns_of_later_is_used_then(ready: World, process: Process) -> None:
    ready.segment.verdicts["key-new"] = WriteKeyVerdict.INVALID
    ready.secret("segment", writeKey="key-new")
    delay = await process.work()
    assert delay is not None
    ready.clock.now += delay
    ready.segment.verdicts.clear()
    await process.work()
    assert ready.pipeline.state is PipelineState.ACTIVE
    assert ready.is_ready


async def test_a_key_of_the_other_region_pauses_sending(ready: World, process: Process) -> None:
    ready.segment.verdicts["key-eu"] = WriteKeyVerdict.OTHER_REGION
    ready.secret("segment", writeKey="key-eu")
    await process.work()
    assert ready.pipeline.state is PipelineState.PAUSED
    assert ready.says(VALID) == ("False", Reason.REGION_MISMATCH)


async def test_a_key_that_cannot_be_checked_is_used(ready: World, process: Process) -> None:
    ready.segment.verdicts["key-two"] = WriteKeyVerdict.UNKNOWN
    ready.secret("segment", writeKey="key-two")
    await process.work()
    assert key_in_use(ready) == "key-two"
    assert ready.pipeline.state is PipelineState.ACTIVE
    assert ready.says(VALID) == ("Unknown", Reason.WRITE_KEY_UNVERIFIED)
    assert ready.is_ready


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (None, Reason.SECRET_MISSING, "Secret shop/segment does not exist"),
        ({}, Reason.SECRET_KEY_MISSING, "Secret shop/segment has no key writeKey"),
        ({"writeKey": b""}, Reason.SECRET_VALUE_INVALID, "key writeKey is blank"),
        ({"writeKey": b" \n"}, Reason.SECRET_VALUE_INVALID, "key writeKey is blank"),
        ({"writeKey": b"\xff\xfe"}, Reason.SECRET_VALUE_INVALID, "no text"),
    ],
)
async def test_without_a_key_nothing_is_sent_and_never_with_the_old_one(
    ready: World,
    process: Process,
    data: dict[str, bytes] | None,
    reason: Reason,
    words: str,
) -> None:
    if data is None:
        del ready.secrets.users[KEY.namespace, "segment"]
    else:
        ready.secrets.users[KEY.namespace, "segment"] = data
    await process.work()
    assert key_in_use(ready) is None
    assert ready.pipeline.state is PipelineState.PAUSED
    assert ready.says(VALID) == ("False", reason)
    assert words in ready.condition(VALID).message
    assert all(webhook.is_active for webhook in ready.webhooks())


async def test_all_but_the_key_is_done_before_the_key_is_there(
    world: World, process: Process
) -> None:
    del world.secrets.users[KEY.namespace, "segment"]
    world.integrations.apply(KEY, world.spec())
    await process.work()
    for name in ConditionType.APP_REGISTERED, ConditionType.PIPELINE_SYNCED:
        assert world.says(name)[0] == "True"
    assert world.says(ConditionType.WEBHOOKS_ENABLED)[0] == "True"
    assert world.says(READY) == ("False", Reason.SECRET_MISSING)
    world.secret("segment", writeKey="key-one")
    await process.work()
    assert world.is_ready
    assert world.status.segment.rotated_at is None


async def test_a_key_that_comes_back_is_no_rotation(ready: World, process: Process) -> None:
    del ready.secrets.users[KEY.namespace, "segment"]
    await process.work()
    ready.secret("segment", writeKey="key-one")
    await process.work()
    assert ready.status.segment.rotated_at is None


async def test_segment_is_asked_once_for_the_passes_of_one_change(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(segment=eu()))
    await process.work()
    assert world.segment.asked == [("https://events.eu1.segmentapis.com", "key-one")]
    world.clock.now += 300
    await process.work()
    assert len(world.segment.asked) == 2


def eu() -> dict[str, object]:
    return {"writeKeySecretRef": {"name": "segment"}, "region": "EU"}


async def test_suspending_pauses_and_going_on_resumes(ready: World, process: Process) -> None:
    ready.integrations.apply(KEY, ready.spec(suspend=True))
    await process.work()
    assert ready.pipeline.state is PipelineState.PAUSED
    assert key_in_use(ready) == "key-one"
    assert ready.says(ConditionType.SUSPENDED) == ("True", Reason.SUSPENDED)
    assert ready.steps == ["PublishPipeline"]
    ready.integrations.apply(KEY, ready.spec())
    await process.work()
    assert ready.is_ready
    assert ready.pipeline.state.value == "Active"


async def test_suspended_from_the_start_nothing_is_made_in_saleor(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(suspend=True))
    await process.work()
    assert world.saleor.apps == []
    assert world.says(ConditionType.APP_REGISTERED) == ("False", Reason.SUSPENDED)
    world.delete()
    assert await process.work() is None
    assert world.gone


async def test_an_endpoint_that_is_not_allowed_gets_neither_key_nor_events(ready: World) -> None:
    segment = ready.spec()["segment"]
    ready.integrations.apply(KEY, ready.spec(segment=segment | {"endpoint": "https://evil.test"}))
    async with running(ready, allowed_hosts=("proxy.example.com",)) as process:
        await process.work()
        assert ready.says(VALID) == ("False", Reason.ENDPOINT_NOT_ALLOWED)
        assert key_in_use(ready) is None
        assert ready.pipeline.state is PipelineState.PAUSED
        assert all(webhook.is_active for webhook in ready.webhooks())


async def test_an_allowed_endpoint_and_the_regions_are_used(ready: World) -> None:
    segment = ready.spec()["segment"]
    async with running(ready, allowed_hosts=("proxy.example.com",)) as process:
        for choice in ({"endpoint": "https://proxy.example.com/segment"}, {"region": "EU"}):
            ready.integrations.apply(KEY, ready.spec(segment=segment | choice))
            await process.work()
            assert ready.is_ready
            assert key_in_use(ready) == "key-one"


async def test_a_key_rotates_while_a_pass_waits_for_saleor_which_does_not_bring_the_old_one_back(
    ready: World, process: Process
) -> None:
    ready.saleor.rotate_key()  # a reason for the pass to publish, besides
    ready.saleor.fail(graphql_delay=1.0)
    ready.plane.held = {}
    waiting = asyncio.create_task(process.once())
    await until(lambda: ready.plane.held)  # our own side is looked at by then
    ready.secret("segment", writeKey="key-two")
    await process.reconciler.rotation.rotate(KEY)
    assert key_in_use(ready) == "key-two"
    assert not waiting.done()
    await waiting
    assert key_in_use(ready) == "key-two"
    ready.saleor.heal()
    await process.work()
    assert key_in_use(ready) == "key-two"
    assert ready.is_ready
    assert ready.status.segment.rotated_at is not None


async def test_a_rotation_leaves_alone_what_is_not_there_yet_or_is_going(
    world: World, process: Process
) -> None:
    await process.reconciler.rotation.rotate(KEY)
    world.integrations.apply(KEY, world.spec())
    await process.reconciler.rotation.rotate(KEY)
    assert not world.pipelines.table
    await process.work()
    before = world.pipeline
    await process.reconciler.rotation.rotate(KEY)
    world.delete()
    world.secret("segment", writeKey="key-two")
    await process.reconciler.rotation.rotate(KEY)
    assert world.pipeline == before


async def test_a_key_that_is_gone_is_not_sent_with_any_more_at_once(
    ready: World, process: Process
) -> None:
    ready.secret("segment")
    await process.reconciler.rotation.rotate(KEY)
    assert key_in_use(ready) is None
    assert ready.pipeline.state is PipelineState.PAUSED


async def test_a_rotation_leaves_alone_what_another_installation_keeps(
    ready: World, process: Process
) -> None:
    marks = {**ready.integration.annotations, KEPT_BY: "0decade0"}
    ready.integrations.objects[KEY] = replace(ready.integration, annotations=marks)
    ready.secret("segment", writeKey="key-two")
    await process.reconciler.rotation.rotate(KEY)
    assert key_in_use(ready) == "key-one"
