"""Every command of README's section on Kubernetes, as it is written, and what each brings about."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.agreement.layout import ROOT
from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.service import Entrance
from tests.cluster.site import CHART, RELEASE, Site, chart_values
from tests.system.programs import until
from tests.twins.saleor import SaleorTwin
from tests.twins.segment import SegmentTwin

EMAIL, PASSWORD = "staff@example.com", "change-me"
FIRST, SECOND = "first-write-key", "second-write-key"
PUBLIC_URL, API_URL = "https://events.example.com", "https://shop.example.com/graphql/"


def commands() -> list[str]:
    """Return the commands of the section, a line with its continuations each."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("\n## On Kubernetes\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    lines = re.sub(r"\\\n\s*", "", "".join(blocks)).splitlines()
    assert all(line.startswith("$ ") for line in lines)
    return [line.removeprefix("$ ") for line in lines]


@dataclass
class Reader:
    """Somebody who types what README says, in a copy of the repository."""

    site: Site
    folder: Path
    environment: dict[str, str]
    typed: list[str] = field(default_factory=list)

    async def type(self, beginning: str) -> str:
        """Type the next command, which begins like this; return what it says."""
        command = commands()[len(self.typed)]
        assert command.startswith(beginning), f"README goes on with: {command}"
        self.typed.append(command)
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", command.replace(PUBLIC_URL, self.public_url)),
            cwd=self.folder,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, f"{command}\n{said.decode()}"
        return said.decode()

    @property
    def public_url(self) -> str:
        return self.site.entrance.url

    def lay_out(self) -> None:
        """Put chart and examples where README finds them, the example's shop being the twin."""
        (self.folder / "charts").symlink_to(CHART.parent)
        shutil.copytree(ROOT / "examples", self.folder / "examples")
        example = self.folder / "examples/kubernetes/integration.yaml"
        document = yaml.safe_load(example.read_text())
        assert document["spec"]["saleor"]["apiUrl"] == API_URL
        document["spec"]["saleor"]["apiUrl"] = self.site.saleor.api_url
        del document["spec"]["segment"]["region"]
        document["spec"]["segment"]["endpoint"] = self.site.segment.url
        example.write_text(yaml.safe_dump(document))
        values = chart_values(self.public_url)
        (self.folder / "values.yaml").write_text(yaml.safe_dump(values))


@pytest.fixture
async def reader(
    plane: ControlPlane, kubectl: Kubectl, helm: Helm, tmp_path: Path
) -> AsyncIterator[Reader]:
    programs = tmp_path / "bin"
    programs.mkdir()
    helm_command = f'exec "{sys.executable}" -m tests.cluster.helm_command "$@"'
    (programs / "helm").write_text(f'#!/bin/sh\nexport PYTHONPATH="{ROOT}"\n{helm_command}\n')
    (programs / "helm").chmod(0o755)
    (programs / "kubectl").symlink_to(Path(sys.executable).parent / "kubectl")
    folder = tmp_path / "repository"
    folder.mkdir()
    with Kubelet(plane, tmp_path / "kubelet") as kubelet:
        async with (
            SaleorTwin(time_scale=20) as saleor,
            SegmentTwin(keys=[FIRST, SECOND]) as segment,
            Entrance(plane, RELEASE, f"{RELEASE}-webhooks") as entrance,
        ):
            saleor.staff(EMAIL, PASSWORD)
            site = Site(
                plane=plane,
                kubectl=kubectl.within(RELEASE),
                helm=helm.within(RELEASE),
                kubelet=kubelet,
                saleor=saleor,
                segment=segment,
                entrance=entrance,
                namespace=RELEASE,
                shop="shop",
                values={},
            )
            environment = {
                "HOME": str(tmp_path),
                "KUBECONFIG": str(plane.kubeconfig),
                "HELM_VALUES": str(folder / "values.yaml"),
                "PATH": f"{programs}:{os.environ['PATH']}",
            }
            reader = Reader(site, folder, environment)
            reader.lay_out()
            yield reader
            await kubectl.run("delete", "namespace", RELEASE, "shop", "--wait=false")


@pytest.mark.timeout(180)
async def test_readme_works_as_written(reader: Reader) -> None:
    site = reader.site
    await reader.type("helm install")
    for command in ("create namespace", "-n shop create secret", "-n shop create secret"):
        await reader.type(f"kubectl {command}")
    await reader.type("kubectl -n shop apply")
    assert "condition met" in await reader.type("kubectl -n shop wait")
    assert "True" in await reader.type("kubectl get ssi -A")
    await site.arrives(site.order(), key=FIRST)

    await reader.type("kubectl -n shop patch secret segment")
    await until(lambda: site.order() and site.arrived(key=SECOND), every=0.2)

    await reader.type("kubectl -n shop patch")
    await site.condition("Suspended", "True")
    kept = site.order()
    await reader.type("kubectl -n shop patch")
    await site.arrives(kept, key=SECOND)
    await reader.type("kubectl -n shop annotate")
    await until(lambda: _is_handled(site), every=0.2)

    await site.all_arrived()
    assert len(site.saleor.apps) == 1
    await reader.type("kubectl -n shop delete ssi")
    assert site.saleor.apps == []
    await reader.type("helm uninstall")
    assert reader.typed == commands()


async def _is_handled(site: Site) -> bool:
    return "lastHandledReconcileAt" in (await site.get())["status"]
