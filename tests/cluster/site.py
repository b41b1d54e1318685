"""A site: the chart installed for real, shops, a Segment, and users who apply and delete.

The Entrance stands for the Ingress; the twins are Saleor and Segment; the Pods are local processes
under the chart's own ServiceAccounts.
"""

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.agreement.layout import ROOT
from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.service import Entrance
from tests.control_plane.standalone.stand import EMAIL, KEY, NEXT_KEY, PASSWORD
from tests.system.account import Account, draw_up
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin
from tests.twins.saleor.keys import SigningKey
from tests.twins.segment import SegmentTwin

CHART = ROOT / "charts/saleor-segment-operator"
RELEASE = "saleor-segment"
NAME = "main-shop"
OPERATOR, SERVER = f"{RELEASE}-operator", f"{RELEASE}-server-0"
PATIENCE = 60.0

Object = dict[str, Any]


@dataclass
class Site:
    """An installed release and what stands around it; ``shop`` is the tenants' namespace."""

    plane: ControlPlane
    kubectl: Kubectl
    helm: Helm
    kubelet: Kubelet
    saleor: SaleorTwin
    segment: SegmentTwin
    entrance: Entrance
    namespace: str
    shop: str
    values: Object

    # The user's side.

    async def install(self, **changes: Any) -> None:
        """``helm install --wait`` with the site's values."""
        await self.helm.install(CHART, RELEASE, self.values | changes)

    async def secret(self, name: str, namespace: str | None = None, **data: str) -> None:
        """Apply a Secret, as a user rotates it."""
        metadata = {"name": name, "namespace": namespace or self.shop}
        await self.apply(
            {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}
        )

    async def apply(self, document: Object) -> None:
        """``kubectl apply`` of one object."""
        await self.kubectl.within(document["metadata"]["namespace"]).apply(document)

    async def secrets(self, namespace: str | None = None, *, write_key: str = KEY) -> None:
        """Apply the two Secrets that an integration names."""
        await self.secret("saleor-staff", namespace, email=EMAIL, password=PASSWORD)
        await self.secret("segment", namespace, writeKey=write_key)

    def integration(
        self,
        name: str = NAME,
        namespace: str | None = None,
        *,
        api_url: str | None = None,
        **changes: Any,
    ) -> Object:
        """Return a manifest that points at the twins; ``changes`` are of its spec."""
        app = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
        return {
            "apiVersion": "saleor-segment.io/v1alpha1",
            "kind": "SaleorSegmentIntegration",
            "metadata": {"name": name, "namespace": namespace or self.shop},
            "spec": {
                "saleor": {"apiUrl": api_url or self.saleor.api_url, "app": app},
                "segment": {
                    "writeKeySecretRef": {"name": "segment"},
                    "endpoint": self.segment.url,
                },
            }
            | changes,
        }

    async def connect(
        self, name: str = NAME, namespace: str | None = None, **changes: Any
    ) -> Object:
        """Apply Secrets and integration, wait for Ready, and return it."""
        await self.secrets(namespace)
        await self.apply(self.integration(name, namespace, **changes))
        return await self.ready(name, namespace)

    async def ready(self, name: str = NAME, namespace: str | None = None) -> Object:
        """``kubectl wait --for=condition=Ready``, and return it."""
        within = self.kubectl.within(namespace or self.shop)
        await within.wait(f"ssi/{name}", "condition=Ready", seconds=PATIENCE)
        return await self.get(name, namespace)

    async def reconcile(self, at: str, name: str = NAME, namespace: str | None = None) -> None:
        """Ask for a look at Saleor now, and wait until it was had; ``at`` is new each time."""
        within = self.kubectl.within(namespace or self.shop)
        annotation = f"saleor-segment.io/reconcile-at={at}"
        await within.run("annotate", "ssi", name, "--overwrite", annotation)
        handled = f"jsonpath={{.status.lastHandledReconcileAt}}={at}"
        await within.wait(f"ssi/{name}", handled, seconds=PATIENCE)

    # What became of it.

    async def get(self, name: str = NAME, namespace: str | None = None) -> Object:
        """Return the integration as it is."""
        return await self.kubectl.get("ssi", name, namespace or self.shop)

    async def condition(
        self,
        kind: str,
        status: str,
        reason: str | None = None,
        *,
        name: str = NAME,
        namespace: str | None = None,
        seconds: float = PATIENCE,
    ) -> Object:
        """Wait for a condition; return it."""

        async def found() -> Object | None:
            document = await self.get(name, namespace)
            conditions: list[Object] = document.get("status", {}).get("conditions", [])
            for each in conditions:
                if (each["type"], each["status"]) == (kind, status):
                    return each if reason in {None, each["reason"]} else None
            return None

        condition: Object = await until(found, seconds=seconds, every=0.1)
        return condition

    async def event(self, reason: str, *, namespace: str | None = None) -> Object:
        """Wait for an Event with this reason; return it."""

        async def found() -> Object | None:
            events = await self.kubectl.list("events", namespace=namespace or self.shop)
            return next((each for each in events if each["reason"] == reason), None)

        event: Object = await until(found, seconds=PATIENCE, every=0.1)
        return event

    async def operator_pod(self) -> str:
        """Return the name of the operator's running Pod."""

        def found() -> str | None:
            pods = [pod for pod in self.kubelet.pods(self.namespace) if OPERATOR in pod]
            return pods[0] if pods else None

        name: str = await until(found)
        return name

    async def server_says(self) -> list[Object]:
        """Return what the server's private API tells of its Pipelines."""
        secret = await self.kubectl.get("secret", f"{RELEASE}-internal-token", self.namespace)
        token = _decoded(secret["data"]["token"])
        address = self.kubelet.address(self.namespace, SERVER)
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
            answer = await client.get(f"http://{address}:8081/internal/v1/pipelines")
        pipelines: list[Object] = answer.raise_for_status().json()["pipelines"]
        return pipelines

    async def running(self) -> dict[str, tuple[int, int]]:
        """Return the release's Pods with restarts and process id of their first container."""
        found = {}
        for pod in await self.kubectl.list("pods", namespace=self.namespace):
            name = pod["metadata"]["name"]
            restarts = sum(each["restartCount"] for each in pod["status"]["containerStatuses"])
            found[name] = (restarts, self.kubelet.pid(self.namespace, name))
        return found

    # Orders.

    async def day(self, orders: int, seconds: float) -> None:
        """Start a day in the shop, and wait until a fifth of its orders are placed."""
        day = self.saleor.start_day(orders, seconds)
        await until(lambda: day.placed >= orders / 5)

    async def account(self) -> Account:
        """Set what Saleor emitted so far against what Segment has."""
        async with httpx.AsyncClient(base_url=self.saleor.origin) as client:
            deliveries = (await client.get("/_twin/deliveries")).json()
            orders = (await client.get("/_twin/orders")).json()
        return draw_up(deliveries, list(self.segment.inbox.messages()), orders)

    async def balances(self, seconds: float = PATIENCE) -> Account:
        """Wait until the day is over and Segment has all of it, once and to the cent."""
        await self.saleor.settled(seconds)
        account = await self.account()

        async def balanced() -> bool:
            nonlocal account
            account = await self.account()
            return account.balanced

        try:
            await until(balanced, seconds=seconds, every=0.1)
        except TimeoutError:
            raise AssertionError(account) from None
        assert self.segment.inbox.totals()["doubled"] == 0
        return account

    def order(self) -> str:
        """Place an order; return its id."""
        return self.saleor.shop.place_order().id

    def arrived(self, *, key: str | None = None) -> set[str]:
        """Return the orders that Segment has messages of, with this write key."""
        return {
            message["properties"]["order_id"]
            for message in self.segment.inbox.messages()
            if key in {None, message["writeKey"]}
        }

    async def arrives(self, *orders: str, key: str | None = None) -> None:
        """Wait until Segment has messages of these orders, with this write key."""
        await until(lambda: self.arrived(key=key) >= set(orders), seconds=PATIENCE)

    async def all_arrived(self) -> None:
        """Wait until nothing is on its way, and assert that nothing is lost or doubled."""
        await self.saleor.settled(PATIENCE)
        await self.arrives(*self.saleor.shop.orders)
        assert self.segment.inbox.totals()["doubled"] == 0
        outcomes = {delivery.outcome for delivery in self.saleor.deliveries}
        assert outcomes <= {"acknowledged"}


