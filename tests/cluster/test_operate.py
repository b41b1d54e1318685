"""``saleor-segment operate`` as a process, with an operator's rights only."""

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from saleor_segment_operator.kube.resources import INTEGRATIONS, app_secret
from saleor_segment_operator.resource import FINALIZER, KEPT_BY, RECONCILE_AT, ConditionType
from saleor_segment_server.cluster import SECRETS, Patch
from saleor_segment_server.contract import PipelineState
from tests.cluster.faulty import Fault, FaultyApi
from tests.cluster.operating import (
    EMAIL,
    KEY_ONE,
    KEY_TWO,
    NAME,
    PASSWORD,
    RELEASE,
    Ground,
    standing,
)
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin, SigningKey

_KEY = SigningKey.generate()
_SHORT = ("--lease-duration", "3s")
_LONGER = ("--lease-duration", "9s")  # three seconds are left to end in before another may lead


@pytest.fixture
async def ground(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Ground]:
    cluster = Cluster(plane)
    await cluster.install()
    async with SaleorTwin(version="3.23.28", key=_KEY) as saleor:
        saleor.staff(EMAIL, PASSWORD)
        async with standing(cluster, saleor, tmp_path) as ground:
            yield ground
    await cluster.close()


@pytest.fixture
async def proxy(plane: ControlPlane) -> AsyncIterator[FaultyApi]:
    async with FaultyApi(plane.api_url, plane.ca) as proxy:
        yield proxy


def proxied(ground: Ground, proxy: FaultyApi, folder: Path) -> Path:
    """Return a kubeconfig with the operator's token that leads through the proxy."""
    token = json.loads(ground.kubeconfig.read_text())["users"][0]["user"]["token"]
    return proxy.kubeconfig(folder / "proxied", token)


async def test_an_integration_becomes_ready_and_goes_again(ground: Ground) -> None:
    async with ground.operating() as operating:
        await operating.ready()
        await ground.apply()
        await ground.ready()
        found = await ground.found()
        assert found is not None
        assert found["metadata"]["finalizers"] == [FINALIZER]
        assert set(found["metadata"]["annotations"]) == {KEPT_BY}
        assert ground.write_keys == {KEY_ONE}
        assert [hook.is_active for hook in ground.saleor.state.apps.webhooks()] == [True] * 5
        assert await operating.metric("integrations", ready="True") == 1
        assert await operating.metric("leader") == 1
        await ground.delete()
        await until(lambda: _is_gone(ground))
        assert list(ground.saleor.apps) == []
        assert await operating.program.end(signal.SIGTERM) == 0
    assert "planted" not in operating.program.text
    assert "holderIdentity" not in await ground.lease()


@pytest.mark.parametrize("named", ["environment", "kubeconfig"])
async def test_the_way_to_the_api_server_may_lead_through_a_proxy(
    ground: Ground, proxy: FaultyApi, tmp_path: Path, named: str
) -> None:
    config = yaml.safe_load(proxied(ground, proxy, tmp_path).read_text())
    (cluster,) = config["clusters"]
    cluster["cluster"] = {"server": "http://known-to-the-proxy-only.invalid"}
    environment = {}
    if named == "environment":
        environment = {"http_proxy": proxy.url, "no_proxy": "127.0.0.1"}
    else:
        cluster["cluster"]["proxy-url"] = proxy.url
    kubeconfig = tmp_path / "behind-a-proxy"
    kubeconfig.write_text(yaml.safe_dump(config))
    async with ground.operating(kubeconfig=kubeconfig, environment=environment) as operating:
        await operating.ready()
        await ground.apply()
        await ground.ready()


async def _is_gone(ground: Ground) -> bool:
    return await ground.found() is None


