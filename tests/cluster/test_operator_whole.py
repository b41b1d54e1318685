"""The whole operator on a real API server: namespaces that go, specs that break rules, outages."""

import asyncio
import copy
import json
import signal
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.errors import Lost
from saleor_segment_operator.kube.own import data
from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import FINALIZER, RECONCILE_AT, ConditionType, Reason
from saleor_segment_server.cluster import LEASES, SECRETS, Refused
from tests.cluster.faulty import Fault, FaultyApi
from tests.cluster.kubectl import Kubectl
from tests.cluster.lives import an_operator, existing, own_app
from tests.cluster.operating import (
    CLUSTER_WIDE,
    EMAIL,
    KEY_TWO,
    LET_GO,
    NAME,
    PASSWORD,
    RELEASE,
    Ground,
    standing,
)
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.ports.cluster import Cluster
from tests.control_plane.reconcile.harness import SIGNING_KEY
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin

_RBAC = "rbac.authorization.k8s.io"
EVENTS = ["ORDER_CREATED"]
Logs = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def logs() -> Iterator[Logs]:
    with capture_logs() as lines:
        yield lines


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Cluster]:
    cluster = Cluster(plane)
    await cluster.install()
    yield cluster
    await cluster.close()


@pytest.fixture
async def ground(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Ground]:
    async with SaleorTwin(key=SIGNING_KEY) as saleor:
        saleor.staff(EMAIL, PASSWORD)
        async with standing(cluster, saleor, tmp_path) as ground:
            yield ground


async def account(
    ground: Ground, kubectl: Kubectl, folder: Path, name: str, *, scoped: bool = False
) -> Path:
    """Make another ServiceAccount for an operator; return its kubeconfig.

    It has rights everywhere; or, as the chart gives them with ``watchNamespaces``, in the
    namespace, where they go before the integrations do, and to let go everywhere.
    """
    role, there = f"{ground.release}-{name}", {"namespace": ground.release}
    v1 = {"apiVersion": f"{_RBAC}/v1"}
    by = {"subjects": [{"kind": "ServiceAccount", "name": name} | there]}

    def of(kind: str, role: str) -> dict[str, Any]:
        return {"roleRef": {"apiGroup": _RBAC, "kind": kind, "name": role}} | by

    named: dict[str, Any] = {"metadata": {"name": role}}
    local: dict[str, Any] = {"metadata": {"name": name} | there}
    await kubectl.within(ground.release).apply(
        [
            {"apiVersion": "v1", "kind": "ServiceAccount"} | local,
            v1 | {"kind": "ClusterRole", "rules": LET_GO if scoped else CLUSTER_WIDE} | named,
            v1 | {"kind": "ClusterRoleBinding"} | named | of("ClusterRole", role),
            v1 | {"kind": "RoleBinding"} | local | of("Role", "operator"),
        ]
    )
    if scoped:
        await kubectl.within(ground.namespace).apply(
            [
                v1 | {"kind": "Role", "rules": CLUSTER_WIDE} | {"metadata": {"name": role}},
                v1 | {"kind": "RoleBinding", "metadata": {"name": role}} | of("Role", role),
            ]
        )
    token = await kubectl.token(name, ground.release)
    return ground.plane.write_kubeconfig(folder / name, token=token)


async def own_secrets(ground: Ground) -> dict[str, set[str]]:
    """Return the data keys of our Secrets, but for the installation's."""
    labels = "saleor-segment.io/part in (app,pipelines)"
    found = (await ground.api.list(SECRETS, ground.release, labels=labels)).items
    return {each["metadata"]["name"]: set(data(each)) for each in found if data(each)}


async def is_gone(ground: Ground, name: str = NAME) -> bool:
    return await ground.found(name) is None


