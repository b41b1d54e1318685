"""Who is served where, and who may do what: the chart for two namespaces on a real API server."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.rights import assert_granted, calls_of, granted, unused
from tests.cluster.site import CHART, OPERATOR, RELEASE, Object, Site, a_site, a_tenant
from tests.cluster.story import hasty, live_through_it_all
from tests.system.programs import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

OURS, ALSO_OURS, FOREIGN = "tenant-a", "tenant-b", "tenant-c"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def site(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> AsyncIterator[Site]:
    def scoped(values: Object) -> Object:
        return hasty(values) | {"watchNamespaces": [OURS, ALSO_OURS]}

    # The chart puts Roles into the namespaces, so they have to be there first.
    async with (
        a_site(
            plane,
            kubectl,
            helm,
            kubelet,
            release_namespace="tenancy-release",
            shop_namespace=FOREIGN,
            install=False,
            values=scoped,
        ) as site,
        a_tenant(site, OURS) as ours,
        a_tenant(site, ALSO_OURS),
    ):
        await site.install()
        yield ours


async def may(site: Site, account: str, *what: str) -> bool:
    """Ask the API server whether a daemon's ServiceAccount may do something."""
    user = f"--as=system:serviceaccount:{site.namespace}:{account}"
    try:
        return (await site.kubectl.run("auth", "can-i", user, *what)).strip() == "yes"
    except Refused:  # it says no and fails
        return False


async def test_an_integration_elsewhere_is_left_alone(site: Site) -> None:
    await site.secrets(FOREIGN)
    await site.apply(site.integration(namespace=FOREIGN))
    await site.connect()
    await site.arrives(site.order())
    foreign = await site.get(namespace=FOREIGN)
    assert "status" not in foreign
    assert "finalizers" not in foreign["metadata"]
    assert len(site.saleor.apps) == 1
    assert await site.kubectl.list("events", namespace=FOREIGN) == []


async def test_the_operator_may_elsewhere_only_let_an_integration_go(site: Site) -> None:
    for verb in ("get", "list", "watch"):
        assert await may(site, OPERATOR, verb, "secrets", "-n", OURS)
        assert not await may(site, OPERATOR, verb, "secrets", "-n", FOREIGN)
        assert not await may(site, OPERATOR, verb, "secrets", "-A")
    for verb in ("create", "delete", "update"):
        assert not await may(site, OPERATOR, verb, "ssi", "-n", FOREIGN)
    for verb in ("create", "patch", "delete", "update"):
        assert not await may(site, OPERATOR, verb, "secrets", "-n", OURS)
    bound = [
        binding["metadata"]["name"]
        for binding in await site.kubectl.list("clusterrolebindings")
        for subject in binding.get("subjects", ())
        if subject.get("namespace") == site.namespace
    ]
    assert bound == [f"{OPERATOR}-let-go"]


async def test_the_server_reads_its_pipelines_and_no_other_secret(site: Site) -> None:
    server = f"{RELEASE}-server"
    assert await may(site, server, "list", f"secrets/{RELEASE}-pipelines-0")
    for other in (f"{RELEASE}-installation", f"{RELEASE}-internal-token", f"{RELEASE}-pipelines-9"):
        for verb in ("get", "list", "watch"):
            assert not await may(site, server, verb, f"secrets/{other}")
    for namespace in (site.namespace, OURS):
        assert not await may(site, server, "list", "secrets", "-n", namespace)


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"name": "segment", "namespace": ALSO_OURS}, "unknown field"),
        ({"name": f"{ALSO_OURS}/segment"}, "writeKeySecretRef.name"),
        ({"name": "../segment"}, "writeKeySecretRef.name"),
    ],
)
async def test_a_secret_of_another_namespace_cannot_be_named(
    site: Site, reference: dict[str, str], words: str
) -> None:
    document = site.integration("thief")
    document["spec"]["segment"]["writeKeySecretRef"] = reference
    with pytest.raises(Refused, match=words):
        await site.apply(document)


async def test_a_secret_is_looked_for_beside_the_integration_only(site: Site) -> None:
    await site.kubectl.run("-n", ALSO_OURS, "delete", "secret", "segment", "--ignore-not-found")
    await site.secret("saleor-staff", ALSO_OURS, email="staff@example.com", password="any")
    await site.apply(site.integration("thief", ALSO_OURS))
    told = await site.condition(
        "WriteKeyValid", "False", "SecretMissing", name="thief", namespace=ALSO_OURS
    )
    assert f"Secret {ALSO_OURS}/segment" in told["message"]
    await site.kubectl.run("-n", ALSO_OURS, "delete", "ssi", "thief", "--timeout=90s")


