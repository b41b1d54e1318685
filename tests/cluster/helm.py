"""Helm 4, its own library, in a thread."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import helm_python

Release = dict[str, Any]
Values = Mapping[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Helm:
    """Helm with one kubeconfig, for one namespace.

    ``wait=True`` is ``helm --wait``: until all is ready, or gone; hooks are waited for always. A
    cancelled call is cancelled in Helm too. ``seconds`` bounds one operation.
    """

    kubeconfig: Path
    namespace: str = "default"

    def within(self, namespace: str) -> "Helm":
        """Return the same Helm, working in another namespace."""
        return Helm(self.kubeconfig, namespace)

    async def install(
        self,
        chart: Path,
        name: str,
        values: Values | None = None,
        *,
        wait: bool = True,
        seconds: int = 180,
        create_namespace: bool = False,
    ) -> Release:
        """Install a chart's folder or package as release ``name``.

        Raises:
            helm_python.HelmError: It failed, or was not ready in time.
        """
        context = helm_python.HelmContext()
        return await self._do(
            lambda config: config.install(
                chart,
                name,
                None if values is None else dict(values),
                context=context,
                namespace=self.namespace,
                wait=_way(wait=wait),
                timeout=seconds,
                create_namespace=create_namespace,
            ),
            context,
        )

    async def upgrade(
        self,
        chart: Path,
        name: str,
        values: Values | None = None,
        *,
        wait: bool = True,
        seconds: int = 180,
        reuse_values: bool = False,
    ) -> Release:
        """Upgrade a release.

        Raises:
            helm_python.HelmError: It failed, or was not ready in time.
        """
        context = helm_python.HelmContext()
        return await self._do(
            lambda config: config.upgrade(
                chart,
                name,
                None if values is None else dict(values),
                context=context,
                namespace=self.namespace,
                wait=_way(wait=wait),
                timeout=seconds,
                reuse_values=reuse_values,
            ),
            context,
        )

    async def uninstall(self, name: str, *, wait: bool = True, seconds: int = 180) -> Release:
        """Remove a release.

        Raises:
            helm_python.HelmError: It failed, or was not gone in time.
        """
        return await self._do(
            lambda config: config.uninstall(name, wait=_way(wait=wait), timeout=seconds)
        )

    async def rollback(
        self, name: str, *, version: int | None = None, wait: bool = True, seconds: int = 180
    ) -> None:
        """Go back to an earlier revision, the last one by default.

        Raises:
            helm_python.HelmError: It failed, or was not ready in time.
        """
        await self._do(
            lambda config: config.rollback(
                name, version=version, wait=_way(wait=wait), timeout=seconds
            )
        )

    async def status(self, name: str) -> Release:
        """Return a release's summary with its manifest."""
        return await self._do(lambda config: config.status(name))

    async def _do(
        self,
        action: Callable[[helm_python.Config], _T],
        context: helm_python.HelmContext | None = None,
    ) -> _T:
        try:
            return await asyncio.to_thread(self._act, action)
        except asyncio.CancelledError:
            if context is not None:
                context.cancel()
            raise

    def _act(self, action: Callable[[helm_python.Config], _T]) -> _T:
        kubeconfig, namespace = self.kubeconfig, self.namespace
        with helm_python.Config(kubeconfig_path=kubeconfig, namespace=namespace) as config:
            return action(config)


def _way(*, wait: bool) -> str:
    return "watcher" if wait else "hookOnly"