async def test_a_pass_can_be_asked_for_and_the_answer_is_seen(ground: Ground) -> None:
    async with ground.operating() as operating:
        await ground.apply()
        await ground.ready()
        (hook, *_) = ground.saleor.state.apps.webhooks()
        hook.is_active = False
        await ground.annotate(RECONCILE_AT, "by hand")
        await until(lambda: _handled(ground, "by hand"))
        await until(lambda: hook.is_active)
        assert (await operating.metric("reconciles_total", outcome="progress") or 0) > 0


async def _handled(ground: Ground, value: str) -> bool:
    return (await ground.status()).last_handled_reconcile_at == value


async def test_a_changed_secret_is_in_use_within_two_seconds(ground: Ground) -> None:
    async with ground.operating():
        await ground.apply()
        await ground.ready()
        for key in (KEY_TWO, KEY_ONE):
            began = time.monotonic()
            await ground.secret("segment", writeKey=key)
            await until(lambda: ground.write_keys == {key}, seconds=5)  # noqa: B023 - used at once
            assert time.monotonic() - began < 2


async def test_a_secret_that_comes_late_is_taken_up(ground: Ground) -> None:
    async with ground.operating():
        await ground.apply(segment={"writeKeySecretRef": {"name": "late"}})
        await until(lambda: _condition(ground, "SecretMissing"))
        await ground.secret("late", writeKey=KEY_TWO)
        await ground.ready()
        assert ground.write_keys == {KEY_TWO}


async def _condition(ground: Ground, reason: str) -> bool:
    found = (await ground.status()).condition(ConditionType.READY)
    return found is not None and found.reason == reason


async def test_what_happens_while_no_operator_runs_is_done_by_the_next(ground: Ground) -> None:
    await ground.apply()
    async with ground.operating(*_SHORT) as operating:
        await ground.ready()
        operating.program.process.kill()
        await operating.program.ended()
    await ground.secret("segment", writeKey=KEY_TWO)
    async with ground.operating(*_SHORT):
        await until(lambda: ground.write_keys == {KEY_TWO}, seconds=40)
        await ground.delete()
        await until(lambda: _is_gone(ground))


async def test_of_two_operators_one_leads_until_it_dies(ground: Ground) -> None:
    async with ground.operating(*_SHORT) as first:
        await first.leads()
        async with ground.operating(*_SHORT) as second:
            await second.program.logged("waiting_for_leadership")
            assert await second.answer("/readyz") == 200
            assert (await first.metric("leader"), await second.metric("leader")) == (1, 0)
            await ground.apply()
            await ground.ready()
            assert "action_done" not in second.program.text
            first.program.process.kill()
            await second.leads()
            await ground.secret("segment", writeKey=KEY_TWO)
            await until(lambda: ground.write_keys == {KEY_TWO})


async def test_a_stopped_operator_leaves_the_lease_to_the_next_at_once(ground: Ground) -> None:
    async with ground.operating() as first:
        await first.leads()
        async with ground.operating() as second:
            await second.program.logged("waiting_for_leadership")
            assert await first.program.end(signal.SIGTERM) == 0
            began = time.monotonic()
            await second.leads()
            assert time.monotonic() - began < 6  # and the Lease lasts for 15 s


async def test_one_that_waits_can_be_stopped(ground: Ground) -> None:
    async with ground.operating() as first:
        await first.leads()
        async with ground.operating() as second:
            await second.program.logged("waiting_for_leadership")
            assert await second.program.end(signal.SIGTERM) == 0
        assert await first.answer("/readyz") == 200


async def test_while_the_api_server_hangs_leadership_is_given_up_in_time(
    ground: Ground, proxy: FaultyApi, tmp_path: Path
) -> None:
    kubeconfig = proxied(ground, proxy, tmp_path)
    async with ground.operating(*_LONGER, kubeconfig=kubeconfig) as operating:
        await operating.ready()
        async with ground.operating(*_LONGER) as other:
            await other.program.logged("waiting_for_leadership")
            proxy.fail(Fault(".*", ".*"))
            assert await operating.program.ended() == 1
            assert "leading" not in [_event(line) for line in other.program.lines]
            assert operating.program.lines[-1].startswith("leadership is lost")
            await other.leads()


