"""The chart's life: upgrades, deletions and uninstalls, with orders flowing all the while."""

import functools
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from saleor_segment_operator.resource.crd import NAME as DEFINITION
from saleor_segment_server.contract import shard_of
from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.site import (
    CHART,
    NAME,
    OPERATOR,
    RELEASE,
    Object,
    Site,
    a_site,
    a_tenant,
)
from tests.cluster.story import hasty
from tests.system.programs import until
from tests.twins.segment.faults import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BUSY = Fault(status=503, times=None)


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as an older version might have been."""
    chart = tmp_path_factory.mktemp("charts") / CHART.name
    shutil.copytree(CHART, chart)
    for name, old, new in (
        ("Chart.yaml", r"^(version|appVersion): .*$", r'\1: "0.0.9"'),
        ("values.yaml", r"memory: 384Mi", "memory: 256Mi"),
    ):
        page = chart / name
        page.write_text(re.sub(old, new, page.read_text(), flags=re.MULTILINE))
    return chart


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet, previous: Path
) -> AsyncIterator[Site]:
    async with a_site(
        plane,
        kubectl,
        helm,
        kubelet,
        release_namespace="life-release",
        shop_namespace="life-shop",
        values=hasty,
        install=False,
    ) as site:
        restricted = "pod-security.kubernetes.io/enforce=restricted"
        await kubectl.run("label", "namespace", site.namespace, restricted)
        await site.helm.install(previous, RELEASE, site.values)
        yield site


async def upgrade(site: Site) -> None:
    """``helm upgrade --wait`` to the chart as it is."""
    await site.helm.upgrade(CHART, RELEASE, site.values)


async def own_secrets(site: Site, part: str) -> dict[str, Object]:
    """Return the operator's own Secrets of one kind, by name."""
    found = await site.kubectl.list("secrets", "-l", f"saleor-segment.io/part={part}")
    return {each["metadata"]["name"]: each for each in found}


async def holder(site: Site, uid: str) -> str | None:
    """Return the name of the Secret that holds this Pipeline."""
    shards = await own_secrets(site, "pipelines")
    return next((name for name, each in shards.items() if uid in (each.get("data") or {})), None)


def apps_made(tenant: Site) -> tuple[int, int]:
    """Return how many apps the shop has, and how many were ever made."""
    return len(tenant.saleor.apps), tenant.saleor.mutations.count("appCreate")


async def test_pods_that_may_do_more_than_ours_are_refused_where_ours_run(site: Site) -> None:
    with pytest.raises(Refused, match="violates PodSecurity"):
        await site.kubectl.run("run", "lax", "--image=any")


async def test_an_upgrade_and_a_rollback_lose_nothing_while_orders_flow(site: Site) -> None:
    async with a_tenant(site, "upgraded") as tenant:
        uid = (await tenant.connect())["metadata"]["uid"]
        before = set(await site.running())
        await tenant.day(60, 12.0)
        await upgrade(site)
        assert (await tenant.ready())["metadata"]["uid"] == uid
        assert set(await site.running()) != before
        await site.helm.rollback(RELEASE)
        await tenant.ready()
        await tenant.balances(60)
        assert apps_made(tenant) == (1, 1)


async def test_pipelines_move_to_fewer_and_to_more_secrets_while_orders_flow(site: Site) -> None:
    async with a_tenant(site, "moving") as tenant:
        await tenant.connect()
        uid = (await tenant.get())["metadata"]["uid"]
        await tenant.day(60, 12.0)
        for shards in (2, 8):
            site.values |= {"pipelineShards": shards}  # for good, as a user changes it
            await upgrade(site)
            home = f"{RELEASE}-pipelines-{shard_of(uid, shards)}"
            await until(functools.partial(lies_in, site, uid, home), seconds=30, every=0.2)
        await tenant.reconcile("moved")
        await tenant.ready()
        await tenant.balances(60)
        assert apps_made(tenant) == (1, 1)


async def lies_in(site: Site, uid: str, secret: str) -> bool:
    return await holder(site, uid) == secret


async def test_a_pipelines_secret_that_is_deleted_is_written_again_at_once(site: Site) -> None:
    async with a_tenant(site, "careless") as tenant:
        uid = (await tenant.connect())["metadata"]["uid"]
        secret = await holder(site, uid)
        assert secret is not None
        await site.kubectl.delete("secret", secret)
        order = tenant.order()
        await until(lambda: holder(site, uid), seconds=10, every=0.1)
        await tenant.arrives(order)
        await tenant.all_arrived()


async def test_a_rotated_internal_token_is_taken_up_by_both_without_a_restart(site: Site) -> None:
    async with a_tenant(site, "rotating") as tenant:
        await tenant.connect()
        token = f"{RELEASE}-internal-token"
        old, before = await site.kubectl.get("secret", token), await site.running()
        # As docs/chart.md has it.
        await site.kubectl.delete("secret", token)
        await site.helm.upgrade(CHART, RELEASE, reuse_values=True)
        assert (await site.kubectl.get("secret", token))["data"] != old["data"]
        await until(site.server_says)
        await tenant.reconcile("rotated")
        await tenant.condition("PipelineSynced", "True")
        await tenant.arrives(tenant.order())
        assert await site.running() == before


