"""Orders reach Segment through the installed chart, whatever the user changes meanwhile."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from datetime import datetime

import pytest
import pytest_asyncio

from tests.cluster.helm import Helm
from tests.cluster.installed import installed
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.site import Object, Site, a_tenant
from tests.control_plane.standalone.stand import KEY, NEXT_KEY
from tests.system.programs import until
from tests.twins.segment.faults import Fault

pytestmark = pytest.mark.asyncio(loop_scope="module")

_log = logging.getLogger(__name__)
_IN_USE = 5.0
"""Seconds within which a rotated key is asked to be in use here; documented are 2."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> AsyncIterator[Site]:
    async with installed(plane, kubectl, helm, kubelet, name="orders") as site:
        yield site


async def test_a_days_orders_arrive_soon_after_two_secrets_and_an_integration_are_applied(
    site: Site,
) -> None:
    async with a_tenant(site, "first") as tenant:
        await tenant.secrets()
        began = time.monotonic()
        await tenant.apply(tenant.integration())
        await tenant.ready()
        _log.info("Ready after %.1f s", time.monotonic() - began)
        tenant.saleor.start_day(30, 2.0)
        account = await tenant.balances()
        assert {row.event for row in account.rows if row.emitted} == {
            "ORDER_CREATED",
            "ORDER_UPDATED",
            "ORDER_CANCELLED",
            "ORDER_FULLY_PAID",
            "ORDER_REFUNDED",
        }
        await tenant.all_arrived()
        told = await tenant.kubectl.within("first").run("get", "ssi", "main-shop")
        assert "Reconciled" in told
        assert (await tenant.event("AppCreated"))["involvedObject"]["name"] == "main-shop"


async def test_a_rotated_write_key_is_in_use_at_once_and_nothing_is_lost_doubled_or_restarted(
    site: Site,
) -> None:
    async with a_tenant(site, "rotation") as tenant:
        await tenant.connect()
        before = await site.running()
        await tenant.day(60, 8.0)
        await tenant.secret("segment", writeKey=NEXT_KEY)
        applied = time.time()
        await until(lambda: tenant.arrived(key=NEXT_KEY), seconds=_IN_USE)
        tenant.segment.revoke_key(KEY)  # what would still be sent with it would be lost
        _log.info("the new key is in use after %.1f s", _first(tenant, NEXT_KEY) - applied)
        await tenant.balances()
        await tenant.all_arrived()
        assert await site.running() == before
        await tenant.reconcile("after")
        assert "rotatedAt" in (await tenant.get())["status"]["segment"]


def _first(tenant: Site, key: str) -> float:
    """Return when the first message with this key arrived."""
    messages = tenant.segment.inbox.messages()
    texts = (each["receivedAt"] for each in messages if each["writeKey"] == key)
    return datetime.fromisoformat(min(texts)).timestamp()


async def test_a_write_key_rotates_while_saleor_hangs(site: Site) -> None:
    async with a_tenant(site, "hanging") as tenant:
        await tenant.connect()
        tenant.saleor.fail(graphql_delay=6.0)  # each call; a pass has several
        await tenant.day(30, 6.0)
        await tenant.secret("segment", writeKey=NEXT_KEY)
        await until(lambda: tenant.arrived(key=NEXT_KEY), seconds=_IN_USE)
        tenant.segment.revoke_key(KEY)
        tenant.saleor.heal()
        await tenant.balances()


async def test_a_spec_that_changes_while_orders_flow_loses_and_doubles_nothing(site: Site) -> None:
    async with a_tenant(site, "changed") as tenant:
        await tenant.connect()
        before = {hook.id: hook.subscription_query for hook in tenant.saleor.apps[0].webhooks}
        await tenant.day(40, 5.0)
        await tenant.apply(tenant.integration(tracking={"anonymousIdKey": "visitor"}))
        await tenant.ready()
        assert not tenant.saleor.is_settled
        for hook in tenant.saleor.apps[0].webhooks:
            assert "visitor" in hook.subscription_query != before[hook.id]
        await tenant.balances()
        await tenant.all_arrived()


async def test_two_shops_and_two_integrations_of_one_shop_are_kept_apart(site: Site) -> None:
    async with a_tenant(site, "one") as one, a_tenant(site, "two") as two:
        await asyncio.gather(one.connect(), two.connect())
        await one.secret("other-segment", writeKey=NEXT_KEY)
        segment = {
            "writeKeySecretRef": {"name": "other-segment"},
            "endpoint": one.segment.url,
        }
        await one.apply(one.integration("again", segment=segment))
        await one.ready("again")
        assert len(one.saleor.apps) == 2
        assert len(two.saleor.apps) == 1
        orders = [one.order() for _ in range(5)]
        two.order()
        await two.all_arrived()
        await one.arrives(*orders, key=KEY)
        await one.arrives(*orders, key=NEXT_KEY)
        await one.all_arrived()
        assert two.arrived() == set(two.saleor.shop.orders)
        ids = _ids(one, KEY), _ids(one, NEXT_KEY)
        assert len(ids[0]) == len(ids[1])
        assert not ids[0] & ids[1]


