"""What operator, server and hook call, as the audit log has it, is what the chart grants them."""

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.rights import assert_granted, calls_of, granted, unused
from tests.cluster.site import RELEASE, a_site
from tests.cluster.story import hasty, live_through_it_all


async def test_every_right_in_the_cluster_is_used_and_no_other(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> None:
    async with a_site(
        plane,
        kubectl,
        helm,
        kubelet,
        release_namespace="rights-release",
        shop_namespace="rights-shop",
        values=hasty,
    ) as site:
        rights = await granted(site)
        await live_through_it_all(site)
        await site.connect()
        await site.helm.uninstall(RELEASE)  # over an operator that runs
        assert not (await site.get())["metadata"].get("finalizers")
        calls = calls_of(site)
        assert {call.account for call in calls} == {right.account for right in rights}
        assert_granted(calls, rights)
        assert unused(rights, calls) == set()
