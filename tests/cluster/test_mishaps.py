"""Orders reach Segment through the installed chart, whatever is killed, away or changed by hand."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from tests.cluster.by_hand import CHANGES, webhooks
from tests.cluster.helm import Helm
from tests.cluster.installed import installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.site import OPERATOR, RELEASE, SERVER, Site, a_tenant
from tests.system.programs import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_DEPLOYMENT, _STATEFUL_SET = f"deployment/{OPERATOR}", f"statefulset/{RELEASE}-server"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> AsyncIterator[Site]:
    async with installed(plane, kubectl, helm, kubelet, name="mishaps", resync="4s") as site:
        yield site


async def scale(site: Site, what: str, replicas: int) -> None:
    """Scale it, and wait until it is."""
    await site.kubectl.run("scale", what, f"--replicas={replicas}")
    await site.kubectl.rollout(what)
    if not replicas:
        prefix = what.partition("/")[2]
        await until(lambda: not any(pod.startswith(prefix) for pod in _pods(site)))


def _pods(site: Site) -> list[str]:
    return site.kubelet.pods(site.namespace)


async def ready(site: Site, pod: str) -> None:
    """Wait until a Pod is there and ready, and there is a way to it."""
    await site.kubectl.wait(f"pod/{pod}", "create")
    await site.kubectl.wait(f"pod/{pod}", "condition=Ready")
    await until(site.entrance.ready)


async def test_without_an_operator_orders_flow_and_the_next_one_makes_no_second_app(
    site: Site,
) -> None:
    async with a_tenant(site, "unattended") as tenant:
        await tenant.connect()
        await tenant.day(40, 4.0)
        site.kubelet.kill(site.namespace, await site.operator_pod())
        await scale(site, _DEPLOYMENT, 0)
        await tenant.balances()
        await tenant.apply(tenant.integration(events=["ORDER_CREATED"]))
        tenant.order()
        await tenant.all_arrived()
        await scale(site, _DEPLOYMENT, 1)
        await until(lambda: len(tenant.saleor.apps[0].webhooks) == 1)
        document = await tenant.ready()
        assert document["status"]["observedGeneration"] == document["metadata"]["generation"]
        assert tenant.saleor.mutations.count("appCreate") == 1
        assert len(tenant.saleor.apps) == 1
        tenant.order()
        await tenant.all_arrived()


async def test_a_server_killed_again_and_again_loses_and_doubles_nothing(site: Site) -> None:
    async with a_tenant(site, "killed", time_scale=5) as tenant:
        await tenant.connect()
        volume = site.kubelet.mount(site.namespace, SERVER, "/var/lib/saleor-segment")
        restarts, _ = (await site.running())[SERVER]
        await tenant.day(60, 8.0)
        for _ in range(3):
            killed = site.kubelet.kill(site.namespace, SERVER)
            await until(partial(_runs_anew, site, killed))
            await ready(site, SERVER)
            await tenant.arrives(tenant.order())
        await tenant.balances(seconds=120)
        assert (await site.running())[SERVER][0] == restarts + 3
        assert site.kubelet.mount(site.namespace, SERVER, "/var/lib/saleor-segment") == volume


def _runs_anew(site: Site, killed: int) -> bool:
    try:
        return site.kubelet.pid(site.namespace, SERVER) != killed
    except LookupError:
        return False


async def test_a_server_that_is_deleted_hands_all_over_to_its_successor(site: Site) -> None:
    async with a_tenant(site, "moved") as tenant:
        await tenant.connect()
        await tenant.day(40, 5.0)
        before = await site.kubectl.get("pod", SERVER, site.namespace)
        await site.kubectl.delete("pod", SERVER)
        await ready(site, SERVER)
        after = await site.kubectl.get("pod", SERVER, site.namespace)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        await tenant.balances(seconds=60)


async def test_what_saleor_gave_up_while_no_server_ran_comes_back(site: Site) -> None:
    async with a_tenant(site, "recovered", time_scale=500) as tenant:
        await tenant.connect()
        await tenant.condition("DeliveriesRecovered", "True")
        await scale(site, _STATEFUL_SET, 0)
        tenant.saleor.start_day(15, 0.5)
        await tenant.saleor.settled(60)
        lost = sum(each.outcome == "failed" for each in tenant.saleor.deliveries)
        assert lost == len(tenant.saleor.deliveries) > 15
        await tenant.reconcile("away")
        told = await tenant.condition("PipelineSynced", "Unknown", "ServersUnreachable")
        assert "No server is ready" in told["message"]
        await scale(site, _STATEFUL_SET, 1)
        told = await tenant.event("Recovered")
        assert f"{lost} deliveries that Saleor had given up" in told["message"]
        await tenant.condition("DeliveriesRecovered", "True")
        await tenant.balances()
        assert (await tenant.get())["status"]["recovery"]["recovered"] == lost


async def test_orders_flow_while_the_api_server_answers_nobody(site: Site) -> None:
    async with a_tenant(site, "alone") as tenant:
        await tenant.connect()
        before = (await site.running())[SERVER]
        await tenant.day(30, 4.0)
        site.plane.pause()
        try:
            await tenant.balances()
        finally:
            site.plane.resume()
        await tenant.all_arrived()
        await tenant.reconcile("back")
        await tenant.ready()
        assert (await site.running())[SERVER] == before


async def test_a_server_killed_while_the_api_server_is_away_goes_on_once_that_is_back(
    site: Site,
) -> None:
    async with a_tenant(site, "both", time_scale=5) as tenant:
        await tenant.connect()
        await tenant.day(20, 2.0)
        site.plane.pause()
        try:
            killed = site.kubelet.kill(site.namespace, SERVER)
            await until(partial(_runs_anew, site, killed))
            order = tenant.order()
            await tenant.saleor.until(lambda: _tried(tenant, order))
        finally:
            site.plane.resume()
        await ready(site, SERVER)
        await tenant.arrives(order)
        await tenant.balances(seconds=60)
        await tenant.all_arrived()


def _tried(tenant: Site, order: str) -> bool:
    return any(each.attempts for each in tenant.saleor.deliveries if each.order_id == order)


async def test_every_change_to_a_webhook_is_put_right_and_told(site: Site) -> None:
    async with a_tenant(site, "by-hand") as tenant:
        await tenant.connect()
        before = webhooks(tenant)
        for number, (change, do) in enumerate(CHANGES.items()):
            webhook = tenant.saleor.apps[0].webhooks[0]
            event = webhook.events[0]
            do(tenant, webhook)
            assert webhooks(tenant) != before
            await tenant.reconcile(f"look-{number}")
            await tenant.ready()
            await tenant.saleor.until(lambda: webhooks(tenant) == before)
            await until(partial(_told, tenant, event, change), every=0.1)
        tenant.saleor.start_day(10, 0.5)
        await tenant.balances()
        await tenant.all_arrived()


async def _told(tenant: Site, *words: str) -> bool:
    events = await tenant.kubectl.list("events", namespace=tenant.shop)
    told = [each["message"] for each in events if each["reason"] == "DriftCorrected"]
    return any(all(word in message for word in words) for message in told)


async def test_an_app_that_was_deleted_is_made_again_with_its_webhooks(site: Site) -> None:
    async with a_tenant(site, "deleted") as tenant:
        await tenant.connect()
        before = webhooks(tenant)
        (app,) = tenant.saleor.apps
        app.removed_at = tenant.saleor.state.time.now()
        await tenant.saleor.until(lambda: webhooks(tenant) == before)  # at a resync
        (again,) = tenant.saleor.apps
        await tenant.ready()
        assert (await tenant.get())["status"]["saleor"]["appId"] == again.id != app.id
        assert "was deleted in Saleor" in (await tenant.event("AppGone"))["message"]
        tenant.order()
        await tenant.all_arrived()