def _event(line: str) -> Any:
    return json.loads(line).get("event") if line.startswith("{") else None


async def test_an_api_server_that_is_away_for_a_moment_changes_nothing(
    ground: Ground, proxy: FaultyApi, tmp_path: Path
) -> None:
    async with ground.operating(kubeconfig=proxied(ground, proxy, tmp_path)) as operating:
        await ground.apply()
        await ground.ready()
        for status in (500, 429, 409):
            fault = proxy.fail(Fault(".*", ".*", status))
            proxy.cut_watches()
            await ground.secret("segment", writeKey=KEY_TWO)
            await ground.annotate(RECONCILE_AT, f"during {status}")
            await until(lambda: fault.struck > 3)  # noqa: B023 - used at once
            proxy.heal()
            await until(lambda: ground.write_keys == {KEY_TWO})
            await until(lambda: _handled(ground, f"during {status}"))  # noqa: B023 - used at once
            await ground.secret("segment", writeKey=KEY_ONE)
            await until(lambda: ground.write_keys == {KEY_ONE})
        assert operating.program.process.returncode is None
        await operating.ready()


async def test_cut_watches_lose_nothing(ground: Ground, proxy: FaultyApi, tmp_path: Path) -> None:
    async with ground.operating(kubeconfig=proxied(ground, proxy, tmp_path)):
        await ground.apply()
        await ground.ready()
        for key in (KEY_TWO, KEY_ONE, KEY_TWO):
            assert proxy.cut_watches() > 0
            await asyncio.gather(
                ground.secret("segment", writeKey=key), ground.annotate(RECONCILE_AT, key)
            )
            await until(lambda: ground.write_keys == {key})  # noqa: B023 - used at once
            await until(lambda: _handled(ground, key))  # noqa: B023 - used at once


async def test_an_integration_elsewhere_is_none_of_its(ground: Ground) -> None:
    async with ground.operating() as operating:
        await operating.ready()
        body = {
            "apiVersion": INTEGRATIONS.api_version,
            "kind": "SaleorSegmentIntegration",
            "metadata": {"name": "elsewhere"},
            "spec": {
                "saleor": {
                    "apiUrl": ground.saleor.api_url,
                    "app": {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}},
                },
                "segment": {"writeKeySecretRef": {"name": "segment"}},
            },
        }
        await ground.api.create(INTEGRATIONS, ground.release, body)
        await ground.apply()
        await ground.ready()
        elsewhere = await ground.api.get(INTEGRATIONS, ground.release, "elsewhere")
        assert elsewhere is not None
        assert "status" not in elsewhere
        assert "finalizers" not in elsewhere["metadata"]


async def test_what_was_left_behind_while_no_operator_ran_is_swept(ground: Ground) -> None:
    async with ground.operating():
        await ground.apply()
        await ground.ready()
    (pipeline_id,) = ground.table
    await _let_go_by_hand(ground)
    assert await _has_app(ground, pipeline_id)
    async with ground.operating() as operating:
        line = await operating.program.logged("pipeline_without_integration")
        assert line["uid"] == pipeline_id
        assert not await _has_app(ground, pipeline_id)
        await until(lambda: ground.table[pipeline_id].state is PipelineState.DRAINING)
    (app,) = ground.saleor.apps
    assert app.is_active


async def _let_go_by_hand(ground: Ground) -> None:
    body = {"metadata": {"finalizers": None}}
    await ground.api.patch(INTEGRATIONS, ground.namespace, NAME, body, how=Patch.MERGE)
    await ground.delete()


async def _has_app(ground: Ground, uid: str) -> bool:
    return await ground.api.get(SECRETS, ground.release, app_secret(RELEASE, uid)) is not None
