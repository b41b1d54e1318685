"""What only the API server can do to integrations, and what it is asked and told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from saleor_segment_operator.errors import Blocked, Unavailable
from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import (
    FINALIZER,
    KEPT_BY,
    ConditionStatus,
    ConditionType,
    DeliveryStatus,
    Integration,
    Reason,
    Status,
)
from saleor_segment_server.cluster import EVENTS, Access, Api, Patch
from tests.cluster.faulty import Fault, FaultyApi
from tests.cluster.ports.cluster import NO_RULES, Cluster
from tests.control_plane.resource.full_status import FULL
from tests.ports.contract import said, the_one
from tests.ports.memory import INSTALLATION
from tests.ports.stores import NAME, KubeStores
from tests.system.programs import until

ANOTHER = "example.com/another"
TOLD = Announcement("Warning", Reason.DRIFT_CORRECTED, "A webhook was disabled by hand.")
OBJECT = f"/saleorsegmentintegrations/{NAME}$"
STATUS = f"/saleorsegmentintegrations/{NAME}/status$"


@pytest.fixture
async def proxy(cluster: Cluster) -> AsyncIterator[FaultyApi]:
    async with FaultyApi(cluster.plane.api_url, cluster.plane.ca) as proxy:
        yield proxy


@pytest.fixture
async def proxied(proxy: FaultyApi, cluster: Cluster, tmp_path: Path) -> AsyncIterator[KubeStores]:
    """The operator behind a proxy, its user not."""
    kubeconfig = proxy.kubeconfig(tmp_path / "proxied", cluster.plane.admin_token)
    timeout = aiohttp.ClientTimeout(total=0.5)
    async with Api(Access(kubeconfig=kubeconfig), timeout=timeout) as api, cluster.admin() as admin:
        yield KubeStores(api, admin, namespace=await cluster.namespace())


def changed(before: Status, **changes: Any) -> Status:
    """Change the figures and the condition that comes of them."""
    condition = {name: value for name, value in changes.items() if name in {"status", "message"}}
    figures = {name: value for name, value in changes.items() if name not in condition}
    delivery = before.delivery or DeliveryStatus(pending=0, dead_lettered=0)
    conditions = tuple(
        each.model_copy(update=condition) if each.type is ConditionType.DELIVERING else each
        for each in before.conditions
    )
    return before.model_copy(
        update={"delivery": delivery.model_copy(update=figures), "conditions": conditions}
    )


def writers(proxy: FaultyApi, since: int) -> int:
    """Return how many writes of a status there were."""
    return sum(verb == "PATCH" and "/status" in path for verb, path in proxy.calls[since:])


async def published(stores: KubeStores, status: Status = FULL) -> Integration:
    await stores.apply()
    await stores.integrations.publish(await the_one(stores), status)
    return await the_one(stores)


async def test_finalizers_of_others_stay_where_they_are(stores: KubeStores) -> None:
    await stores.apply()
    await stores.change(finalizers=[ANOTHER])
    await stores.integrations.hold(await the_one(stores), by=INSTALLATION.id)
    assert (await stores.document())["metadata"]["finalizers"] == [ANOTHER, FINALIZER]
    await stores.integrations.release(await the_one(stores))
    assert (await stores.document())["metadata"]["finalizers"] == [ANOTHER]


async def test_of_two_installations_that_hold_it_the_first_is_named(stores: KubeStores) -> None:
    found = await stores.apply()
    await stores.integrations.hold(found, by="0badcafe")
    await stores.integrations.hold(found, by="0decade0")
    assert (await the_one(stores)).kept_by == "0badcafe"
    await stores.integrations.release(found)
    assert KEPT_BY not in (await the_one(stores)).annotations
    await stores.integrations.hold(found, by="0decade0")
    assert (await the_one(stores)).kept_by == "0decade0"


async def test_one_that_is_being_deleted_cannot_be_held_any_more(stores: KubeStores) -> None:
    await stores.apply()
    await stores.change(finalizers=[ANOTHER])
    await stores.delete()
    with pytest.raises(Unavailable):
        await stores.integrations.hold(await the_one(stores), by=INSTALLATION.id)


async def test_a_change_by_somebody_else_in_between_is_taken_in(
    proxied: KubeStores, proxy: FaultyApi
) -> None:
    await proxied.apply()
    proxy.fail(Fault("PATCH", OBJECT, 409, times=2))
    await proxied.integrations.hold(await the_one(proxied), by=INSTALLATION.id)
    assert (await the_one(proxied)).held
    proxy.fail(Fault("PATCH", OBJECT, 409))
    with pytest.raises(Unavailable, match="keeps being changed by somebody else"):
        await proxied.integrations.release(await the_one(proxied))


async def test_a_status_is_written_by_two_managers_each_its_own_part(stores: KubeStores) -> None:
    await published(stores)
    managed = (await stores.document())["metadata"]["managedFields"]
    fields = {
        each["manager"]: each["fieldsV1"]["f:status"]
        for each in managed
        if each.get("subresource") == "status"
    }
    assert set(fields) == {"reconciler", "stats"}
    assert set(fields["stats"]) == {"f:conditions", "f:delivery"}
    assert set(fields["stats"]["f:conditions"]) == {
        'k:{"type":"Delivering"}',
        'k:{"type":"PublicUrlReachable"}',
    }
    assert "f:delivery" not in fields["reconciler"]
    assert 'k:{"type":"Ready"}' in fields["reconciler"]["f:conditions"]


async def test_only_the_part_that_changed_is_sent(proxied: KubeStores, proxy: FaultyApi) -> None:
    integration = await published(proxied)
    mark = len(proxy.calls)
    await proxied.integrations.publish(integration, FULL)
    assert writers(proxy, mark) == 0
    renamed = FULL.model_copy(update={"webhook_url": "https://other.example.com/webhooks/x"})
    await proxied.integrations.publish(integration, renamed)
    assert writers(proxy, mark) == 1
    assert said((await the_one(proxied)).status) == said(renamed)


async def test_figures_alone_are_written_once_a_minute(
    proxied: KubeStores, proxy: FaultyApi
) -> None:
    integration = await published(proxied)
    mark = len(proxy.calls)
    for pending in range(10, 16):
        proxied.later(seconds=9)
        await proxied.integrations.publish(integration, changed(FULL, pending=pending))
    assert writers(proxy, mark) == 0
    proxied.later(seconds=1)
    await proxied.integrations.publish(integration, changed(FULL, pending=16))
    assert writers(proxy, mark) == 1
    found = (await the_one(proxied)).status.delivery
    assert found is not None
    assert found.pending == 16


@pytest.mark.parametrize(
    "news", [{"status": ConditionStatus.FALSE}, {"dead_lettered": 2}], ids=["status", "dead"]
)
async def test_a_condition_that_turns_and_new_dead_letters_are_written_at_once(
    stores: KubeStores, news: dict[str, Any]
) -> None:
    integration = await published(stores)
    status = changed(FULL, **news)
    await stores.integrations.publish(integration, status)
    assert said((await the_one(stores)).status) == said(status)


async def test_a_user_who_edits_meanwhile_keeps_the_edit_and_gets_the_status(
    stores: KubeStores,
) -> None:
    await stores.apply()
    integration = await the_one(stores)
    await stores.change(labels={"edited": "yes"})
    await stores.integrations.publish(integration, FULL)
    assert (await stores.document())["metadata"]["labels"] == {"edited": "yes"}
    assert said((await the_one(stores)).status) == said(FULL)


async def test_a_status_that_somebody_wrote_by_hand_is_taken_back(stores: KubeStores) -> None:
    integration = await published(stores)
    by_hand = {"status": {"webhookUrl": "https://evil.example.com", "delivery": None}}
    await stores.admin.patch(
        INTEGRATIONS, stores.key.namespace, NAME, by_hand, how=Patch.MERGE, subresource="status"
    )
    assert (await the_one(stores)).status != integration.status
    stores.later(seconds=60)
    await stores.integrations.publish(await the_one(stores), FULL)
    assert said((await the_one(stores)).status) == said(FULL)


async def test_an_event_says_all_that_kubectl_shows(stores: KubeStores) -> None:
    await stores.apply()
    integration = await the_one(stores)
    await stores.integrations.announce(integration, TOLD)
    (event,) = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    assert event["involvedObject"] == {
        "apiVersion": "saleor-segment.io/v1alpha1",
        "kind": "SaleorSegmentIntegration",
        "namespace": stores.key.namespace,
        "name": NAME,
        "uid": integration.uid,
        "resourceVersion": (await stores.document())["metadata"]["resourceVersion"],
    }
    assert event["metadata"]["name"].startswith(f"{NAME}.")
    assert {
        name: event[name]
        for name in ("type", "reason", "message", "reportingComponent", "reportingInstance")
    } == {
        "type": "Warning",
        "reason": "DriftCorrected",
        "message": TOLD.message,
        "reportingComponent": "saleor-segment-operator",
        "reportingInstance": "operator-0",
    }
    assert (event["count"], event["action"]) == (1, "Reconcile")
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-11-24T12:00:00Z"


async def test_what_is_said_again_within_minutes_is_counted(stores: KubeStores) -> None:
    integration = await stores.apply()
    for _ in range(3):
        await stores.integrations.announce(integration, TOLD)
        stores.later(seconds=60)
    (event,) = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    assert (event["count"], event["lastTimestamp"]) == (3, "2026-11-24T12:02:00Z")
    stores.later(seconds=600)
    await stores.integrations.announce(integration, TOLD)
    counts = [
        each["count"] for each in (await stores.admin.list(EVENTS, stores.key.namespace)).items
    ]
    assert sorted(counts) == [1, 3]


async def test_an_event_that_is_gone_is_told_anew(stores: KubeStores) -> None:
    integration = await stores.apply()
    await stores.integrations.announce(integration, TOLD)
    (event,) = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    await stores.admin.delete(EVENTS, stores.key.namespace, event["metadata"]["name"])
    await stores.integrations.announce(integration, TOLD)
    (event,) = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    assert event["count"] == 1


async def test_a_message_too_long_for_an_event_is_cut_between_characters(
    stores: KubeStores,
) -> None:
    integration = await stores.apply()
    long = Announcement("Normal", Reason.APP_CREATED, "ä" * 2000)
    await stores.integrations.announce(integration, long)
    (event,) = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    assert len(event["message"].encode()) <= 1024
    assert event["message"] == "ä" * 510 + "…"


async def test_events_that_may_not_be_made_are_logged(
    stores: KubeStores, cluster: Cluster, tmp_path: Path, logs: list[Any]
) -> None:
    integration = await stores.apply()
    async with Api(await cluster.account(stores.key.namespace, NO_RULES, tmp_path)) as api:
        integrations = KubeIntegrations(api, [stores.key.namespace])
        await integrations.announce(integration, TOLD)
    (line,) = (line for line in logs if line["event"] == "event_not_told")
    assert 'cannot create resource "events"' in line["why"]


async def test_events_that_may_only_be_made_are_told_one_by_one(
    stores: KubeStores, cluster: Cluster, tmp_path: Path
) -> None:
    integration = await stores.apply()
    rules = [{"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}]
    async with Api(await cluster.account(stores.key.namespace, rules, tmp_path)) as api:
        integrations = KubeIntegrations(api, [stores.key.namespace])
        for _ in range(2):
            await integrations.announce(integration, TOLD)
    found = (await stores.admin.list(EVENTS, stores.key.namespace)).items
    assert [event["message"] for event in found] == [TOLD.message] * 2


async def deleting(stores: KubeStores) -> Integration | None:
    integration = await the_one(stores)
    return integration if integration.deleting else None


async def test_in_a_namespace_that_goes_nobody_is_told_and_the_rest_works(
    stores: KubeStores, cluster: Cluster, logs: list[Any]
) -> None:
    await stores.integrations.hold(await stores.apply(), by=INSTALLATION.id)
    await cluster.delete_namespace(stores.key.namespace)
    integration = await until(lambda: deleting(stores))
    await stores.integrations.announce(integration, TOLD)
    assert [line for line in logs if line["event"] == "event_not_told"] == []
    await stores.integrations.publish(integration, FULL)
    assert said((await the_one(stores)).status) == said(FULL)
    await stores.integrations.release(integration)
    assert await stores.integrations.get(stores.key) is None


async def test_what_may_not_be_read_names_verb_resource_namespace_and_remedy(
    stores: KubeStores, cluster: Cluster, tmp_path: Path
) -> None:
    async with Api(await cluster.account(stores.key.namespace, NO_RULES, tmp_path)) as api:
        with pytest.raises(Blocked) as raised:
            await KubeIntegrations(api, []).get(stores.key)
    assert raised.value.reason == Reason.STORE_REFUSED
    for words in (
        f"SaleorSegmentIntegration {stores.key}",
        'cannot get resource "saleorsegmentintegrations"',
        f'in the namespace "{stores.key.namespace}"',
        "the chart's RBAC and its watchNamespaces decide",
    ):
        assert words in str(raised.value)


@pytest.mark.parametrize(
    ("fault", "retry_after"),
    [
        (Fault("GET", OBJECT, 429, retry_after=7), 7.0),
        (Fault("GET", OBJECT, 500), None),
        (Fault("GET", OBJECT, 410), None),
        (Fault("GET", OBJECT), None),
    ],
    ids=["busy", "failing", "expired", "hanging"],
)
async def test_an_api_server_in_trouble_heals(
    proxied: KubeStores, proxy: FaultyApi, fault: Fault, retry_after: float | None
) -> None:
    await proxied.apply()
    proxy.fail(fault)
    with pytest.raises(Unavailable) as raised:
        await proxied.integrations.get(proxied.key)
    assert raised.value.reason == Reason.STORE_UNAVAILABLE
    assert raised.value.retry_after == retry_after
    proxy.heal()
    assert await proxied.integrations.get(proxied.key) is not None


async def test_keys_are_listed_once_and_then_kept_in_step(
    proxied: KubeStores, proxy: FaultyApi
) -> None:
    await proxied.apply()
    assert await proxied.integrations.keys() == (proxied.key,)
    mark = len(proxy.calls)
    assert await proxied.integrations.keys() == (proxied.key,)
    proxied.integrations.gone(proxied.key)
    assert await proxied.integrations.keys() == ()
    proxied.integrations.saw(await proxied.document())
    assert await proxied.integrations.keys() == (proxied.key,)
    assert proxy.calls[mark:] == []


async def test_integrations_of_other_namespaces_are_not_listed(
    stores: KubeStores, cluster: Cluster
) -> None:
    await stores.apply()
    there = await cluster.namespace()
    assert await KubeIntegrations(stores.api, [there]).keys() == ()
    assert stores.key in await KubeIntegrations(stores.api, []).keys()


async def test_to_tell_who_is_alive_costs_a_call_at_most(
    proxied: KubeStores, proxy: FaultyApi
) -> None:
    integration = await proxied.apply()
    await proxied.integrations.keys()
    mark = len(proxy.calls)
    assert not await proxied.integrations.alive("5bcfe642-0000-4000-8000-000000000000")
    assert proxy.calls[mark:] == []
    assert await proxied.integrations.alive(integration.uid)
    assert len(proxy.calls[mark:]) == 1
