"""The test kubelet does what the tests of the chart lean on."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import helm_python
import pytest

from tests.cluster.helm import Helm
from tests.cluster.kubectl import Kubectl, Refused
from tests.cluster.kubelet import Kubelet
from tests.cluster.plane.control_plane import ControlPlane
from tests.cluster.service import Entrance
from tests.system.programs import until

SERVER = """
import http.server, os, signal, sys
from pathlib import Path

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = self.path.strip("/").split("/")
        if parts == ["ready"]:
            return self.answer("ready") if not Path("unready").exists() else self.send_error(503)
        if parts[0] == "env":
            return self.answer(os.environ.get(parts[1], ""))
        path = Path(sys.argv[2], *parts)
        return self.answer(path.read_text()) if path.is_file() else self.send_error(404)

    def do_PUT(self):
        Path(sys.argv[2], self.path.strip("/")).write_text("kept")
        self.answer("")

    def answer(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_): pass

print("serving as", os.environ["NAME"], flush=True)
signal.signal(signal.SIGTERM, lambda *_: (print("told to end", flush=True), sys.exit(0)))
http.server.HTTPServer((sys.argv[1], 8080), Handler).serve_forever()
"""


def pod(**more: Any) -> dict[str, Any]:
    """A Pod template with the server, its Secret in ``/config``."""
    probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1}
    container = {
        "name": "web",
        "image": "any",
        "command": ["python", "-c", SERVER],
        "args": ["0.0.0.0", "/config"],
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "LISTEN", "value": "0.0.0.0:8080"},
            {"name": "BOTH", "value": "$(NAME) at $(LISTEN), $$(NAME)"},
            {
                "name": "COLOUR",
                "valueFrom": {"secretKeyRef": {"name": "config", "key": "colour"}},
            },
        ],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {**probe, "failureThreshold": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
    }
    container |= more.pop("container", {})
    volumes = [{"name": "config", "secret": {"secretName": "config"}}]
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [container],
            "volumes": volumes,
            "terminationGracePeriodSeconds": 3,
            **more,
        },
    }


def workload(kind: str, template: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template, **more}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}


def secret(**data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "config"},
        "stringData": data,
    }


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {
        "clusterIP": "None",
        "selector": {"app": "web"},
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    },
}
STATEFUL = workload(
    "StatefulSet",
    pod(
        container={
            "args": ["0.0.0.0", "/data"],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
    ),
    serviceName="web",
    volumeClaimTemplates=[
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOncePod"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ],
)


@pytest.fixture
def here(kubectl: Kubectl, namespace: str, kubelet: Kubelet) -> Kubectl:
    return kubectl.within(namespace)


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def deployed(kubectl: Kubectl, **more: Any) -> str:
    """Bring up a Deployment of one Pod and return the Pod's name."""
    await kubectl.apply([secret(colour="blue"), workload("Deployment", pod(**more)), SERVICE])
    await kubectl.rollout("deployment/web")
    return await the_pod(kubectl)


async def the_pod(kubectl: Kubectl) -> str:
    (found,) = await kubectl.list("pods")
    name: str = found["metadata"]["name"]
    return name


async def ready_endpoints(kubectl: Kubectl) -> list[str]:
    found = await kubectl.list("endpointslices", "-l", "kubernetes.io/service-name=web")
    return [
        address
        for each in found
        for endpoint in each["endpoints"] or ()
        if endpoint["conditions"]["ready"]
        for address in endpoint["addresses"]
    ]


async def test_a_deployment_gets_ready_and_finds_its_surroundings(
    here: Kubectl, kubelet: Kubelet, plane: ControlPlane, http: aiohttp.ClientSession
) -> None:
    name = await deployed(here)
    address = kubelet.address(here.namespace, name)
    assert await until(lambda: ready_endpoints(here)) == [address]

    async def asked(path: str) -> str:
        async with http.get(f"http://{address}:8080/{path}") as answer:
            return await answer.text()

    assert await asked("env/COLOUR") == "blue"
    assert await asked("env/BOTH") == f"{name} at {address}:8080, $(NAME)"
    assert await asked("env/KUBERNETES_SERVICE_PORT") == str(plane.port)
    assert await asked("colour") == "blue"
    account = Path(await asked("env/SALEOR_SEGMENT_SERVICE_ACCOUNT"))
    assert (account / "namespace").read_text() == here.namespace
    assert (account / "ca.crt").read_text() == plane.ca.read_text()
    assert f"serving as {name}\n" in kubelet.logs(here.namespace, name)


