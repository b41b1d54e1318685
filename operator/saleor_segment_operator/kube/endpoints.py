"""Where the servers are: the ready addresses of their headless Service."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_server.addresses import http_url
from saleor_segment_server.cluster import ENDPOINT_SLICES, Api, ApiError

PORT = "private"
"""Name of the port of the servers' private API."""

_FRESH = 1.0
"""Seconds for which a list holds: a pass asks twice, and hundreds of passes may run at a time."""


class ServerAddresses:
    """Finds the servers that are ready, for ``Servers``.

    Args:
        api: Where the EndpointSlices are.
        namespace: The release's.
        service: The servers' Service.
        fresh: Seconds for which a list holds.
        clock: Seconds on a clock that is never set.
    """

    def __init__(
        self,
        api: Api,
        *,
        namespace: str,
        service: str,
        fresh: float = _FRESH,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._service = service
        self._fresh = fresh
        self._clock = clock
        self._turn = asyncio.Lock()
        self._known: tuple[str, ...] = ()
        self._asked = float("-inf")

    async def __call__(self) -> Sequence[str]:
        """Return the base URLs of all servers that are ready.

        Raises:
            Unavailable: The API server does not say.
        """
        async with self._turn:  # those that wait take what the first was told
            asked = self._clock()
            if asked - self._asked >= self._fresh:
                self._known = await self._list()
                self._asked = asked
            return self._known

    async def _list(self) -> tuple[str, ...]:
        selector = f"kubernetes.io/service-name={self._service}"
        try:
            found = await self._api.list(ENDPOINT_SLICES, self._namespace, labels=selector)
        except ApiError as error:
            message = f"The servers cannot be found: {error}."
            raise Unavailable(Reason.SERVERS_UNREACHABLE, message) from error
        # A Service of two address families has each server twice.
        return tuple(sorted(dict(reversed(list(_servers(found.items)))).values()))


def _servers(slices: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield each ready server's pod, or its address, with its base URL."""
    for one in sorted(slices, key=lambda each: str(each.get("addressType"))):
        port = next(
            (each["port"] for each in one.get("ports") or () if each.get("name") == PORT), None
        )
        for endpoint in one.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready")
            if port is not None and ready is not False:  # unknown counts as ready, says the API
                address = endpoint["addresses"][0]
                pod = (endpoint.get("targetRef") or {}).get("uid") or address
                yield pod, http_url(address, port)
