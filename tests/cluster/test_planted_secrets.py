"""Nothing secret or personal is said anywhere, whatever befalls an integration."""

import base64
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.planted import Planted, all_told, found, found_in_secrets
from tests.cluster.site import NAME, OPERATOR, RELEASE, SERVER, Site, a_site, a_tenant
from tests.cluster.story import WRONG, drift, look, refused_key, rotation, wrong_password
from tests.control_plane.standalone.stand import KEY, NEXT_KEY, PASSWORD
from tests.system.programs import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUSTOMER = "planted-customer@example.net"
OTHER = "planted-other"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tenant(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> AsyncIterator[Site]:
    """A tenant whose shop gives up soon what it cannot deliver."""
    async with (
        a_site(
            plane,
            kubectl,
            helm,
            kubelet,
            release_namespace="planted-release",
            shop_namespace=OTHER,
        ) as site,
        a_tenant(site, "planted-shop", time_scale=500) as tenant,
    ):
        yield tenant


async def everything_planted(tenant: Site) -> list[Planted]:
    """Return all that must not be told, as it is in this release."""
    uid = (await tenant.get())["metadata"]["uid"]
    pipelines = f"{RELEASE}-pipelines-"
    staff, segment, helm = "saleor-staff", "segment", f"sh.helm.release.v1.{RELEASE}"
    (order, *_) = tenant.saleor.shop.orders.values()
    app, internal, installation = (
        f"{RELEASE}-{name}" for name in (f"app-{uid}", "internal-token", "installation")
    )
    return [
        Planted("password", PASSWORD, (staff,)),
        Planted("wrong password", WRONG, (staff,)),
        Planted("first write key", KEY, (segment, pipelines)),
        Planted("next write key", NEXT_KEY, (segment, pipelines)),
        Planted("app token", await value(tenant, app, "token"), (app,)),
        # What Helm makes is in what Helm keeps of it.
        Planted("internal token", await value(tenant, internal, "token"), (internal, helm)),
        Planted("salt", await value(tenant, installation, "salt"), (installation, pipelines)),
        Planted("email", CUSTOMER),
        Planted("phone", order.shipping_address.phone),
    ]


async def value(tenant: Site, secret: str, key: str) -> str:
    found = await tenant.kubectl.get("secret", secret, tenant.namespace)
    return base64.b64decode(found["data"][key]).decode()


async def order(tenant: Site) -> str:
    """Place an order of somebody whose address we know."""
    return tenant.saleor.shop.place_order(email=CUSTOMER).id


async def recovery(tenant: Site) -> None:
    """Have no server for longer than Saleor is patient."""
    server = f"statefulset/{RELEASE}-server"
    await tenant.kubectl.run("scale", server, "--replicas=0")
    await until(lambda: SERVER not in tenant.kubelet.pods(tenant.namespace))
    await order(tenant)
    await tenant.saleor.settled(60)
    await look(tenant)
    await tenant.condition("PipelineSynced", "Unknown", "ServersUnreachable")
    await tenant.kubectl.run("scale", server, "--replicas=1")
    await tenant.event("Recovered")


async def refusals_of_the_api_server(tenant: Site) -> None:
    """Take the operator's rights away, and give them back."""
    role = await tenant.kubectl.get("rolebinding", OPERATOR, tenant.namespace)
    await tenant.kubectl.delete("rolebinding", OPERATOR)
    annotation = "saleor-segment.io/reconcile-at=refused"
    within = tenant.kubectl.within(tenant.shop)
    await within.run("annotate", "ssi", NAME, "--overwrite", annotation)
    await until(lambda: _complains(tenant), every=0.1)
    await tenant.apply({**role, "metadata": {"name": OPERATOR, "namespace": tenant.namespace}})
    await look(tenant)
    await tenant.ready()


async def _complains(tenant: Site) -> bool:
    log = tenant.kubelet.logs(tenant.namespace, await tenant.operator_pod())
    return "forbidden" in log.lower()


async def test_what_is_secret_or_personal_is_told_nowhere(tenant: Site) -> None:
    await tenant.connect()
    await tenant.arrives(await order(tenant))
    await drift(tenant)
    await rotation(tenant)
    await wrong_password(tenant)
    await refused_key(tenant)
    await refusals_of_the_api_server(tenant)
    await recovery(tenant)
    planted = await everything_planted(tenant)
    places = (tenant.namespace, tenant.shop, OTHER, "default", "kube-system")
    strays = await found_in_secrets(tenant, planted, places)
    async for where, text in all_told(tenant):
        strays += found(planted, where, text)
    assert strays == []


async def test_what_befell_it_is_told_to_who_asks(tenant: Site) -> None:
    said = await tenant.kubectl.within(tenant.shop).run("describe", "ssi", NAME)
    for reason in (
        "AppCreated",
        "WebhooksEnabled",
        "DriftCorrected",
        "WriteKeyRotated",
        "CredentialsRejected",
        "Parked",
        "Recovered",
    ):
        assert f" {reason} " in said, f"{reason} is missing in\n{said}"


async def test_nor_in_what_is_said_at_the_end(tenant: Site) -> None:
    planted = await everything_planted(tenant)
    await tenant.kubectl.within(tenant.shop).delete("ssi", NAME, "--timeout=90s")
    await tenant.helm.uninstall(RELEASE)
    events = await tenant.kubectl.run("get", "events", "-A", "-o", "json")
    logs = tenant.kubelet.all_logs(tenant.namespace)
    assert f"{RELEASE}-uninstall" in " ".join(logs)
    strays = found(planted, "Events", events)
    for pod, log in logs.items():
        strays += found(planted, f"the log of {pod}", log)
    assert strays == []