async def test_a_changed_secret_reaches_the_volume(here: Kubectl, kubelet: Kubelet) -> None:
    name = await deployed(here)
    colour = kubelet.mount(here.namespace, name, "/config") / "colour"
    await here.apply(secret(colour="green", shade="dark"))
    await until(lambda: colour.read_text() == "green")
    assert (colour.parent / "shade").read_text() == "dark"


async def test_a_killed_container_is_started_again_and_counted(
    here: Kubectl, kubelet: Kubelet
) -> None:
    name = await deployed(here)
    pid = kubelet.kill(here.namespace, name)
    await here.wait(f"pod/{name}", "jsonpath={.status.containerStatuses[0].restartCount}=1")
    await here.wait(f"pod/{name}", "condition=Ready")
    (status,) = (await here.get("pod", name))["status"]["containerStatuses"]
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert kubelet.pid(here.namespace, name) != pid


async def test_a_deleted_pod_ends_gently_and_is_replaced(here: Kubectl, kubelet: Kubelet) -> None:
    name = await deployed(here)
    pid = kubelet.pid(here.namespace, name)
    await here.delete("pod", name)
    assert kubelet.logs(here.namespace, name).endswith("told to end\n")
    assert not Path(f"/proc/{pid}").exists()
    await here.rollout("deployment/web")


async def test_a_deleted_pod_that_does_not_listen_is_killed_after_its_grace(
    here: Kubectl, kubelet: Kubelet
) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    template = pod(container={"command": ["python", "-c", deaf], "readinessProbe": None})
    template["spec"]["terminationGracePeriodSeconds"] = 1
    await here.apply([secret(colour="blue"), workload("Deployment", template)])
    await here.rollout("deployment/web")
    name = await the_pod(here)
    pid = kubelet.pid(here.namespace, name)
    await here.delete("pod", name, "--timeout=5s")
    assert not Path(f"/proc/{pid}").exists()


async def test_a_pod_that_is_not_ready_leaves_the_service_and_comes_back(
    here: Kubectl, kubelet: Kubelet, plane: ControlPlane, http: aiohttp.ClientSession
) -> None:
    name = await deployed(here)
    async with Entrance(plane, here.namespace, "web", port="http") as entrance:
        await until(entrance.ready)
        async with http.get(f"{entrance.url}/colour") as answer:
            assert await answer.text() == "blue"
        unready = Path(f"/proc/{kubelet.pid(here.namespace, name)}/cwd") / "unready"
        unready.touch()
        await until(lambda: not entrance.ready())
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{entrance.url}/colour")
        unready.unlink()
        await until(entrance.ready)
        async with http.get(f"{entrance.url}/colour") as answer:
            assert answer.status == 200


async def test_a_container_whose_liveness_fails_is_started_again(here: Kubectl) -> None:
    probe = {"httpGet": {"path": "/none", "port": 8080}, "periodSeconds": 1, "failureThreshold": 1}
    name = await deployed(here, container={"livenessProbe": probe})
    await until(partial(_restarted, here, name), every=0.2)


async def _restarted(here: Kubectl, name: str) -> bool:
    (container,) = (await here.get("pod", name))["status"]["containerStatuses"]
    return bool(container["restartCount"] >= 1)


async def test_a_stateful_set_keeps_volume_and_address(
    here: Kubectl, kubelet: Kubelet, http: aiohttp.ClientSession
) -> None:
    await here.apply([secret(colour="blue"), STATEFUL, SERVICE])
    await here.rollout("statefulset/web")
    address = kubelet.address(here.namespace, "web-0")
    await http.put(f"http://{address}:8080/file")
    await here.delete("pod", "web-0")
    await here.wait("pod/web-0", "create")
    await here.rollout("statefulset/web")
    assert kubelet.address(here.namespace, "web-0") == address
    async with http.get(f"http://{address}:8080/file") as answer:
        assert await answer.text() == "kept"
    (found,) = await here.list("endpointslices")
    assert found["endpoints"][0]["hostname"] == "web-0"


async def test_a_container_waits_for_what_it_needs_and_says_so(here: Kubectl) -> None:
    await here.apply(workload("Deployment", pod(volumes=[], container={"volumeMounts": []})))
    path = "{.status.containerStatuses[0].state.waiting.message}"
    name = await until(lambda: _first_pod(here))
    await here.wait(f"pod/{name}", f"jsonpath={path}=Secret config not found")
    await here.apply(secret(colour="blue"))
    await here.wait(f"pod/{name}", "condition=Ready")


async def test_our_image_must_not_run_as_root(here: Kubectl) -> None:
    await here.apply([secret(colour="blue"), workload("Deployment", _ours())])
    path = "{.status.containerStatuses[0].state.waiting.reason}"
    name = await until(lambda: _first_pod(here))
    await here.wait(f"pod/{name}", f"jsonpath={path}=CreateContainerConfigError")


