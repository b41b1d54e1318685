"""The real kubectl, awaited."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Object = Mapping[str, Any]

_PROGRAM = Path(sys.executable).parent / "kubectl"


class Refused(Exception):  # noqa: N818 - it is what kubectl was told
    """Raised when kubectl ends with a failure; the message is what it wrote to standard error."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl with one kubeconfig, an administrator's unless told otherwise."""

    kubeconfig: Path
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubectl":
        """Return the same kubectl, working in another namespace."""
        return Kubectl(self.kubeconfig, namespace)

    async def run(self, *arguments: str | Path, input: str | None = None) -> str:  # noqa: A002
        """Run it and return its standard output.

        Raises:
            Refused: It failed.
        """
        process = await self._start(*arguments)
        try:
            said, wrong = await process.communicate(None if input is None else input.encode())
        except BaseException:
            process.kill()
            raise
        if process.returncode:
            raise Refused(f"kubectl {' '.join(map(str, arguments))}: {wrong.decode().strip()}")
        return said.decode()

    async def apply(self, objects: str | Object | Iterable[Object], *more: str) -> str:
        """Apply a text of YAML, an object or several."""
        return await self.run("apply", *more, "-f", "-", input=as_text(objects))

    async def create(self, objects: str | Object | Iterable[Object], *more: str) -> str:
        """Create what must not be there yet."""
        return await self.run("create", *more, "-f", "-", input=as_text(objects))

    async def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        """Return one object."""
        found: dict[str, Any] = json.loads(
            await self.run("get", kind, name, "-o", "json", *_in(namespace))
        )
        return found

    async def list(
        self, kind: str, *more: str, namespace: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the objects of a kind; ``more`` are flags, such as ``-l app=x`` or ``-A``."""
        told = await self.run("get", kind, "-o", "json", *more, *_in(namespace))
        items: list[dict[str, Any]] = json.loads(told)["items"]
        return items

    async def delete(self, kind: str, name: str, *more: str, namespace: str | None = None) -> str:
        """Delete one object and wait until it is gone; ``--wait=false`` among ``more`` does not."""
        return await self.run("delete", kind, name, *more, *_in(namespace))

    async def wait(self, what: str, condition: str, *, seconds: float = 90.0) -> str:
        """``kubectl wait`` for ``kind/name``: ``condition=Ready``, ``delete``, ``jsonpath=…``."""
        flags = [f"--for={condition}", f"--timeout={seconds}s"]
        return await self.run("wait", what, *flags)

    async def rollout(self, what: str, *, seconds: float = 90.0) -> str:
        """Wait until ``deployment/name`` or ``statefulset/name`` is rolled out."""
        return await self.run("rollout", "status", what, f"--timeout={seconds}s")

    async def token(self, account: str, namespace: str | None = None) -> str:
        """Return a token of a ServiceAccount."""
        return (await self.run("create", "token", account, *_in(namespace))).strip()

    async def _start(self, *arguments: str | Path) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            _PROGRAM,
            f"--kubeconfig={self.kubeconfig}",
            f"--namespace={self.namespace}",
            f"--cache-dir={self.kubeconfig.parent / 'kubectl'}",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


def as_text(objects: str | Object | Iterable[Object]) -> str:
    """Return what ``kubectl apply -f -`` reads."""
    if isinstance(objects, str):
        return objects
    items = [objects] if isinstance(objects, Mapping) else list(objects)
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _in(namespace: str | None) -> tuple[str, ...]:
    return () if namespace is None else (f"--namespace={namespace}",)
