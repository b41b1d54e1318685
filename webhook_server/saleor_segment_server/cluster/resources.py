"""Resources of the API server, and where they lie."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A namespaced resource type."""

    group: str
    """Its API group; empty for the core."""
    version: str
    plural: str

    @property
    def api_version(self) -> str:
        """What ``apiVersion`` says in its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """Return the path of one object, of a namespace's or of all."""
        parts = [f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"]
        if namespace is not None:
            parts.append(f"namespaces/{namespace}")
        parts.append(self.plural)
        parts.extend(part for part in (name, subresource) if part is not None)
        return "/".join(parts)


SECRETS = Resource("", "v1", "secrets")
EVENTS = Resource("", "v1", "events")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
