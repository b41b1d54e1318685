"""What goes wrong: which condition says so, what is tried again, and what is not broken by it."""

import math
from collections.abc import Callable

import pytest

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.reconcile import AppRecord
from saleor_segment_operator.reconcile.ports import Installation
from saleor_segment_operator.resource import RECONCILE_AT, ConditionType, Integration, Key, Reason
from saleor_segment_server.contract import PipelineState
from tests.control_plane.reconcile.harness import (
    KEY,
    READY,
    Process,
    World,
    a_world,
    running,
)
from tests.ports.memory import MemoryIntegrations, MemorySecrets

CREDENTIALS = ConditionType.CREDENTIALS_VALID
APP = ConditionType.APP_REGISTERED
PIPELINE = ConditionType.PIPELINE_SYNCED
WEBHOOKS = ConditionType.WEBHOOKS_ENABLED


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (None, Reason.SECRET_MISSING, "Secret shop/saleor-staff does not exist"),
        ({"email": "e"}, Reason.SECRET_KEY_MISSING, "has no key password"),
        ({"password": "p"}, Reason.SECRET_KEY_MISSING, "has no key email"),
        ({"email": " ", "password": "p"}, Reason.SECRET_VALUE_INVALID, "email is blank"),
    ],
)
async def test_credentials_that_are_not_there_are_named(
    world: World, process: Process, data: dict[str, str] | None, reason: Reason, words: str
) -> None:
    del world.secrets.users[KEY.namespace, "saleor-staff"]
    if data is not None:
        world.secret("saleor-staff", **data)
    world.integrations.apply(KEY, world.spec())
    assert await process.work() == 300
    assert world.says(CREDENTIALS) == ("False", reason)
    assert words in world.condition(CREDENTIALS).message
    assert world.says(APP) == ("False", Reason.WAITING)
    assert world.says(READY) == ("False", reason)
    assert world.saleor.mutations == []
    world.secret("saleor-staff", email="staff@example.com", password="password\n")
    await process.work()
    assert world.is_ready


async def test_a_wrong_password_is_tried_once_and_again_when_it_changes(
    world: World, process: Process
) -> None:
    world.secret("saleor-staff", email="staff@example.com", password="wrong")
    world.integrations.apply(KEY, world.spec())
    for _ in range(5):
        await process.once()
    assert world.says(CREDENTIALS) == ("False", Reason.CREDENTIALS_REJECTED)
    assert "Secret shop/saleor-staff" in world.condition(CREDENTIALS).message
    assert world.saleor.mutations == ["tokenCreate"]
    assert "wrong" not in str(world.status.document())
    world.clock.now += 60
    world.secret("saleor-staff", email="staff@example.com", password="password")
    await process.work()
    assert world.is_ready


async def test_a_throttled_login_is_tried_again_when_it_says(world: World) -> None:
    world.secret("saleor-staff", email="staff@example.com", password="wrong")
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        await process.work()
    world.secret("saleor-staff", email="staff@example.com", password="password")
    async with running(world) as process:
        delay = 0.0
        for _ in range(7):  # whatever the backoff has grown to by now
            delay = await process.once() or 0.0
            assert world.says(CREDENTIALS) == ("Unknown", Reason.LOGIN_THROTTLED)
            assert f" in {math.ceil(delay)} s" in world.condition(CREDENTIALS).message
        world.clock.now += delay
        await process.work()
    assert world.is_ready


async def test_a_staff_user_without_permission_is_told_which(
    world: World, process: Process
) -> None:
    world.saleor.staff("apps@example.com", "password", ("MANAGE_APPS",))
    world.secret("saleor-staff", email="apps@example.com", password="password")
    world.integrations.apply(KEY, world.spec())
    await process.work()
    assert world.says(APP) == ("False", Reason.PERMISSION_MISSING)
    assert "MANAGE_ORDERS" in world.condition(APP).message
    assert world.saleor.apps == []


