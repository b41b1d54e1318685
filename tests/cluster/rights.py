"""What the chart grants to its daemons against what they call, as the audit log has it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.cluster.plane.audit import Call
from tests.cluster.site import Object, Site


@dataclass(frozen=True, order=True)
class Right:
    """A verb that a ServiceAccount has on a resource."""

    account: str
    """``namespace/name``."""
    scope: str
    """The namespace in which it has it; empty for all."""
    verb: str
    group: str
    resource: str
    names: frozenset[str] = frozenset()
    """Of which objects only, where it is so."""

    def allows(self, call: Call) -> bool:
        """Tell whether a call is one of those it permits."""
        same = (self.account, self.verb, self.group, self.resource) == (
            call.account,
            call.verb,
            call.group,
            call.resource,
        )
        there = self.scope in {"", call.namespace}
        # A list or a watch by a field selector has its name from there.
        return same and there and (not self.names or call.name in self.names)


async def granted(site: Site) -> frozenset[Right]:
    """Return all that is granted to the ServiceAccounts of the release's namespace."""
    found: set[Right] = set()
    for kind in ("clusterrolebindings", "rolebindings"):
        for binding in await site.kubectl.list(kind, *(["-A"] if kind == "rolebindings" else [])):
            accounts = [
                f"{site.namespace}/{subject['name']}"
                for subject in binding.get("subjects", ())
                if subject.get("namespace") == site.namespace
            ]
            for account in accounts:
                found.update(await _rights(site, binding, account))
    return frozenset(found)


async def _rights(site: Site, binding: Object, account: str) -> list[Right]:
    scope = binding["metadata"].get("namespace", "")
    role = await site.kubectl.get(
        binding["roleRef"]["kind"], binding["roleRef"]["name"], scope or None
    )
    return [right for rule in role["rules"] for right in _of(rule, account, scope)]


def _of(rule: Object, account: str, scope: str) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                names = frozenset(rule.get("resourceNames", ()))
                yield Right(account, scope, verb, group, resource, names)


def calls_of(site: Site, *, since: int = 0) -> frozenset[Call]:
    """Return what the release's ServiceAccounts called.

    What everybody may read of the API server itself (``/openapi``) is left aside.
    """
    return frozenset(
        call
        for call in site.plane.audit.calls(since=since)
        if call.account.startswith(f"{site.namespace}/") and not call.resource.startswith("/")
    )


def assert_granted(calls: frozenset[Call], rights: frozenset[Right]) -> None:
    """Hold calls against what is granted: each is, and was not refused."""
    assert [call for call in calls if not any(right.allows(call) for right in rights)] == []
    assert [call for call in calls if call.code == 403] == []


def unused(rights: frozenset[Right], calls: frozenset[Call]) -> set[Right]:
    """Return the rights that no call needs; one that a smaller scope permits needs no larger."""
    return {right for right in rights if not _used(right, rights, calls)}


def _used(right: Right, rights: frozenset[Right], calls: frozenset[Call]) -> bool:
    smaller = [each for each in rights if each.scope and not right.scope]
    return any(
        right.allows(call) and not any(each.allows(call) for each in smaller)
        for call in calls
        if call.code != 403
    )
