"""What the API server's audit log says of the calls of ServiceAccounts."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}
"""Who called what, and no bodies; the tests' own calls and the controllers' are left out."""


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One call, as RBAC sees it."""

    account: str
    """``namespace/name`` of the ServiceAccount."""
    verb: str
    group: str
    """API group, empty for the core."""
    resource: str
    """With the subresource: ``pods/status``; the path where it is no resource."""
    namespace: str = ""
    name: str = ""
    code: int = 0
    """HTTP status of the answer; 0 where there was none."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The audit log's file."""

    path: Path

    def mark(self) -> int:
        """Return a position to give to ``calls`` as ``since``."""
        return self.path.stat().st_size if self.path.exists() else 0

    def calls(self, account: str | None = None, *, since: int = 0) -> list[Call]:
        """Return the calls in order, of one ServiceAccount (``namespace/name``) or of all."""
        return [call for call in _calls(self._lines(since)) if account in {None, call.account}]

    def _lines(self, since: int) -> Iterator[str]:
        if not self.path.exists():
            return
        with self.path.open("rb") as log:
            log.seek(since)
            for line in log:
                if line.endswith(b"\n"):
                    yield line.decode()


def _calls(lines: Iterable[str]) -> Iterator[Call]:
    seen: set[str] = set()
    for line in lines:
        event = json.loads(line)
        # A watch is told when it starts and again when it ends.
        if event["auditID"] not in seen:
            seen.add(event["auditID"])
            yield _call(event)


def _call(event: dict[str, Any]) -> Call:
    target = event.get("objectRef", {})
    parts = [target.get("resource", ""), target.get("subresource", "")]
    return Call(
        account=event["user"]["username"].removeprefix("system:serviceaccount:").replace(":", "/"),
        verb=event["verb"],
        group=target.get("apiGroup", ""),
        resource="/".join(filter(None, parts)) or event["requestURI"].partition("?")[0],
        namespace=target.get("namespace", ""),
        name=target.get("name", ""),
        code=event.get("responseStatus", {}).get("code", 0),
    )
