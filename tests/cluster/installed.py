"""A site for a whole module, and the numbers that its tests report."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.site import Site, a_site


@asynccontextmanager
async def installed(
    plane: ControlPlane,
    kubectl: Kubectl,
    helm: Helm,
    kubelet: Kubelet,
    *,
    name: str,
    resync: str = "5m",
) -> AsyncIterator[Site]:
    """Install the chart for a module; a leader that was killed is followed within 3 seconds."""

    def hasty(values: dict[str, Any]) -> dict[str, Any]:
        values["operator"]["settings"] |= {"leaseDuration": "3s", "resync": resync}
        return values

    async with a_site(
        plane,
        kubectl,
        helm,
        kubelet,
        release_namespace=f"{name}-release",
        shop_namespace=f"{name}-shop",
        values=hasty,
    ) as site:
        yield site