async def test_our_image_runs_our_script(here: Kubectl, kubelet: Kubelet) -> None:
    template = _ours()
    template["spec"]["securityContext"] = {"runAsNonRoot": True}
    await here.apply([secret(colour="blue"), workload("Deployment", template)])
    name = await until(lambda: _first_pod(here))
    await until(lambda: "saleor-segment" in kubelet.logs(here.namespace, name))


async def test_a_pod_that_runs_once_succeeds_after_its_first_containers(
    here: Kubectl, kubelet: Kubelet
) -> None:
    mount = [{"name": "shared", "mountPath": "/shared"}]
    write = {"command": ["sh", "-c"], "args": ["echo hello > /shared/file"]}
    read = {"command": ["cat", "/shared/file"]}
    spec = {
        "restartPolicy": "Never",
        "initContainers": [{"name": "first", "image": "any", "volumeMounts": mount, **write}],
        "containers": [{"name": "then", "image": "any", "volumeMounts": mount, **read}],
        "volumes": [{"name": "shared", "emptyDir": {}}],
    }
    once = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "once"}, "spec": spec}
    await here.apply(once)
    await here.wait("pod/once", "jsonpath={.status.phase}=Succeeded")
    assert kubelet.logs(here.namespace, "once") == "hello\n"


async def test_kubectl_shows_logs_and_runs_programs_in_a_container(
    here: Kubectl, kubelet: Kubelet
) -> None:
    name = await deployed(here)
    assert await here.run("logs", "deployment/web") == f"serving as {name}\n"
    within = ("exec", "-i", "deployment/web", "--", "sh", "-c")
    assert await here.run(*within, "cat /config/colour; cat", input=" sky") == "blue sky"
    with pytest.raises(Refused, match=r"(?s)wrong.*exit code 3"):
        await here.run(*within, "echo wrong >&2; exit 3")


async def test_containers_need_no_api_server(
    here: Kubectl, kubelet: Kubelet, plane: ControlPlane
) -> None:
    name = await deployed(here)
    plane.stop()
    try:
        pid = kubelet.kill(here.namespace, name)
        await until(lambda: _another(kubelet, here.namespace, name, pid))
    finally:
        await plane.start()
    await here.wait(f"pod/{name}", "jsonpath={.status.containerStatuses[0].restartCount}=1")


async def test_helm_waits_until_all_is_ready(
    helm: Helm, here: Kubectl, kubelet: Kubelet, tmp_path: Path
) -> None:
    chart, helm = _chart(tmp_path), helm.within(here.namespace)
    installing = asyncio.create_task(helm.install(chart, "rel"))
    name = await until(lambda: _first_pod(here))
    await here.wait("pod/" + name, "jsonpath={.status.containerStatuses[0].state.waiting}")
    assert not installing.done()
    await here.apply(secret(colour="blue"))
    assert (await installing)["status"] == "deployed"
    assert (await here.get("deployment", "web"))["status"]["readyReplicas"] == 1

    await helm.upgrade(chart, "rel", {"replicas": 2})
    assert (await here.get("deployment", "web"))["status"]["readyReplicas"] == 2
    with pytest.raises(helm_python.HelmError):
        await helm.upgrade(chart, "rel", {"replicas": 2, "program": "none"}, seconds=2)
    await helm.rollback("rel", version=1)
    await helm.uninstall("rel")
    await until(lambda: _no_pods(here))


def _another(kubelet: Kubelet, namespace: str, pod: str, pid: int) -> bool:
    try:
        return kubelet.pid(namespace, pod) != pid
    except LookupError:
        return False


def _ours() -> dict[str, Any]:
    template = pod()
    (container,) = template["spec"]["containers"]
    container |= {"command": None, "args": ["--help"], "readinessProbe": None}
    return template


def _chart(folder: Path) -> Path:
    deployment = workload("Deployment", pod(container={"command": ["PROGRAM", "-c", SERVER]}))
    deployment["spec"]["replicas"] = "REPLICAS"
    text = json.dumps(deployment).replace('"REPLICAS"', "{{ .Values.replicas }}")
    (folder / "templates").mkdir()
    (folder / "templates" / "web.yaml").write_text(text.replace("PROGRAM", "{{.Values.program}}"))
    (folder / "values.yaml").write_text("replicas: 1\nprogram: python\n")
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: tiny\nversion: 1.0.0\n")
    return folder


async def _first_pod(kubectl: Kubectl) -> str:
    found = await kubectl.list("pods")
    return found[0]["metadata"]["name"] if found else ""


async def _no_pods(kubectl: Kubectl) -> bool:
    return not await kubectl.list("pods")