def _ids(tenant: Site, key: str) -> set[str]:
    messages = tenant.segment.inbox.messages()
    return {each["messageId"] for each in messages if each["writeKey"] == key}


async def test_suspended_it_keeps_what_comes_and_sends_it_when_it_goes_on(site: Site) -> None:
    async with a_tenant(site, "suspended") as tenant:
        await tenant.connect()
        within = tenant.kubectl.within("suspended")
        await tenant.apply(tenant.integration(suspend=True))
        await tenant.condition("Suspended", "True")
        await tenant.condition("Delivering", "False", "Paused")
        orders = [tenant.order() for _ in range(4)]
        await tenant.saleor.settled()
        deliveries = len(tenant.saleor.deliveries)
        await tenant.reconcile("counted")
        shown = "custom-columns=PENDING:.status.delivery.pending"
        assert (await within.run("get", "ssi", "-o", shown)).split()[1] == str(deliveries)
        header, row = (await within.run("get", "ssi")).splitlines()
        assert row[header.index("PENDING") :].split()[0] == str(deliveries)
        assert not tenant.arrived()
        await tenant.apply(tenant.integration())
        await tenant.arrives(*orders)
        await tenant.condition("Suspended", "False")
        await tenant.condition("Delivering", "True")
        await tenant.balances()


async def test_while_segment_is_down_the_condition_says_so_and_all_arrives_afterwards(
    site: Site,
) -> None:
    async with a_tenant(site, "outage") as tenant:
        await tenant.connect()
        tenant.segment.faults.add(Fault(status=503, times=None))
        tenant.saleor.start_day(10, 0.5)
        await tenant.saleor.settled()
        await tenant.reconcile("down")
        told = await tenant.condition("Delivering", "False", "SegmentUnavailable")
        assert "503" in told["message"]
        tenant.segment.faults.clear()
        await tenant.balances()
        await tenant.all_arrived()
        await tenant.reconcile("up")
        await tenant.condition("Delivering", "True")


async def test_a_missing_secret_or_key_is_named_and_mending_it_is_all_it_takes(site: Site) -> None:
    async with a_tenant(site, "unfinished") as tenant:
        before = await site.running()
        await tenant.apply(tenant.integration())
        told = await tenant.condition("CredentialsValid", "False", "SecretMissing")
        assert "saleor-staff" in told["message"]
        told = await tenant.condition("WriteKeyValid", "False", "SecretMissing")
        assert "segment" in told["message"]
        await tenant.secrets()
        await tenant.ready()
        await tenant.secret("segment", wrong="of no use")
        await tenant.kubectl.within("unfinished").run(
            *("patch", "secret", "segment", "--type=json", "-p"),
            '[{"op":"remove","path":"/data/writeKey"}]',
        )
        told = await tenant.condition("WriteKeyValid", "False", "SecretKeyMissing")
        assert "writeKey" in told["message"]
        order = tenant.order()
        await tenant.saleor.settled()
        assert not tenant.arrived()
        await tenant.secret("segment", writeKey=NEXT_KEY)
        await tenant.arrives(order, key=NEXT_KEY)
        await tenant.ready()
        assert await site.running() == before


async def test_an_app_that_exists_is_used_with_its_token(site: Site) -> None:
    async with a_tenant(site, "existing") as tenant:
        app = tenant.saleor.app("by-hand")
        await tenant.secret("by-hand", token=app.token)
        await tenant.secret("segment", writeKey=KEY)
        await tenant.apply(tenant.integration(saleor=_existing(tenant, "by-hand")))
        document = await tenant.ready()
        assert document["status"]["saleor"]["appId"] == app.id
        assert len(tenant.saleor.apps) == 1
        assert len(app.webhooks) == 5
        tenant.order()
        await tenant.all_arrived()
        await tenant.kubectl.within("existing").delete("ssi", "main-shop")
        assert tenant.saleor.apps == [app]
        assert not app.webhooks


def _existing(tenant: Site, secret: str) -> Object:
    app = {"existing": {"tokenSecretRef": {"name": secret}}}
    return {"apiUrl": tenant.saleor.api_url, "app": app}