async def test_people_with_edit_make_integrations_and_those_with_view_look_at_them(
    site: Site,
) -> None:
    for person, role in (("eddie", "edit"), ("vic", "view")):
        flags = (f"--clusterrole={role}", f"--user={person}")
        await site.kubectl.run("-n", OURS, "create", "rolebinding", person, *flags)
    # The controller manager adds our rules to the cluster's roles.
    await until(lambda: _can(site, "eddie", "create"), seconds=20, every=0.2)
    await until(lambda: _can(site, "vic", "get"), seconds=20, every=0.2)
    suspended = site.integration("of-eddie", suspend=True)
    within = site.kubectl.within(OURS)
    await within.apply(suspended, "--as=eddie")
    assert "of-eddie" in await within.run("get", "ssi", "--as=vic")
    with pytest.raises(Refused, match="forbidden"):
        await within.run("delete", "ssi", "of-eddie", "--as=vic")
    with pytest.raises(Refused, match="forbidden"):
        await within.run("get", "secrets", "--as=vic")
    with pytest.raises(Refused, match="forbidden"):
        await site.kubectl.within(ALSO_OURS).run("get", "ssi", "--as=eddie")
    patch = '{"status":{"webhookUrl":"https://elsewhere.example.com"}}'
    as_eddie = ("--subresource=status", "--type=merge", "-p", patch, "--as=eddie")
    with pytest.raises(Refused, match="forbidden"):
        await within.run("patch", "ssi", "of-eddie", *as_eddie)
    await within.run("delete", "ssi", "of-eddie", "--as=eddie", "--timeout=90s")


async def _can(site: Site, person: str, verb: str) -> bool:
    try:
        await site.kubectl.run("auth", "can-i", verb, "ssi", "-n", OURS, f"--as={person}")
    except Refused:
        return False
    return True


async def test_one_whose_namespace_is_watched_no_longer_says_so_and_can_be_deleted(
    site: Site,
) -> None:
    guest = replace(site, shop=ALSO_OURS)
    await guest.connect("left")
    await site.helm.upgrade(CHART, RELEASE, site.values | {"watchNamespaces": [OURS]})
    told = await guest.condition("Ready", "Unknown", "NotWatched", name="left")
    assert ALSO_OURS in told["message"]
    await guest.kubectl.within(ALSO_OURS).delete("ssi", "left", "--timeout=90s")
    await site.helm.upgrade(CHART, RELEASE, site.values)
    await guest.connect("again")
    await guest.kubectl.within(ALSO_OURS).delete("ssi", "again", "--timeout=90s")


async def test_every_right_in_two_namespaces_is_used_and_no_other(site: Site) -> None:
    rights, guest = await granted(site), replace(site, shop=ALSO_OURS)
    for each in (site, guest):
        await live_through_it_all(each, "everything")
    calls = calls_of(site)
    assert_granted(calls, rights)
    # A namespace takes its roles with it: what is left is enough to let go, and to go on.
    await guest.connect("late")
    mark = site.plane.audit.mark()
    await site.kubectl.run("delete", "namespace", ALSO_OURS, "--timeout=90s")
    await restart(site)
    await site.apply(site.integration(events=["ORDER_CREATED"]))
    await until(lambda: len(site.saleor.apps[0].webhooks) == 1)
    await site.ready()
    await site.arrives(site.order())
    await site.helm.uninstall(RELEASE)
    await site.condition("Ready", "Unknown", "NotKept")
    assert not (await site.get())["metadata"].get("finalizers")
    later = calls_of(site, since=mark)
    assert {call.account for call in calls | later} == {right.account for right in rights}
    left = frozenset(right for right in rights if right.scope != ALSO_OURS)
    assert unused(rights, calls | later) & unused(left, later) == set()
    assert unused(rights, calls | later) <= {right for right in rights if not right.scope}


async def restart(site: Site) -> None:
    """End the operator, and wait until the next one sees to the integrations."""
    old = await site.operator_pod()
    await site.kubectl.delete("pod", old, namespace=site.namespace)
    await until(lambda: _leads(site, old), seconds=30, every=0.2)


async def _leads(site: Site, old: str) -> bool:
    pod = await site.operator_pod()
    return pod != old and '"leading"' in site.kubelet.logs(site.namespace, pod)