@pytest.mark.parametrize("scoped", [False, True], ids=["everywhere", "scoped"])
async def test_a_namespace_that_is_deleted_goes_within_seconds(
    ground: Ground,
    cluster: Cluster,
    kubectl: Kubectl,
    logs: Logs,
    tmp_path: Path,
    *,
    scoped: bool,
) -> None:
    kubeconfig = await account(ground, kubectl, tmp_path, "operator", scoped=scoped)
    async with an_operator(ground, kubeconfig=kubeconfig):
        app = await own_app(ground, "my-app")
        await ground.apply(events=EVENTS)
        await ground.apply("other", events=EVENTS, **existing(ground))
        await asyncio.gather(ground.ready(), ground.ready("other"))
        await cluster.delete_namespace(ground.namespace)
        await until(lambda: is_gone(ground), seconds=40)
        await until(lambda: is_gone(ground, "other"), seconds=40)
        assert await own_secrets(ground) == {}
    # Gone where the staff user's Secret was still there; else the app's token was enough for this.
    left = [hook for each in ground.saleor.apps if each is not app for hook in each.webhooks]
    assert not any(hook.is_active for hook in left)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == []
    told = not any(line["event"] == "event_not_told" for line in logs)
    assert told is not scoped  # an Event needs a right in the namespace; else the log tells
    await kubectl.wait(f"namespace/{ground.namespace}", "delete")


@asynccontextmanager
async def without_rules(kubectl: Kubectl) -> AsyncIterator[None]:
    """Have the definition take anything for a spec, as one of long ago might, for a while."""
    name = f"{INTEGRATIONS.plural}.{INTEGRATIONS.group}"
    found = await kubectl.get("crd", name)
    before = {key: found[key] for key in ("apiVersion", "kind", "spec")}
    before["metadata"] = {"name": name}
    loose = copy.deepcopy(before)
    schema = loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["spec"] = {"x-kubernetes-preserve-unknown-fields": True}
    schema.pop("required", None)
    schema.pop("x-kubernetes-validations", None)
    await kubectl.run("replace", "-f", "-", input=json.dumps(loose))
    try:
        yield
    finally:
        await kubectl.run("replace", "-f", "-", input=json.dumps(before))


def broken(ground: Ground) -> dict[str, Any]:
    """Return specs that the rules of today refuse, and those of long ago may have taken."""
    managed = {"managed": {"credentialsSecretRef": {"name": "saleor-staff"}}}
    app = managed | {"existing": {"tokenSecretRef": {"name": "my-app"}}}
    saleor = {"apiUrl": ground.saleor.api_url, "app": managed}
    fine = {"saleor": saleor, "segment": {"writeKeySecretRef": {"name": "segment"}}}
    return {
        "empty": {},
        "no-slash": fine | {"saleor": saleor | {"apiUrl": "https://shop.example.com/graphql"}},
        "two-apps": fine | {"saleor": saleor | {"app": app}},
        "no-app": fine | {"saleor": saleor | {"app": {}}},
        "no-event": fine | {"events": []},
        "unknown-event": fine | {"events": ["ORDER_CREATED", "NO_SUCH_EVENT"]},
        "many-events": fine | {"events": ["ORDER_CREATED"] * 3000},
        "no-key": fine | {"segment": {}},
    }


SENSELESS: dict[str, Any] = {
    "nothing": None,
    "text": "as you like",
    "wrong-types": {"saleor": "https://shop.example.com", "segment": [], "events": 7},
}
"""Specs of which the API server itself makes nothing any more."""


async def test_specs_that_break_the_rules_of_today_are_told_and_hold_up_nobody(
    ground: Ground, kubectl: Kubectl, logs: Logs
) -> None:
    specs = broken(ground)
    async with without_rules(kubectl):
        for name, spec in (specs | SENSELESS).items():
            await until(lambda: made(ground, name, spec))  # noqa: B023 - used at once
    async with an_operator(ground) as task:
        await ground.apply(events=EVENTS)
        await ground.ready()
        for name in specs:
            await until(lambda: is_invalid(ground, name))  # noqa: B023 - used at once
            await ground.api.delete(INTEGRATIONS, ground.namespace, name)
        for name in specs:
            await until(lambda: is_gone(ground, name))  # noqa: B023 - used at once
        assert not task.done()
    assert [line["event"] for line in logs if line["log_level"] == "error"] == []
    said = {line["integration"] for line in logs if line["event"] == "pass_impossible"}
    assert f"{ground.namespace}/wrong-types" in said


