"""Letting all integrations go, for an uninstall: nobody else takes our finalizer off afterwards.

The operator that runs would put it back at its next pass. So its Lease is taken first, for longer
than an uninstall needs until it deletes the Deployment: the operator ends, and a new one waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from saleor_segment_operator.errors import OperatorError, StartError
from saleor_segment_operator.kube.errors import translated
from saleor_segment_operator.kube.integrations import KubeIntegrations
from saleor_segment_operator.kube.lease import write
from saleor_segment_operator.kube.resources import lease as lease_name
from saleor_segment_operator.kube.secrets import KubeSecrets
from saleor_segment_operator.kube.unkept import tell_unkept
from saleor_segment_operator.resource import Integration, Key, Reason
from saleor_segment_server.cluster import LEASES, Api, Conflict, Forbidden, Unserved

HOLDER = "released"
"""Who the Lease says leads, while nobody is to."""
HELD_FOR = 30
"""Seconds for which no operator leads afterwards: Helm deletes the Deployment within a few, and who
installs anew right away has to wait for the rest."""

_ATTEMPTS = 10
_UNKEPT = (
    "No operator keeps it: install one again, or delete it. What was made in Saleor may still be "
    "there."
)

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Say = Callable[[str], None]
"""Tells a person one line."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a round came upon."""

    count: int
    """How many integrations there are."""
    released: tuple[Key, ...]
    """Those that were held and are no longer."""


async def release_all(
    api: Api,
    namespaces: Sequence[str],
    *,
    release: str,
    namespace: str,
    say: Say,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Take our finalizer off every integration, and keep the operator from putting it back.

    Their status says afterwards that nobody keeps them.

    Args:
        api: The API server.
        namespaces: Which are watched, empty for all; elsewhere those are released that are ours.
        release: The release whose operator is stopped.
        namespace: Where it runs.
        say: Told of each integration.
        sleep: Waits some seconds.

    Raises:
        StartError: One of them could not be let go; the others were.
    """
    stop = partial(_stop_operator, api, namespace, lease_name(release))
    try:
        notice = await stop()
        ours = await KubeSecrets(api, release=release, namespace=namespace).identity()
        found = await _release_once(api, namespaces, ours, say)
        released = set(found.released)
        if found.count and notice:
            say(f"waiting {notice:.0f} s until the operator has stopped")
            await sleep(notice)
            await stop()
            released.update((await _release_once(api, namespaces, ours, say)).released)
        await _tell(api, released)  # the operator that ran would have written over it
        await stop()  # who deletes the Deployment has all of the time from now on
    except OperatorError as error:
        raise StartError(str(error)) from None
    if not found.count:
        say("there is no integration")


async def _stop_operator(api: Api, namespace: str, name: str) -> float:
    """Take the Lease; return the seconds after which whoever had it does nothing any more."""
    with translated(f"Lease {namespace}/{name}"):
        for _ in range(_ATTEMPTS - 1):
            try:
                return await _take(api, namespace, name)
            except Conflict:
                continue  # it was renewed between our two calls
        return await _take(api, namespace, name)


async def _take(api: Api, namespace: str, name: str) -> float:
    found = await api.get(LEASES, namespace, name)
    before: dict[str, Any] = dict((found or {}).get("spec") or {})
    await write(
        api, namespace, name, found, holder=HOLDER, duration=HELD_FOR, now=datetime.now(UTC)
    )
    led = before.get("holderIdentity") not in {None, "", HOLDER}
    return float(before.get("leaseDurationSeconds") or 0) if led else 0.0


async def _release_once(
    api: Api, namespaces: Sequence[str], ours: str | None, say: Say
) -> "_Found":
    """Release all that installation ``ours`` may keep; return what there is."""
    integrations = KubeIntegrations(api, namespaces)
    try:
        found = await _candidates(integrations, api, namespaces, ours)
    except OperatorError as error:
        if isinstance(error.__cause__, Unserved):
            return _Found(0, ())  # their very type is gone
        raise
    failed: list[OperatorError] = []
    released: list[Key] = []
    for integration in found:
        if not integration.held:
            continue
        if ours is not None and integration.kept_by not in {None, ours}:
            say(f"{integration.key}: left to another installation, {integration.kept_by}")
            continue
        try:
            await integrations.release(integration)
            released.append(integration.key)
            say(f"{integration.key}: released")
        except OperatorError as error:
            failed.append(error)
    if failed:
        raise failed[0]
    return _Found(len(found), tuple(released))


async def _candidates(
    watched: KubeIntegrations, api: Api, namespaces: Sequence[str], ours: str | None
) -> Sequence[Integration]:
    """Return those that are watched, and those elsewhere that say they are ours.

    The latter were watched once; where the whole cluster may not be listed, they are not found.
    """
    found = [Integration.parse(each) for each in await watched.list()]
    if not namespaces or ours is None:
        return found
    try:
        documents = await KubeIntegrations(api, ()).list()
    except OperatorError as error:
        if isinstance(error.__cause__, Forbidden):
            return found
        raise
    others = [Integration.parse(each) for each in documents]
    return found + [
        each for each in others if each.kept_by == ours and each.key.namespace not in namespaces
    ]


async def _tell(api: Api, released: Iterable[Key]) -> None:
    """Say in their status that nobody keeps them; one that cannot be told stays as it is."""
    integrations = KubeIntegrations(api, ())
    for key in released:
        try:
            found = await integrations.get(key)
            if found is not None and found.deleting is None:
                now = datetime.now(UTC)
                await tell_unkept(integrations, found, Reason.NOT_KEPT, _UNKEPT, now=now)
        except OperatorError as error:
            _log.warning("status_not_written", integration=str(key), why=str(error))
