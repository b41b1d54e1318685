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


def call_of(method: str, path: str, *, watch: bool) -> tuple[str, str]:
    """Return verb and resource of a call as RBAC names them; the resource with its subresource."""
    parts = path.strip("/").split("/")
    parts = parts[2 if parts[0] == "api" else 3 :]
    if parts[:1] == ["namespaces"] and len(parts) > 2:  # noqa: PLR2004 - more than a namespace
        parts = parts[2:]
    resource = "/".join((*parts[:1], *parts[2:]))
    if method != "GET":
        return _VERBS[method], resource
    return "watch" if watch else "get" if len(parts) > 1 else "list", resource


_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}

SECRETS = Resource("", "v1", "secrets")
EVENTS = Resource("", "v1", "events")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