async def made(ground: Ground, name: str, spec: Any) -> bool:
    """Make an integration; tell whether it was taken."""
    body = {
        "apiVersion": INTEGRATIONS.api_version,
        "kind": "SaleorSegmentIntegration",
        "metadata": {"name": name, "finalizers": [FINALIZER]},
        "spec": spec,
    }
    try:
        await ground.api.create(INTEGRATIONS, ground.namespace, body)
    except Refused:  # the rules are still in force
        return False
    return True


async def is_invalid(ground: Ground, name: str) -> bool:
    found = (await ground.status(name)).condition(ConditionType.READY)
    return found is not None and (found.status, found.reason) == ("False", Reason.INVALID_SPEC)


async def test_a_hundred_events_are_worked_by_a_few_passes(ground: Ground, logs: Logs) -> None:
    async def annotate() -> None:
        for number in range(60):
            await ground.annotate("example.com/number", str(number))

    async def store() -> None:
        for number in range(60):
            await ground.secret(f"other-{number % 20}", number=str(number))

    async with an_operator(ground):
        await ground.apply(events=EVENTS)
        await ground.ready()
        await asyncio.gather(annotate(), store())
        before = len(logs)
        await ground.annotate(RECONCILE_AT, "now")
        await until(lambda: handled(ground, "now"), seconds=5)
    assert [line["event"] for line in logs[before:] if line["log_level"] != "info"] == []
    assert [line["action"] for line in logs if line["event"] == "action_done"].count("Hold") == 1


async def handled(ground: Ground, value: str) -> bool:
    return (await ground.status()).last_handled_reconcile_at == value


@pytest.fixture
async def proxy(plane: ControlPlane) -> AsyncIterator[FaultyApi]:
    async with FaultyApi(plane.api_url, plane.ca) as proxy:
        yield proxy


def proxied(ground: Ground, proxy: FaultyApi, folder: Path) -> Path:
    """Return a kubeconfig with the operator's token that leads through the proxy."""
    token = json.loads(ground.kubeconfig.read_text())["users"][0]["user"]["token"]
    return proxy.kubeconfig(folder / "proxied", token)


async def test_watches_that_hang_are_made_up_for_by_the_resync(
    ground: Ground, proxy: FaultyApi, tmp_path: Path, logs: Logs
) -> None:
    kubeconfig = proxied(ground, proxy, tmp_path)
    async with an_operator(ground, kubeconfig=kubeconfig, resync=timedelta(seconds=1)):
        await ground.apply(events=EVENTS)
        await ground.ready()
        proxy.fail(Fault("WATCH", ".*"))
        assert proxy.cut_watches() >= 2
        await ground.secret("segment", writeKey=KEY_TWO)
        await ground.annotate(RECONCILE_AT, "unwatched")
        await until(lambda: ground.write_keys == {KEY_TWO}, seconds=10)
        await until(lambda: handled(ground, "unwatched"), seconds=10)
        await ground.apply("late", events=EVENTS, **existing(ground))
        await own_app(ground, "my-app")
        await ground.ready("late")
        await ground.delete()
        await until(lambda: is_gone(ground))
    assert "list_ahead_of_watch" in [line["event"] for line in logs]