async def test_credentials_that_go_bad_later_are_told_while_events_flow(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.secret("saleor-staff", email="staff@example.com", password="wrong")
    world.steps.clear()
    await process.work()
    assert world.says(CREDENTIALS) == ("False", Reason.CREDENTIALS_REJECTED)
    for name in APP, PIPELINE, WEBHOOKS:
        assert world.says(name)[0] == "True"
    assert world.steps == []


async def test_drift_is_corrected_though_the_staff_user_is_gone(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    del world.secrets.users[KEY.namespace, "saleor-staff"]
    world.webhooks()[0].is_active = False
    await process.work()
    assert all(webhook.is_active for webhook in world.webhooks())


@pytest.mark.parametrize("token", ["no-such-token", "täglich", "x" * 300])
async def test_a_foreign_token_is_told(world: World, process: Process, token: str) -> None:
    world.secret("my-app", token=token)
    world.integrations.apply(KEY, world.existing())
    assert await process.work() == 300
    assert world.says(CREDENTIALS) == ("False", Reason.TOKEN_REJECTED)
    assert "Secret shop/my-app, key token" in world.condition(CREDENTIALS).message
    assert token not in str(world.status.document())


async def test_an_existing_app_without_the_permission_is_told(
    world: World, process: Process
) -> None:
    app = world.saleor.app("theirs", ("MANAGE_PRODUCTS",))
    world.secret("my-app", token=app.token)
    world.integrations.apply(KEY, world.existing())
    await process.work()
    assert world.says(CREDENTIALS)[0] == "True"
    assert world.says(APP) == ("False", Reason.PERMISSION_MISSING)
    assert app.webhooks == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"graphql_down": True}, Reason.SALEOR_UNREACHABLE),
        ({"graphql_status": 503}, Reason.SALEOR_BUSY),
    ],
)
async def test_saleor_down_is_unknown_not_false_and_tried_again(
    world: World, process: Process, fault: dict[str, bool | float | str], reason: Reason
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.saleor.fail(**fault)
    delays = [await process.once() for _ in range(8)]
    assert delays == sorted(delays, key=float)  # type: ignore[arg-type]
    assert delays[-1] == 45  # a minute, spread
    for name in CREDENTIALS, APP, WEBHOOKS, READY:
        assert world.says(name)[0] == "Unknown"
    assert world.condition(APP).reason is reason
    assert world.says(PIPELINE)[0] == "True"
    assert world.pipeline.state is PipelineState.ACTIVE
    world.saleor.heal()
    await process.work()
    assert world.is_ready


async def test_an_address_that_is_not_saleors_is_told(world: World, process: Process) -> None:
    world.saleor.fail(graphql_plain_text=True)
    world.integrations.apply(KEY, world.spec())
    assert await process.work() == 300
    assert world.says(APP) == ("False", Reason.NOT_SALEOR)


async def test_a_saleor_that_is_too_old_is_told_and_left_alone() -> None:
    async with a_world("3.19.40") as world, running(world) as process:
        world.integrations.apply(KEY, world.spec())
        await process.work()
        assert world.says(CREDENTIALS)[0] == "True"
        assert world.says(APP) == ("False", Reason.SALEOR_TOO_OLD)
        assert "3.19.40" in world.condition(APP).message
        assert world.saleor.apps == []


async def test_keys_that_saleor_does_not_show_now_are_kept(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    jwks = world.pipeline.saleor.jwks
    world.saleor.fail(jwks_down=True)
    async with running(world) as fresh:
        await fresh.work()
    assert world.pipeline.saleor.jwks == jwks
    world.saleor.heal()
    world.saleor.rotate_key()
    await process.work()
    assert world.pipeline.saleor.jwks == world.saleor.state.accounts.key.jwks != jwks


async def test_servers_out_of_reach_are_unknown_and_webhooks_stay_as_they_are(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.plane.down = True
    await process.once()
    assert world.says(PIPELINE) == ("Unknown", Reason.SERVERS_UNREACHABLE)
    assert world.says(ConditionType.DELIVERING) == ("Unknown", Reason.SERVERS_UNREACHABLE)
    assert world.status.delivery is None
    assert all(webhook.is_active for webhook in world.webhooks())


async def test_an_invalid_spec_is_told_with_its_field(world: World, process: Process) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    world.integrations.apply(KEY, world.spec(events=["ORDER_SHIPPED"]))
    assert await process.work() == 300
    assert world.says(READY) == ("False", Reason.INVALID_SPEC)
    assert "spec.events.0" in world.condition(READY).message
    assert world.status.observed_generation == 2
    assert world.pipeline.state is PipelineState.ACTIVE


def secrets_fail(world: World, error: Exception | None) -> None:
    world.secrets.fail = error


def pipelines_fail(world: World, error: Exception | None) -> None:
    world.pipelines.fail = error


@pytest.mark.parametrize("fail", [secrets_fail, pipelines_fail], ids=lambda fail: fail.__name__)
@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (Unavailable(Reason.STORE_UNAVAILABLE, "down"), "Unknown", Reason.STORE_UNAVAILABLE),
        (Blocked(Reason.STORE_REFUSED, "forbidden"), "False", Reason.STORE_REFUSED),
        (ZeroDivisionError("personal"), "Unknown", Reason.INTERNAL_ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_store_that_fails_is_told_and_tried_again(
    world: World,
    process: Process,
    fail: Callable[[World, Exception | None], None],
    error: Exception,
    status: str,
    reason: Reason,
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    fail(world, error)
    first, second = await process.once(), await process.once()
    assert first is not None
    assert second is not None
    assert 0 < first < second
    assert world.says(READY) == (status, reason)
    assert "personal" not in world.condition(READY).message
    fail(world, None)
    await process.work()
    assert world.is_ready


async def test_integrations_that_cannot_be_read_are_tried_again(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    world.integrations.fail = Unavailable(Reason.STORE_UNAVAILABLE, "down", retry_after=7)
    assert await process.once() == 7
    world.integrations.fail = None
    await process.work()
    assert world.is_ready


class ReadOnlySecrets(MemorySecrets):
    async def put_app(self, uid: str, record: AppRecord, *, of: Key) -> None:
        raise Blocked(Reason.STORE_REFUSED, "Secrets may not be written.")


async def test_the_store_proves_itself_before_an_app_is_created(world: World) -> None:
    world.secrets = ReadOnlySecrets(users=world.secrets.users)
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        await process.work()
    assert world.says(APP) == ("False", Reason.STORE_REFUSED)
    assert world.saleor.apps == []


async def test_a_webhook_address_that_saleor_refuses_is_told_and_the_rest_is_done(
    world: World,
) -> None:
    world.integrations.apply(KEY, world.spec())
    async with running(world, public_url="ftp.example") as process:
        assert await process.work() == 300
    assert world.says(WEBHOOKS) == ("False", Reason.WEBHOOK_REFUSED)
    assert world.says(PIPELINE)[0] == "True"


class Unholdable(MemoryIntegrations):
    async def hold(self, integration: Integration, *, by: str) -> None:
        raise Blocked(Reason.STORE_REFUSED, "Finalizers may not be set.")


async def test_a_finalizer_that_is_refused_is_told_and_tried_again(world: World) -> None:
    world.integrations = Unholdable()
    world.integrations.apply(KEY, world.spec())
    async with running(world) as process:
        assert await process.work() == 24  # nobody tells us of a right that is granted
    assert world.says(READY) == ("False", Reason.STORE_REFUSED)
    assert world.saleor.apps == []


async def test_what_another_installation_keeps_is_left_alone_until_that_lets_go(
    world: World, process: Process
) -> None:
    """Two releases watch one namespace."""
    world.integrations.apply(KEY, world.spec())
    await process.work()
    status, ours = world.status, world.secrets.identity
    world.secrets.identity = Installation(id="0decade0", salt=ours.salt)
    async with running(world) as other:
        world.plane.tally(world.pipeline.id).pending = 5
        for _ in range(2):
            assert await other.work() == pytest.approx(300)
            await other.reconciler.measure(KEY)
        assert world.status == status
        assert world.announced.count(Reason.KEPT_BY_ANOTHER) == 1
        world.delete()
        assert await other.work() == pytest.approx(300)
        assert len(world.saleor.apps) == 1
        # Its finalizer taken off by hand, it is this one's; here it was being deleted and goes.
        await world.integrations.release(world.integration)
        world.integrations.apply(KEY, world.spec())
        await other.work()
        assert world.integration.kept_by == "0decade0"
        assert world.is_ready


async def test_an_integration_that_is_gone_is_left(world: World, process: Process) -> None:
    assert await process.once() is None


async def test_the_annotation_that_asks_for_a_reconcile_is_echoed(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec(), annotations={RECONCILE_AT: "2026-11-24T12:00"})
    await process.work()
    assert world.status.last_handled_reconcile_at == "2026-11-24T12:00"


async def test_conditions_keep_the_time_of_their_last_change(
    world: World, process: Process
) -> None:
    world.integrations.apply(KEY, world.spec())
    await process.work()
    since = world.condition(READY).last_transition_time
    world.clock.now += 3600
    world.integrations.apply(KEY, world.spec(deletionPolicy="Orphan"))
    await process.work()
    assert world.condition(READY).last_transition_time == since
    assert world.condition(READY).observed_generation == 2
