"""A Pod's volumes as folders of this machine."""

import secrets
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.kubelet.client import Object
from tests.cluster.kubelet.environment import Find, Unready, field, looked_up

Tokens = Callable[[Mapping[str, Any]], Awaitable[str]]
"""Asks for a token of the Pod's ServiceAccount, as a ``serviceAccountToken`` source says."""
Claims = Callable[[str], Path]
"""Returns the folder of a claim; raises ``Unready`` where it is not bound."""


@dataclass
class Volumes:
    """The volumes of one Pod, in ``folder``."""

    pod: Object
    folder: Path
    find: Find
    tokens: Tokens
    claims: Claims

    def __post_init__(self) -> None:
        self._tokens: dict[str, bytes] = {}

    async def prepare(self) -> None:
        """Make all of them.

        Raises:
            Unready: Something they are made of is not there yet.
        """
        await self._ask_for_tokens()
        for volume in self._all():
            self._make(volume)

    def refresh(self) -> None:
        """Bring what comes from Secrets and ConfigMaps up to date; what is gone stays as it was."""
        for volume in self._all():
            try:
                self._make(volume)
            except Unready:
                continue

    def mounts(self, container: Object) -> dict[str, Path]:
        """Return the container's mount paths, and the folder or file of each."""
        return {
            mount["mountPath"].rstrip("/"): self._path(mount["name"]) / mount.get("subPath", "")
            for mount in container.get("volumeMounts", ())
        }

    def remove(self) -> None:
        """Remove all but the claims' folders."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> Iterator[Object]:
        yield from self.pod["spec"].get("volumes", ())

    def _path(self, name: str) -> Path:
        for volume in self._all():
            if volume["name"] == name and "persistentVolumeClaim" in volume:
                return self.claims(volume["persistentVolumeClaim"]["claimName"])
        return self.folder / name

    def _make(self, volume: Object) -> None:
        path = self._path(volume["name"])
        path.mkdir(parents=True, exist_ok=True)
        if not volume.keys() & {"emptyDir", "persistentVolumeClaim"}:
            _write(path, self._files(volume))

    def _files(self, volume: Object) -> dict[str, bytes]:
        files: dict[str, bytes] = {}
        for source in volume.get("projected", {}).get("sources", [volume]):
            files |= self._of(source)
        return files

    def _of(self, source: Object) -> dict[str, bytes]:
        for kind, name in (("Secret", "secret"), ("ConfigMap", "configMap")):
            if name in source:
                return _picked(source[name], looked_up(kind, source[name], self.find) or {})
        if "downwardAPI" in source:
            return {
                item["path"]: field(self.pod, item["fieldRef"]["fieldPath"]).encode()
                for item in source["downwardAPI"].get("items", ())
            }
        if "serviceAccountToken" in source:
            return {source["serviceAccountToken"]["path"]: self._tokens[_identity(source)]}
        kinds = ", ".join(source.keys() - {"name"})
        raise ValueError(f"volume of kind {kinds} is not played by the test kubelet")

    async def _ask_for_tokens(self) -> None:
        for volume in self._all():
            for source in volume.get("projected", {}).get("sources", ()):
                if "serviceAccountToken" in source:
                    token = await self.tokens(source["serviceAccountToken"])
                    self._tokens[_identity(source)] = token.encode()


def _identity(source: Object) -> str:
    return repr(source["serviceAccountToken"])


def _picked(reference: Mapping[str, Any], data: Mapping[str, bytes]) -> dict[str, bytes]:
    if "items" not in reference:
        return dict(data)
    return {item["path"]: data[item["key"]] for item in reference["items"] if item["key"] in data}


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Replace the files all at once, by the link that Kubernetes uses."""
    link = folder / "..data"
    if link.exists() and _read(link) == files:
        return
    fresh = folder / f"..{secrets.token_hex(4)}"
    for name, data in files.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).write_bytes(data)
    fresh.mkdir(exist_ok=True)
    stale = link.resolve() if link.exists() else None
    draft = folder / "..draft"
    draft.symlink_to(fresh.name)
    draft.replace(link)
    _show(folder, {Path(name).parts[0] for name in files})
    if stale is not None:
        shutil.rmtree(stale)


def _show(folder: Path, names: set[str]) -> None:
    for entry in folder.iterdir():
        if not entry.name.startswith("..") and entry.name not in names:
            entry.unlink()
    for name in names:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(Path("..data") / name)


def _read(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.resolve().rglob("*") if path.is_file())
    return {str(path.relative_to(folder.resolve())): path.read_bytes() for path in found}