async def test_an_api_server_that_ends_takes_the_operator_along_and_the_next_one_waits_for_it(
    ground: Ground, plane: ControlPlane, logs: Logs
) -> None:
    await ground.apply(events=EVENTS)
    short: dict[str, Any] = {"lease_duration": timedelta(seconds=2)}
    async with AsyncExitStack() as stack:
        task = await stack.enter_async_context(an_operator(ground, **short))
        await ground.ready()
        async with stopped(plane):
            with pytest.raises(BaseExceptionGroup) as ended:
                await asyncio.wait_for(asyncio.shield(task), 60)
            assert ended.group_contains(Lost, match="leadership is lost")
            before = len(logs)
            next_ = await stack.enter_async_context(an_operator(ground, **short))
            await until(lambda: waits(logs[before:]))
        await ground.secret("segment", writeKey=KEY_TWO)
        await until(lambda: ground.write_keys == {KEY_TWO}, seconds=40)
        assert not next_.done()
    assert len(ground.saleor.apps) == 1


@asynccontextmanager
async def stopped(plane: ControlPlane) -> AsyncIterator[None]:
    """Have no API server for the time of an ``async with``."""
    plane.stop()
    try:
        yield
    finally:
        await plane.start()


def waits(lines: Logs) -> bool:
    told = [line["problem"] for line in lines if line["event"] == "crd_not_usable"]
    return any("no answer from the API server" in problem for problem in told)


async def test_a_leader_that_was_frozen_changes_nothing_after_another_took_over(
    ground: Ground, kubectl: Kubectl, tmp_path: Path
) -> None:
    first_, second_ = [
        await account(ground, kubectl, tmp_path, name) for name in ("first", "second")
    ]
    short = ("--lease-duration", "3s", "--resync", "1s")
    await ground.apply(events=EVENTS)
    async with ground.operating(*short, kubeconfig=first_) as first:
        await ground.ready()
        async with ground.operating(*short, kubeconfig=second_) as second:
            await second.program.logged("waiting_for_leadership")
            ground.saleor.fail(graphql_delay=0.3)  # so that it is frozen within a pass
            first.program.process.send_signal(signal.SIGSTOP)
            await ground.secret("segment", writeKey=KEY_TWO)
            await second.leads()
            ground.saleor.heal()
            await until(lambda: ground.write_keys == {KEY_TWO})
            (hook,) = ground.saleor.state.apps.webhooks()
            mark, said = ground.plane.audit.mark(), len(first.program.lines)
            hook.is_active = False  # what it sees first when it goes on
            first.program.process.send_signal(signal.SIGCONT)
            assert await first.program.ended() == 1
            assert first.program.lines[-1].startswith("leadership is lost")
            await until(lambda: hook.is_active)
            calls = ground.plane.audit.calls(f"{ground.release}/first", since=mark)
            assert [call for call in calls if call.verb not in {"get", "list", "watch"}] == []
            done = [line for line in first.program.lines[said:] if "action_done" in line]
            assert done == []


@pytest.mark.parametrize(
    ("path", "ending"),
    [(f"/{RELEASE}-app-", False), (f"/{NAME}$", True)],
    ids=["the app's token", "the finalizer's end"],
)
async def test_killed_while_it_writes_the_next_one_finishes(
    ground: Ground, proxy: FaultyApi, tmp_path: Path, path: str, *, ending: bool
) -> None:
    kubeconfig = proxied(ground, proxy, tmp_path)
    await ground.apply(events=EVENTS)
    if ending:
        async with an_operator(ground):
            await ground.ready()
        await ground.delete()
    fault = proxy.fail(Fault("PATCH", path))
    async with ground.operating(kubeconfig=kubeconfig) as operating:
        await until(lambda: fault.struck)
        operating.program.process.kill()
        await operating.program.ended()
    proxy.heal()
    await ground.api.delete(LEASES, ground.release, f"{RELEASE}-operator")
    async with an_operator(ground):
        if not ending:
            await ground.ready()
            assert len(ground.saleor.apps) == 1
            await ground.delete()
        await until(lambda: is_gone(ground))
    assert await own_secrets(ground) == {}
    assert ground.saleor.apps == []
