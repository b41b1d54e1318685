"""PersistentVolumes: a folder of this machine for each claim, kept while the claim lives."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cluster.kubelet.client import TROUBLE, Client, Key, Object, is_our_fault, key, uid
from tests.cluster.kubelet.environment import Unready

_VOLUMES = "/api/v1/persistentvolumes"
_AGAIN_SECONDS = 0.2


class Claims:
    """Makes a volume for each claim; the controller manager binds the two."""

    def __init__(self, client: Client, folder: Path, claims: dict[Key, Object]) -> None:
        self._client, self._folder, self._claims = client, folder, claims

    def within(self, namespace: str) -> Callable[[str], Path]:
        """Return the lookup of the folders of a namespace's claims."""

        def folder(name: str) -> Path:
            claim = self._claims.get((namespace, name))
            if claim is None or claim.get("status", {}).get("phase") != "Bound":
                raise Unready(f"PersistentVolumeClaim {name} is not bound")
            return self.path(claim)

        return folder

    def path(self, claim: Object) -> Path:
        """Return the folder of a claim."""
        return self._folder / "claims" / uid(claim)

    async def provide(self, claim: Object) -> None:
        """Make the volume of a claim that has none."""
        self.path(claim).mkdir(parents=True, exist_ok=True)
        while True:
            try:
                await self._client.post(_VOLUMES, self._volume(claim))
            except TROUBLE as trouble:
                if is_our_fault(trouble):
                    raise
                if getattr(trouble, "status", 0) == 409:
                    return
            else:
                return
            await asyncio.sleep(_AGAIN_SECONDS)

    async def withdraw(self, claim: Object) -> None:
        """Remove the volume of a claim that is gone, with its folder."""
        shutil.rmtree(self.path(claim), ignore_errors=True)
        try:
            await self._client.delete(f"{_VOLUMES}/{_name(claim)}", {})
        except TROUBLE:
            return

    def _volume(self, claim: Object) -> Object:
        namespace, name = key(claim)
        spec = claim["spec"]
        reference = {"namespace": namespace, "name": name, "uid": uid(claim)}
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": _name(claim)},
            "spec": {
                "capacity": {"storage": spec["resources"]["requests"]["storage"]},
                "accessModes": spec["accessModes"],
                "storageClassName": spec.get("storageClassName", ""),
                "volumeMode": spec.get("volumeMode", "Filesystem"),
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **reference},
                "hostPath": {"path": str(self.path(claim))},
            },
        }


def _name(claim: Object) -> str:
    return f"pvc-{uid(claim)}"
