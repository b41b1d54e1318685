"""Values that must not be found where they do not belong, and all that can be looked at."""

import base64
import gzip
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.cluster.site import RELEASE, SERVER, Site

_KINDS = ("ssi", "events", "configmaps", "deployments", "statefulsets", "pods", "jobs", "leases")
_GARBAGE = {"Saleor-Signature": "e30..e30", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Planted:
    """Something secret or personal."""

    what: str
    value: str
    belongs: tuple[str, ...] = ()
    """What the names of the Secrets begin with that may hold it."""

    def is_in(self, text: str) -> bool:
        """Tell whether a text holds it, as it is or encoded."""
        plain = self.value.encode()
        forms = {self.value, quote(self.value, safe=""), base64.b64encode(plain).decode()}
        return any(form in text for form in forms)


def found(planted: list[Planted], where: str, text: str) -> list[str]:
    """Return what was found in a text where nothing belongs."""
    return [f"{each.what} in {where}" for each in planted if each.is_in(text)]


async def found_in_secrets(
    site: Site, planted: list[Planted], namespaces: Iterable[str]
) -> list[str]:
    """Return what was found in the Secrets of some namespaces where it does not belong."""
    strays = []
    secrets = [
        secret
        for namespace in namespaces
        for secret in await site.kubectl.list("secrets", namespace=namespace)
    ]
    for secret in secrets:
        name = secret["metadata"]["name"]
        text = "\n".join([json.dumps(secret["metadata"]), *_decoded(secret.get("data") or {})])
        foreign = [each for each in planted if not name.startswith(each.belongs or ("\0",))]
        strays += found(foreign, f"Secret {name}", text)
    return strays


def _decoded(data: Mapping[str, str]) -> Iterator[str]:
    for value in data.values():
        content = base64.b64decode(value)
        if content.startswith(b"H4sI"):  # a release, as Helm keeps it
            content = gzip.decompress(base64.b64decode(content))
        yield content.decode(errors="replace")


async def all_told(site: Site) -> AsyncIterator[tuple[str, str]]:
    """Yield name and text of everything that is not a Secret: objects, answers, logs."""
    for kind in _KINDS:
        yield kind, json.dumps(await site.kubectl.list(kind, "-A"))
    yield "the release's notes", await _notes(site)
    async for where, text in _answers(site):
        yield where, text
    for pod, log in site.kubelet.all_logs(site.namespace).items():
        yield f"the log of {pod}", log


async def _notes(site: Site) -> str:
    """Return what Helm told the user, as it keeps it."""
    secret = await site.kubectl.get("secret", f"sh.helm.release.v1.{RELEASE}.v1", site.namespace)
    (release,) = _decoded(secret["data"])
    notes: str = json.loads(release)["info"]["notes"]
    assert RELEASE in notes
    return notes


async def _answers(site: Site) -> AsyncIterator[tuple[str, str]]:
    pods = {"operator": await site.operator_pod(), "server": SERVER}
    async with httpx.AsyncClient() as client:
        for name, pod in pods.items():
            for path in ("healthz", "readyz", "metrics"):
                url = f"http://{site.kubelet.address(site.namespace, pod)}:8081/{path}"
                yield f"{name} /{path}", _text(await client.get(url))
        url = f"http://{site.kubelet.address(site.namespace, SERVER)}:8081/internal/v1/pipelines"
        yield "the private API without a token", _text(await client.get(url))
        pipelines = await site.server_says()
        yield "the private API", json.dumps(pipelines)
        for each in pipelines:
            public = f"{site.entrance.url}/webhooks/{each['id']}/ORDER_CREATED"
            yield "a public answer", _text(await client.post(public, content=b"{}"))
            answer = await client.post(public, content=b"{}", headers=_GARBAGE)
            yield "another public answer", _text(answer)


def _text(answer: httpx.Response) -> str:
    headers: dict[str, Any] = dict(answer.headers)
    return f"{answer.status_code} {headers} {answer.text}"