@asynccontextmanager
async def a_site(
    plane: ControlPlane,
    kubectl: Kubectl,
    helm: Helm,
    kubelet: Kubelet,
    *,
    release_namespace: str,
    shop_namespace: str,
    install: bool = True,
    key: SigningKey | None = None,
    values: Callable[[Object], Object] = lambda values: values,
) -> AsyncIterator[Site]:
    """Make the two namespaces, the twins and the way in, and install the chart."""
    async with AsyncExitStack() as stack:
        for name in (release_namespace, shop_namespace):
            await kubectl.run("create", "namespace", name)
        saleor = await stack.enter_async_context(_shop(key, time_scale=20))
        segment = await stack.enter_async_context(SegmentTwin(keys=[KEY, NEXT_KEY]))
        entrance = await stack.enter_async_context(
            Entrance(plane, release_namespace, f"{RELEASE}-webhooks")
        )
        site = Site(
            plane=plane,
            kubectl=kubectl.within(release_namespace),
            helm=helm.within(release_namespace),
            kubelet=kubelet,
            saleor=saleor,
            segment=segment,
            entrance=entrance,
            namespace=release_namespace,
            shop=shop_namespace,
            values=values(chart_values(entrance.url)),
        )
        if install:
            await site.install()
        yield site


@asynccontextmanager
async def a_tenant(
    site: Site, namespace: str, *, key: SigningKey | None = None, time_scale: float = 20
) -> AsyncIterator[Site]:
    """Make another namespace with a shop and a Segment of its own, at the same release."""
    await site.kubectl.run("create", "namespace", namespace)
    async with (
        _shop(key, time_scale=time_scale) as saleor,
        SegmentTwin(keys=[KEY, NEXT_KEY]) as segment,
    ):
        yield replace(site, saleor=saleor, segment=segment, shop=namespace)
        with suppress(Refused):
            await site.kubectl.run("-n", namespace, "delete", "ssi", "--all", "--timeout=90s")


def _shop(key: SigningKey | None, *, time_scale: float) -> SaleorTwin:
    saleor = SaleorTwin(time_scale=time_scale, key=key or SigningKey.generate())
    saleor.staff(EMAIL, PASSWORD)
    return saleor


def chart_values(public_url: str) -> Object:
    """Return values for a site on this machine."""
    return {
        "webhook": {"publicUrl": public_url},
        "settings": {"allowLoopback": True, "logLevel": "debug"},
        "operator": {"settings": {"verifyWriteKeys": False}},
        "server": {
            "persistence": {"size": "100Mi"},
            "settings": {"journalSize": "64Mi", "ballast": "1Mi", "shutdownDelay": "0s"},
        },
    }


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
