"""The chart's manifests for users of kubectl alone, as ``kubectl apply -k`` installs them."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.agreement.layout import ROOT
from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.service import Entrance
from tests.cluster.site import NAME, OPERATOR, RELEASE, Site
from tests.control_plane.standalone.stand import EMAIL, KEY, PASSWORD
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin
from tests.twins.segment import SegmentTwin

_PUBLIC_URL = "https://events.example.com"
_LOOPBACK = {"name": "SALEOR_SEGMENT_ALLOW_LOOPBACK", "value": "true"}


@pytest.fixture
async def site(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, kubelet: Kubelet
) -> AsyncIterator[Site]:
    await kubectl.run("create", "namespace", "by-kubectl")
    async with (
        SaleorTwin(time_scale=20) as saleor,
        SegmentTwin(keys=[KEY]) as segment,
        Entrance(plane, RELEASE, f"{RELEASE}-webhooks") as entrance,
    ):
        saleor.staff(EMAIL, PASSWORD)
        yield Site(
            plane=plane,
            kubectl=kubectl.within(RELEASE),
            helm=helm.within(RELEASE),
            kubelet=kubelet,
            saleor=saleor,
            segment=segment,
            entrance=entrance,
            namespace=RELEASE,
            shop="by-kubectl",
            values={},
        )


def copied(folder: Path, public_url: str) -> Path:
    """Change a copy where its comments say so; and for the twins, which are on loopback."""
    copy = folder / "install"
    shutil.copytree(ROOT / "examples/kubernetes/install", copy)
    (copy / "internal-token").write_text("0123456789abcdef0123456789abcdef\n")
    page = copy / "kustomization.yaml"
    assert page.read_text().count(_PUBLIC_URL) == 1
    document = yaml.safe_load(page.read_text().replace(_PUBLIC_URL, public_url))
    document["patches"] += [_loopback("Deployment", "operator"), _loopback("StatefulSet", "server")]
    page.write_text(yaml.safe_dump(document))
    return copy


def _loopback(kind: str, component: str) -> dict[str, str]:
    containers = [{"name": component, "env": [_LOOPBACK]}]
    patch = {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": f"{RELEASE}-{component}", "namespace": RELEASE},
        "spec": {"template": {"spec": {"containers": containers}}},
    }
    return {"patch": yaml.safe_dump(patch)}


async def test_apply_installs_what_works_and_delete_takes_it_away(
    site: Site, tmp_path: Path
) -> None:
    folder = copied(tmp_path, site.entrance.url)
    await until(lambda: _applied(site, folder), every=0.5)
    await site.kubectl.rollout(f"deployment/{OPERATOR}")
    await site.kubectl.rollout(f"statefulset/{RELEASE}-server")
    await site.connect()
    site.order()
    await site.all_arrived()
    within = site.kubectl.within(site.shop)
    await within.delete("ssi", NAME, "--timeout=90s")
    assert site.saleor.apps == []
    await site.kubectl.run("delete", "-k", folder, "--timeout=90s")
    with pytest.raises(Refused, match="not found"):
        await site.kubectl.run("get", "namespace", RELEASE)


async def _applied(site: Site, folder: Path) -> bool:
    """Apply it; again where the type or the namespace was not served yet."""
    try:
        await site.kubectl.run("apply", "-k", folder)
    except Refused as refusal:
        if "not found" not in str(refusal) and "being terminated" not in str(refusal):
            raise
        return False
    return True
