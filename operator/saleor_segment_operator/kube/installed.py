"""Whether the API server knows our resource type, as this version of the operator needs it.

It is read from the published schema, which every ServiceAccount may do: nothing need be granted.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog

from saleor_segment_operator.kube.resources import INTEGRATIONS
from saleor_segment_operator.resource import GROUP, KIND, VERSION
from saleor_segment_operator.resource.crd import NAME, manifest
from saleor_segment_server.cluster import Api, ApiError

_EVERY = 2.0
_REMIND = 30.0

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def wait_until_installed(
    api: Api, *, every: float = _EVERY, clock: Callable[[], float] = time.monotonic
) -> None:
    """Return once the API server serves our type with all fields; until then say what is missing.

    Args:
        api: The API server.
        every: Seconds between two looks.
        clock: Seconds on a clock that is never set.
    """
    told: tuple[str, float] = ("", 0.0)
    while (problem := await _look(api)) is not None:
        if problem != told[0] or clock() - told[1] >= _REMIND:
            _log.warning("crd_not_usable", problem=problem)
            told = (problem, clock())
        await asyncio.sleep(every)


async def _look(api: Api) -> str | None:
    try:
        return shortfall(await api.served(f"/openapi/v3/apis/{GROUP}/{VERSION}"))
    except ApiError as error:
        return f"it cannot be told whether the CRD {NAME} is there: {error}"


def shortfall(openapi: Mapping[str, Any] | None) -> str | None:
    """Say what the published schema of our group and version lacks, or ``None``: pure.

    Args:
        openapi: The document that the API server publishes; ``None`` where there is none.
    """
    schema = None if openapi is None else _schema(openapi)
    if openapi is None or schema is None:
        return (
            f"CRD {NAME} is not installed, or not with {VERSION}: apply crds/, or install the "
            "chart with crds.enabled"
        )
    ours = manifest()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lacking = list(_lacking(ours, schema, ""))
    if f"{INTEGRATIONS.path('{namespace}', '{name}', 'status')}" not in openapi.get("paths", {}):
        lacking.append("the status subresource")
    if not lacking:
        return None
    named = ", ".join(lacking[:3]) + (" and more" if lacking[3:] else "")
    return f"CRD {NAME} is older than this operator, it lacks {named}: apply this version's crds/"


def _schema(openapi: Mapping[str, Any]) -> Mapping[str, Any] | None:
    kind = {"group": GROUP, "version": VERSION, "kind": KIND}
    for schema in openapi.get("components", {}).get("schemas", {}).values():
        if kind in schema.get("x-kubernetes-group-version-kind", ()):
            found: Mapping[str, Any] = schema
            return found
    return None


def _lacking(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the fields of ``ours`` that ``theirs`` does not know and would drop."""
    known = theirs.get("properties", {})
    for name, field in ours.get("properties", {}).items():
        if name in {"apiVersion", "kind", "metadata"} and not path:
            continue
        where = f"{path}.{name}".lstrip(".")
        if name in known:
            yield from _lacking(field, known[name], where)
        else:
            yield where
    if "items" in ours and "items" in theirs:
        yield from _lacking(ours["items"], theirs["items"], path)