async def test_a_deletion_sends_what_is_pending_and_leaves_nothing_behind(site: Site) -> None:
    async with a_tenant(site, "leaving") as tenant:
        document = await tenant.connect()
        uid, url = document["metadata"]["uid"], document["status"]["webhookUrl"]
        assert f"{RELEASE}-app-{uid}" in await own_secrets(site, "app")
        tenant.segment.faults.add(_BUSY)
        order = tenant.order()
        await tenant.saleor.settled()
        await tenant.kubectl.within(tenant.shop).delete("ssi", NAME, "--wait=false")
        told = await tenant.condition("Ready", "False", "Deleting")
        await until(lambda: not any(hook.is_active for hook in tenant.saleor.apps[0].webhooks))
        assert "being deleted" in told["message"]
        tenant.segment.faults.clear()
        await tenant.kubectl.within(tenant.shop).wait(f"ssi/{NAME}", "delete")
        assert tenant.arrived() == {order}
        assert tenant.saleor.apps == []
        assert f"{RELEASE}-app-{uid}" not in await own_secrets(site, "app")
        assert await holder(site, uid) is None
        await until(lambda: _status(f"{url}/ORDER_CREATED", 404))


async def _status(url: str, expected: int) -> bool:
    async with httpx.AsyncClient() as client:
        headers = {"Saleor-Signature": "e30..e30", "Content-Type": "application/json"}
        answer = await client.post(url, content=b"{}", headers=headers)
    return answer.status_code == expected


async def test_an_orphaned_app_stays_in_saleor_and_is_called_no_more(site: Site) -> None:
    async with a_tenant(site, "orphaning") as tenant:
        uid = (await tenant.connect(deletionPolicy="Orphan"))["metadata"]["uid"]
        await tenant.kubectl.within(tenant.shop).delete("ssi", NAME, "--timeout=90s")
        (app,) = tenant.saleor.apps
        assert [hook.is_active for hook in app.webhooks] == [False] * 5
        assert f"{RELEASE}-app-{uid}" not in await own_secrets(site, "app")
        await tenant.connect()
        assert apps_made(tenant) == (1, 1)
        assert (await tenant.event("AppAdopted"))["type"] == "Normal"
        tenant.order()
        await tenant.all_arrived()


async def test_a_namespace_goes_soon_though_its_secrets_went_first(site: Site) -> None:
    async with a_tenant(site, "bystander") as bystander, a_tenant(site, "doomed") as doomed:
        await bystander.connect()
        uid = (await doomed.connect())["metadata"]["uid"]
        await site.kubectl.run("-n", "doomed", "delete", "secret", "--all")
        await site.kubectl.run("delete", "namespace", "doomed", "--timeout=90s")
        assert f"{RELEASE}-app-{uid}" not in await own_secrets(site, "app")
        (app,) = doomed.saleor.apps
        assert not any(hook.is_active for hook in app.webhooks)
        bystander.order()
        await bystander.all_arrived()
        await bystander.ready()
        log = site.kubelet.logs(site.namespace, await site.operator_pod())
        assert "delete app" in next(line for line in log.splitlines() if '"orphaned"' in line)


async def test_an_uninstall_keeps_integrations_and_an_install_goes_on_with_them(
    site: Site,
) -> None:
    async with a_tenant(site, "kept") as kept, a_tenant(site, "stuck") as stuck:
        uid = (await kept.connect())["metadata"]["uid"]
        await stuck.connect()
        kept.segment.faults.add(_BUSY)
        pending = kept.order()
        await kept.saleor.settled()
        await site.kubectl.run("scale", f"deployment/{OPERATOR}", "--replicas=0")
        await site.helm.uninstall(RELEASE)
        document = await kept.get()
        assert document["metadata"]["uid"] == uid
        assert not document["metadata"].get("finalizers")
        assert apps_made(kept) == (1, 1)
        # Nothing is stuck though nobody is there to let it go.
        await stuck.kubectl.within("stuck").delete("ssi", NAME, "--timeout=90s")
        await site.kubectl.run("delete", "namespace", "stuck", "--timeout=90s")
        kept.segment.faults.clear()
        # Whoever is in a hurry need not wait until the Lease of the uninstall expires.
        await site.kubectl.run("delete", "lease", OPERATOR)
        await site.install()
        await kept.arrives(pending)  # from the volume that stayed
        await until(lambda: _is_held(kept), seconds=60, every=0.2)
        await kept.reconcile("again")
        await kept.ready()
        kept.order()
        await kept.all_arrived()
        assert apps_made(kept) == (1, 1)


async def _is_held(tenant: Site) -> bool:
    return bool((await tenant.get())["metadata"].get("finalizers"))


async def test_an_uninstall_over_a_crashing_operator_takes_the_definition_if_it_is_not_kept(
    site: Site,
) -> None:
    async with a_tenant(site, "ending") as tenant:
        await tenant.connect()
        site.values |= {"crds": {"keep": False}}
        await upgrade(site)
        wrong = '[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--wrong"}]'
        await site.kubectl.run("patch", "deployment", OPERATOR, "--type=json", "-p", wrong)
        await until(lambda: _crashes(site), seconds=30, every=0.2)
        await site.helm.uninstall(RELEASE)
        await site.kubectl.wait(f"crd/{DEFINITION}", "delete")
        await until(lambda: not site.kubelet.pods(site.namespace))


async def _crashes(site: Site) -> bool:
    pods = await site.kubectl.list("pods", "-l", "app.kubernetes.io/component=operator")
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses", ())]
    return any(status["restartCount"] > 0 for status in statuses)
