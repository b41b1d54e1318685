"""The control plane of the tests is a real one."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.plane import build
from tests.cluster.plane.control_plane import ControlPlane
from tests.system.programs import until

READS_CONFIG = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader}]
"""


STARTS_AND_DIES = """
import os
from pathlib import Path
from tests.cluster.plane.processes import Process
process = Process(["sleep", "60"], log=Path(os.environ["LOG"]))
process.start()
print(process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


async def test_the_server_is_of_the_pinned_version(kubectl: Kubectl) -> None:
    told = json.loads(await kubectl.run("version", "-o", "json"))
    assert told["serverVersion"]["gitVersion"] == build.KUBERNETES


async def test_an_account_may_do_what_its_role_says_and_the_audit_log_tells(
    plane: ControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    admin = kubectl.within(namespace)
    await admin.apply(READS_CONFIG)
    token = await admin.token("reader")
    config = plane.write_kubeconfig(tmp_path / "config", token=token, namespace=namespace)
    reader, mark = Kubectl(config, namespace), plane.audit.mark()

    await reader.get("configmap", "kube-root-ca.crt")
    with pytest.raises(Refused, match="cannot list resource"):
        await reader.list("secrets")

    calls = plane.audit.calls(f"{namespace}/reader", since=mark)
    done = {(c.verb, c.resource, c.name, c.code) for c in calls if c.namespace == namespace}
    assert done == {
        ("get", "configmaps", "kube-root-ca.crt", 200),
        ("list", "secrets", "", 403),
    }


async def test_the_server_comes_back_on_its_port_with_its_data(
    plane: ControlPlane, kubectl: Kubectl, namespace: str
) -> None:
    plane.stop()
    with pytest.raises(Refused, match="refused"):
        await kubectl.get("namespace", namespace)
    await plane.start()
    assert (await kubectl.get("namespace", namespace))["status"]["phase"] == "Active"


async def test_a_paused_server_answers_when_it_goes_on(
    plane: ControlPlane, kubectl: Kubectl
) -> None:
    plane.pause()
    try:
        with pytest.raises(Refused, match="exceeded"):
            await kubectl.run("get", "namespaces", "--request-timeout=300ms")
    finally:
        plane.resume()
    assert await kubectl.list("namespaces")


async def test_what_is_deleted_takes_along_what_it_owns(kubectl: Kubectl, namespace: str) -> None:
    kubectl = kubectl.within(namespace)
    await kubectl.run("create", "deployment", "empty", "--image=none", "--replicas=0")
    assert await until(lambda: kubectl.list("replicasets"))
    await kubectl.delete("deployment", "empty")
    assert await until(lambda: _none(kubectl))


async def test_a_control_plane_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    environment = {**os.environ, "LOG": str(tmp_path / "log")}
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_AND_DIES, env=environment, stdout=asyncio.subprocess.PIPE
    )
    pid, _ = await starter.communicate()
    await until(lambda: not _runs(int(pid)))


def test_the_modules_pin_what_the_build_names() -> None:
    text = (build.HERE / "kubernetes" / "go.mod").read_text()
    assert f"k8s.io/kubernetes {build.KUBERNETES}\n" in text
    staged = "v0." + build.KUBERNETES.removeprefix("v1.")
    replaced = re.findall(r"k8s\.io/\S+ => k8s\.io/\S+ (\S+)", text)
    assert set(replaced) == {staged}
    for module in ("etcd", "kubernetes"):
        assert "go {}.{}".format(*build.OLDEST_GO) in (build.HERE / module / "go.mod").read_text()


def test_a_build_that_cannot_be_made_says_the_remedy_and_may_pass(tmp_path: Path) -> None:
    nothing = {"PATH": str(tmp_path), "KUBEBUILDER_ASSETS": str(tmp_path)}
    command = [sys.executable, "-m", "tests.cluster.plane.build"]
    firm = subprocess.run(command, env=nothing, capture_output=True, text=True, check=False)
    mild = subprocess.run([*command, "--if-possible"], env=nothing, stderr=-3, check=False)
    assert (firm.returncode, mild.returncode) == (1, 0)
    assert firm.stderr.count("\n") == 1
    assert "put them there" in firm.stderr


def test_without_programs_the_remedy_is_said() -> None:
    with pytest.raises(build.Missing, match=r"install Go 1\.26|make control-plane"):
        build.find({"HOME": "/nonexistent"})


async def test_cluster_tests_are_skipped_without_one_and_fail_where_it_is_required(
    tmp_path: Path,
) -> None:
    skipped, failed = await asyncio.gather(
        _suite_without(tmp_path), _suite_without(tmp_path, "--require-cluster")
    )
    for code, said in (skipped, failed):
        assert "lacks etcd, kube-apiserver, kube-controller-manager: put them there" in said
        assert "1 skipped" in said if code == 0 else "1 error" in said
    assert (skipped[0], failed[0]) == (0, 1)


async def _suite_without(folder: Path, *options: str) -> tuple[int | None, str]:
    command = ["-m", "pytest", "-n0", "-p", "no:cacheprovider", "-k", "pinned_version", __file__]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        *options,
        env={**os.environ, "KUBEBUILDER_ASSETS": str(folder)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def _none(kubectl: Kubectl) -> bool:
    return not await kubectl.list("replicasets")


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
