"""What Saleor gave up comes back through the receiver, signed, once: with a real one, over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from saleor_segment_operator.reconcile.backlog import Backlog
from saleor_segment_operator.reconcile.look import Look, Memory, Ways
from saleor_segment_operator.reconcile.recovered import Eras
from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_operator.saleor import Contents, Saleor
from saleor_segment_operator.servers import Servers
from saleor_segment_server.contract import PipelineState
from saleor_segment_server.outbound import Guard
from tests.control_plane.reconcile.harness import KEY, Process, running
from tests.control_plane.reconcile.recovering import Recovering, recovering, turns
from tests.system.programs import until
from tests.twins.saleor.sending.deliveries import Delivery

DAY = 86_400.0
WELL = ("True", Reason.NOTHING_MISSING)
HOUR = pytest.approx(3600.0)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Recovering]:
    async with recovering(tmp_path) as there:
        yield there


def announced(there: Recovering, reason: Reason) -> list[str]:
    found = there.world.integrations.announcements
    return [each.message for each in found if each.reason == reason]


async def recover(there: Recovering, process: Process) -> float | None:
    return await turns(process.reconciler.recovery, there.world)


async def test_before_saleor_was_asked_nothing_is_known(there: Recovering) -> None:
    async with there.running():
        assert there.says() == ("Unknown", Reason.WAITING)
        assert there.world.is_ready
        assert there.world.status.recovery is None


async def test_where_nothing_was_given_up_nothing_is_missing(there: Recovering) -> None:
    async with there.running() as process:
        await there.orders(2)
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert there.status.recovered == 0
    assert there.status.checked_at == there.world.clock.moment.replace(microsecond=0)
    assert announced(there, Reason.RECOVERED) == []


@pytest.mark.parametrize("seconds", [400.0, DAY])
async def test_all_that_came_while_the_receiver_was_away_comes_back_once(
    there: Recovering, seconds: float
) -> None:
    async with there.running() as process:
        await recover(there, process)
        there.gate.closed = True
        lost = await there.orders(5, seconds=seconds)
        assert len(lost) == 5
        assert await there.journaled() == []
        assert await recover(there, process) == HOUR
        assert sorted(await there.journaled()) == sorted(each.body for each in lost)
        assert there.says() == WELL
        assert there.status.recovered == len(lost)
        (told,) = announced(there, Reason.RECOVERED)
        assert told.startswith(f"{len(lost)} deliveries that Saleor had given up at 20")
        assert told.endswith(" UTC were brought back.")
        # Saleor keeps them, and they are looked at again.
        there.world.clock.now += 60
        assert await recover(there, process) == HOUR
    assert len(await there.journaled()) == len(lost)
    assert there.status.recovered == len(lost)
    assert len(announced(there, Reason.RECOVERED)) == 1
    assert there.gate.passed == []


async def test_it_comes_back_in_the_order_in_which_it_was_made(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.status = 400
        emit = there.saleor.state.outbox.emit
        for _ in range(15):
            order = there.saleor.shop.place_order()
            emit("ORDER_UPDATED", order)
            emit("ORDER_FULLY_PAID", order)
        await there.saleor.settled()
        assert await recover(there, process) == HOUR
    assert len(there.saleor.deliveries) == 45
    assert await there.journaled() == [each.body for each in there.saleor.deliveries]


@pytest.mark.parametrize("status", [302, 400, 404, 413, 429])
async def test_what_something_on_the_way_refused_comes_back_too(
    there: Recovering, status: int
) -> None:
    async with there.running() as process:
        there.gate.status = status
        lost = await there.orders(1)
        assert {each.statuses[0] for each in lost} == {status}
        await recover(there, process)
    assert sorted(await there.journaled()) == sorted(each.body for each in lost)


async def test_what_arrived_meanwhile_is_not_counted_as_recovered(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(2)
        there.gate.closed = False
        assert there.saleor.deliveries
        first, *others = lost
        there.saleor.state.outbox.retry(first)
        await there.saleor.settled()
        first.outcome = "failed"  # as where our answer was lost on its way
        await recover(there, process)
    assert there.status.recovered == len(others)
    assert len(await there.journaled()) == len(lost)


async def test_hundreds_come_back_in_turns_page_by_page(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.status = 400
        lost = await there.orders(260)
        recovery = process.reconciler.recovery
        assert await recovery.recover(KEY) == 0.0
        assert 200 <= there.status.recovered < len(lost)
        assert there.status.checked_at is None
        assert await recover(there, process) == HOUR
        assert there.status.recovered == len(lost)
        (told,) = announced(there, Reason.RECOVERED)
        assert told.startswith(f"{len(lost)} deliveries")
    assert len(await there.journaled()) == len(lost)


async def test_after_a_crash_in_the_middle_the_rest_comes_back(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.status = 400
        lost = await there.orders(230)
        assert await process.reconciler.recovery.recover(KEY) == 0.0
        begun = there.status.recovered
        assert 0 < begun < len(lost)
    async with there.running() as process:
        await recover(there, process)
    assert there.status.recovered == len(lost)
    assert len(await there.journaled()) == len(lost)


async def test_a_restart_goes_back_to_the_last_look_and_no_further(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.status = 400
        await there.orders(1, seconds=2 * DAY)
        await recover(there, process)
        before = there.status.recovered
        for letter in there.saleor.deliveries:
            letter.payload = "planted"  # would be refused now, if it were read
        fresh = await there.orders(1)
    async with there.running() as process:
        await recover(there, process)
    assert there.says() == WELL
    assert there.status.recovered == before + len(fresh)


async def test_what_is_older_than_the_integration_is_not_for_it(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.status = 400
        early, *_ = await there.orders(1)
        early.created_at = early.created_at.replace(year=early.created_at.year - 1)
        await recover(there, process)
    assert early.body not in await there.journaled()
    assert there.says() == WELL


async def test_what_was_fetched_is_no_proof_that_saleor_reaches_us(there: Recovering) -> None:
    name = ConditionType.PUBLIC_URL_REACHABLE
    async with there.running() as process:
        there.gate.closed = True
        await there.orders(1)
        await recover(there, process)
        await process.once()
        assert there.world.says(name) == ("Unknown", Reason.NOTHING_RECEIVED)
        assert "fetched from it" in there.world.condition(name).message
        there.gate.closed = False
        await there.orders(1)
        await process.once()
        assert there.world.says(name) == ("True", Reason.DELIVERY_RECEIVED)


async def test_a_restored_integration_gets_what_the_one_before_it_missed_and_nothing_twice(
    there: Recovering,
) -> None:
    async with there.running() as process:
        there.gate.closed = True
        early = await there.orders(2)
        await recover(there, process)  # these were brought back already
        old = there.world.integration.uid
    lost = await there.orders(3, seconds=2 * DAY)
    del there.world.integrations.objects[KEY]
    there.world.integrations.apply(KEY, there.world.spec())  # with another uid
    async with there.running() as process:
        there.world.clock.now += 1
        fresh = await there.orders(1)
        assert await recover(there, process) == HOUR
    new = there.world.integration.uid
    assert there.status.recovered == len(lost) + len(fresh)
    assert await there.journaled(old) == [each.body for each in (*early, *lost)]
    assert await there.journaled(new) == [each.body for each in fresh]


async def test_another_shop_of_the_same_name_gets_nothing_from_before(there: Recovering) -> None:
    async with there.running():
        before = there.world.pipeline
    other = before.model_copy(
        update={
            "id": "00000000-0000-4000-8000-000000000000",
            "saleor": before.saleor.model_copy(update={"api_url": "https://x.example/graphql/"}),
        }
    )
    later = before.since + timedelta(days=1) if before.since else None
    own = before.model_copy(update={"since": later})
    assert Eras.of(own.id, own, [other]) == Eras(own.id, later)
    assert Eras.of(own.id, None, [before]).began is None


# The servers.


async def test_without_a_server_it_waits_and_goes_on_where_it_was(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(2)
        there.world.plane.down = True
        assert await recover(there, process) == HOUR  # who hears of the servers says when
        assert there.says() == ("Unknown", Reason.RECOVERY_HINDERED)
        assert "No server is ready" in there.message
        assert there.status.checked_at is None
        await process.once()
        assert there.says() == ("Unknown", Reason.RECOVERY_HINDERED)
        there.world.plane.down = False
        await recover(there, process)
        assert there.says() == WELL
    assert len(await there.journaled()) == len(lost)


async def test_a_full_server_is_tried_again_and_nothing_is_skipped(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(3)
        there.door.receiver._stopping = True  # every answer is 503
        await recover(there, process)
        assert there.says() == ("Unknown", Reason.RECOVERY_HINDERED)
        assert there.status.recovered == 0
        there.door.receiver._stopping = False
        await recover(there, process)
    assert sorted(await there.journaled()) == sorted(each.body for each in lost)
    assert there.status.recovered == len(lost)


async def test_saleor_away_is_said_and_tried_again(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(1)
        there.saleor.fail(graphql_down=True)
        delay = await recover(there, process)
        assert delay is not None
        assert delay <= 60
        assert there.says() == ("Unknown", Reason.RECOVERY_HINDERED)
        there.saleor.heal()
        await recover(there, process)
        assert there.says() == WELL
    assert len(await there.journaled()) == len(lost)


# Another key.


async def rotate(there: Recovering) -> None:
    """Have the shop take another key, and the server know that."""
    there.saleor.rotate_key()
    source = there.world.pipeline.saleor
    await there.door.keys.confirm(source, there.saleor.state.accounts.key.kid)
    there.world.clock.now += 3600


async def test_what_an_old_key_signed_is_sent_again_by_saleor(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(2)
        await rotate(there)
        there.gate.closed = False
        there.saleor.fail(hold_deliveries=True)
        assert await recover(there, process) == 60.0
        assert there.says() == ("False", Reason.RESENDING)
        assert there.status.resending == len(lost)
        assert there.saleor.mutations.count("eventDeliveryRetry") == len(lost)
        assert await recover(there, process) == 60.0  # still under way
        assert there.status.resending == len(lost)
        there.saleor.heal()
        await there.saleor.settled()
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert there.status.recovered == len(lost)
    assert sorted(await there.journaled()) == sorted(each.body for each in lost)
    assert sorted(there.gate.passed) == sorted(each.body for each in lost)
    assert len(announced(there, Reason.RECOVERED)) == 1


async def test_sent_again_in_vain_it_is_handed_in_with_its_new_signature(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(1)
        await rotate(there)
        assert await recover(there, process) == 60.0
        await there.saleor.settled()
        assert {each.outcome for each in lost} == {"failed"}
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert sorted(await there.journaled()) == sorted(each.body for each in lost)
    assert there.saleor.mutations.count("eventDeliveryRetry") == len(lost)


async def test_a_wrong_signature_is_sent_again_once_and_then_told(there: Recovering) -> None:
    async with there.running() as process:
        there.saleor.fail(wrong_signature=True)
        lost = await there.orders(1)
        assert await recover(there, process) == 60.0
        await there.saleor.settled()
        for _ in range(3):
            assert await recover(there, process) == HOUR
        assert there.saleor.mutations.count("eventDeliveryRetry") == len(lost)
        assert there.says() == ("False", Reason.DELIVERIES_MISSING)
        assert "sent them again" in there.message
        assert len(announced(there, Reason.DELIVERIES_MISSING)) == 1
        assert there.world.is_ready
        # A day later it is tried once more, and now it is signed as it should be.
        there.saleor.heal()
        there.world.clock.now += DAY
        assert await recover(there, process) == 60.0
        await there.saleor.settled()
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert len(await there.journaled()) == len(lost)


async def test_an_existing_app_has_nobody_who_could_have_it_sent_again(there: Recovering) -> None:
    app = there.saleor.app("theirs")
    there.world.secret("my-app", token=app.token)
    there.world.integrations.apply(KEY, there.world.existing())
    async with there.running() as process:
        there.gate.closed = True
        early = await there.orders(1)
        await recover(there, process)
        assert there.status.recovered == len(early)
        late = await there.orders(1)
        await rotate(there)
        assert await recover(there, process) == HOUR
        assert there.says() == ("False", Reason.DELIVERIES_MISSING)
        assert there.status.missing == len(late)
        assert "eventDeliveryRetry" in there.message
        assert "eventDeliveryRetry" not in there.saleor.mutations
        # Somebody does it, and nothing is missing.
        there.gate.closed = False
        there.world.clock.now += 2 * DAY
        for delivery in late:
            there.saleor.state.outbox.retry(delivery)
        await there.saleor.settled()
        await recover(there, process)
    assert there.says() == WELL
    assert there.status.missing == 0
    assert len(await there.journaled()) == len(early) + len(late)


async def test_staff_who_may_not_are_named_as_the_reason(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        await there.orders(1)
        await rotate(there)
        there.world.secret("saleor-staff", email="nobody@example.com", password="planted-wrong")
        assert await recover(there, process) == HOUR
    assert there.says() == ("False", Reason.DELIVERIES_MISSING)
    assert "refuses email or password" in there.message
    assert "planted" not in json.dumps(there.world.status.document())


# What Saleor no longer has.


async def test_what_saleor_has_no_body_of_is_told_and_the_rest_comes_back(
    there: Recovering,
) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(3)
        for delivery in lost[:2]:
            delivery.payload = None
        assert await recover(there, process) == HOUR
        assert there.says() == ("False", Reason.DELIVERIES_MISSING)
        assert (there.status.missing, there.status.recovered) == (2, len(lost) - 2)
        assert there.message.startswith(
            "2 deliveries that Saleor gave up could not be brought back: Saleor holds no body"
        )
        assert "eventDeliveryRetry" not in there.saleor.mutations
        for delivery in lost[:2]:
            delivery.outcome = "dropped"  # Saleor forgets them after 14 days
        there.world.clock.now += DAY
        await recover(there, process)
    assert there.says() == WELL
    assert len(await there.journaled()) == len(lost) - 2


async def test_what_was_never_sent_is_sent_by_saleor(tmp_path: Path) -> None:
    # Before 3.23 a delivery has its body from the start; later ones would be told as without.
    async with recovering(tmp_path, version="3.20.119") as there, there.running() as process:
        there.saleor.fail(hold_deliveries=True)
        there.saleor.shop.place_order()
        for webhook in there.world.webhooks():
            webhook.is_active = False
        there.saleor.heal()
        await there.saleor.settled()
        assert {each.outcome for each in there.saleor.deliveries} == {"failed"}
        for webhook in there.world.webhooks():
            webhook.is_active = True
        assert await recover(there, process) == 60.0
        await there.saleor.settled()
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert there.status.recovered == len(there.saleor.deliveries)


async def test_events_that_a_hand_added_to_a_webhook_are_left_alone(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(1)
        lost[0].event = "CHECKOUT_CREATED"
        await recover(there, process)
    assert there.status.recovered == len(lost) - 1
    assert there.says() == WELL


# Large ones, and a list that moves.


async def emit(there: Recovering, *sizes: int) -> list[Delivery]:
    """Have Saleor give up deliveries with bodies of these many bytes."""
    there.saleor.fail(hold_deliveries=True)
    order = there.saleor.shop.place_order()
    webhook = next(each for each in there.world.webhooks() if each.events == ("ORDER_UPDATED",))
    made = [there.saleor.state.outbox.deliver(webhook, "ORDER_UPDATED", order) for _ in sizes]
    for delivery, size in zip(made, sizes, strict=True):
        delivery.payload = json.dumps({"id": delivery.id, "pad": "x" * size})
    there.saleor.heal()
    await there.saleor.settled()
    return made


async def test_more_than_an_answer_holds_is_read_one_by_one(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        made = await emit(there, *[2**20] * 12)
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert {each.body for each in made} < set(await there.journaled())


async def test_what_is_too_large_to_be_read_is_sent_by_saleor(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        small, large, last = await emit(there, 10, 8 * 2**20 - 100, 10)
        there.gate.closed = False
        assert await recover(there, process) == 60.0
        await there.saleor.settled()
        assert await recover(there, process) == HOUR
    assert there.says() == WELL
    assert {small.body, large.body, last.body} < set(await there.journaled())
    assert there.saleor.mutations.count("eventDeliveryRetry") == 1


async def test_of_very_many_the_oldest_are_seen_to_first(there: Recovering) -> None:
    async with there.running():
        there.gate.status = 400
        made = await there.orders(205)
        world = there.world
        since, guard = world.clock.moment.replace(year=2000), Guard(allow_loopback=True)
        async with Saleor(world.saleor.api_url, guard=guard, clock=world.clock) as saleor:
            backlog = Backlog([made[0].webhook.id], since=since, most=3)
            await backlog.gather(saleor, world.app.token, lambda _: True)
            seen = []
            while (shelf := backlog.next()) is not None:
                contents = await shelf.contents(saleor, world.app.token)
                assert isinstance(contents, Contents)
                seen.append(contents.body)
                shelf.done()
    assert seen == [each.body for each in made[:3]]
    assert backlog.cut
    assert len(backlog.seen) == 205


class MovingSaleor(Saleor):
    """Some more are given up just before a list is read once more."""

    async def given_up(
        self, token: str, webhook_id: str, *, first: int, after: str | None
    ) -> dict[str, Contents]:
        while self.more:
            await self.more.pop()()
        return await super().given_up(token, webhook_id, first=first, after=after)

    more: list[Callable[[], Awaitable[object]]]


async def test_none_escapes_while_the_list_moves(there: Recovering) -> None:
    async with there.running():
        there.gate.closed = True
        made = await emit(there, *[10] * 5)
        world = there.world
        app, webhook = world.app, made[0].webhook
        memory, began = Memory(), world.clock.moment
        guard = Guard(allow_loopback=True)
        async with (
            MovingSaleor(world.saleor.api_url, guard=guard, clock=world.clock) as saleor,
            Servers(world.plane.addresses, tokens=None) as servers,
        ):
            ways = Ways(saleor, servers, token=app.token, staff=None)
            saleor.more = [lambda: emit(there, *[10] * 20)]
            moved = []
            for _ in range(2):
                look = Look(
                    lambda _: world.integration.uid,
                    [webhook.id],
                    since=began.replace(year=2000),
                    began=began,
                    memory=memory,
                )
                assert await look.go_on(ways, most=1000)
                moved.append(look.moved)
    assert moved == [True, False]
    assert len(await there.journaled()) == 5 + 20


# When.


@asynccontextmanager
async def by_itself(there: Recovering) -> AsyncIterator[Process]:
    """Start a process whose recovery runs."""
    stop = asyncio.Event()
    async with running(there.world, public_url=there.gate.url) as process:
        task = asyncio.create_task(process.reconciler.recovery.run(stop))
        yield process
        stop.set()
        await task


async def test_the_first_pass_with_webhooks_enabled_asks_for_a_look(there: Recovering) -> None:
    async with by_itself(there) as process:
        await process.work()
        await there.looked(1)
        assert there.says() == WELL


async def test_after_the_servers_were_away_there_is_another_look(there: Recovering) -> None:
    async with by_itself(there) as process:
        await process.work()
        await there.looked(1)
        await process.reconciler.measure(KEY)
        there.gate.closed = there.world.plane.down = True
        await process.reconciler.measure(KEY)
        lost = await there.orders(1)
        assert there.status.recovered == 0
        there.world.plane.down = False
        await process.reconciler.measure(KEY)
        await there.looked(2)
        assert there.status.recovered == len(lost)


async def test_a_look_that_waits_for_the_servers_goes_on_once_they_answer(
    there: Recovering,
) -> None:
    async with by_itself(there) as process:
        await process.work()
        await there.looked(1)
        there.gate.closed = True
        lost = await there.orders(2)
        there.world.plane.down = True
        await process.reconciler.measure(KEY)
        there.world.plane.down = False
        await process.reconciler.measure_all([])
        await there.looked(2)
        await until(lambda: there.status.recovered == len(lost))


async def test_what_was_given_up_while_a_look_waited_for_the_servers_comes_back_with_it(
    there: Recovering,
) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(1)
        there.door.receiver._stopping = True
        await recover(there, process)  # it has its list, and nobody takes anything
        there.world.plane.down = True
        await process.reconciler.measure(KEY)
        lost += await there.orders(1)
        there.world.plane.down, there.door.receiver._stopping = False, False
        await process.reconciler.measure(KEY)
        await recover(there, process)
    assert await there.journaled() == [each.body for each in lost]


async def test_a_suspended_integration_recovers_and_a_deleting_one_does_not(
    there: Recovering,
) -> None:
    async with there.running() as process:
        there.world.integrations.apply(KEY, there.world.spec(suspend=True))
        await process.work()
        assert there.world.pipeline.state is PipelineState.PAUSED
        there.gate.closed = True
        lost = await there.orders(1)
        await recover(there, process)
        assert there.status.recovered == len(lost)
        await there.orders(1)
        there.world.delete()
        assert await recover(there, process) is None
        assert there.status.recovered == len(lost)


async def test_while_suspended_saleor_is_asked_to_send_nothing_again(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(1)
        await rotate(there)
        there.world.integrations.apply(KEY, there.world.spec(suspend=True))
        await process.work()
        await recover(there, process)
        assert there.saleor.mutations.count("eventDeliveryRetry") == 0
        assert there.says() == ("False", Reason.DELIVERIES_MISSING)
        assert "once spec.suspend is false again" in there.message
        there.world.integrations.apply(KEY, there.world.spec())
        await process.work()
        there.gate.closed = False
        assert await recover(there, process) == 60.0
        assert there.saleor.mutations.count("eventDeliveryRetry") == len(lost)


async def test_without_an_app_it_waits_for_a_pass_that_finds_one(there: Recovering) -> None:
    async with there.running() as process:
        await there.world.secrets.delete_app(there.world.integration.uid)
        assert await recover(there, process) is None
        await process.work()
        assert await recover(there, process) == HOUR


async def test_nothing_of_a_body_is_in_a_status_or_an_announcement(there: Recovering) -> None:
    async with there.running() as process:
        there.gate.closed = True
        lost = await there.orders(2)
        lost[0].payload = None
        await recover(there, process)
    number = json.loads(lost[1].body)["order"]["id"]
    said = json.dumps(there.world.status.document()) + str(there.world.integrations.announcements)
    assert number not in said
    assert "example.com" not in said.replace("hooks.example.com", "")
