"""All servers of an installation, asked together."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import httpx
import structlog

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.servers.calls import Calls, Tokens
from saleor_segment_operator.servers.errors import nobody, unreachable
from saleor_segment_operator.servers.fates import Fate, fate
from saleor_segment_operator.servers.words import Report, Totals, Word, Words

T = TypeVar("T")

Addresses = Callable[[], Awaitable[Sequence[str]]]
"""Returns the base URLs of all servers that are ready now, as in ``http://10.1.2.3:8081``."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Servers:
    """All servers of this installation; use it as an async context manager.

    What one of them does not answer is unknown of all: every method raises ``Unavailable`` then,
    so that a server out of reach never makes a total smaller or a Pipeline seem held everywhere.
    Which one it was stands in the log alone: pods and their addresses come and go, and what is
    raised stands in every integration's status.

    Args:
        addresses: Finds the servers.
        tokens: Asked before each call, where their private API asks for a token: a server that was
            not told yet of a new one takes the one before.
        timeout: Seconds for a whole call.
    """

    def __init__(
        self, addresses: Addresses, *, tokens: Tokens | None, timeout: float = 5.0
    ) -> None:
        self._addresses = addresses
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)
        self._calls = Calls(self._client, tokens)
        self._troubles: dict[str, str] = {}

    async def __aenter__(self) -> Self:
        """Open the session; connections are made when they are needed."""
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.__aexit__(kind, error, trace)

    async def held(self, pipeline_id: str, fingerprint: str) -> bool:
        """Tell whether every ready server holds the Pipeline with this ``fingerprint``."""
        return (await self.ask(pipeline_id)).held(fingerprint)

    async def totals(self, pipeline_id: str) -> Totals:
        """Add up what every ready server has of the Pipeline's events.

        Raises:
            Unavailable: Also where one does not hold the Pipeline: what it has is not known then.
        """
        return (await self.ask(pipeline_id)).totals()

    async def ask(self, pipeline_id: str) -> Word:
        """Ask every ready server about one Pipeline."""
        told = await self._of_all(lambda address: self._reports(address, id=pipeline_id))
        return Words(tuple(told)).of(pipeline_id)

    async def ask_about_all(self) -> Words:
        """Ask every ready server about all its Pipelines."""
        return Words(tuple(await self._of_all(self._reports)))

    async def bury(self, pipeline_id: str) -> None:
        """Have every ready server make dead letters of the Pipeline's events that still wait."""
        await self._of_all(lambda address: self._bury(address, pipeline_id))

    async def hand_in(
        self, pipeline_id: str, event: str, headers: Mapping[str, str], body: bytes
    ) -> Fate:
        """Give a server a delivery as Saleor would, but for the way in between.

        Args:
            pipeline_id: Whose it is.
            event: Its event, as in ``ORDER_CREATED``.
            headers: What Saleor sent with it, the signature among them.
            body: What Saleor sent.

        Raises:
            Unavailable: No server takes deliveries now; later one may.
        """
        addresses = await self._addresses()
        if not addresses:
            raise nobody()
        address = min(addresses)
        url = f"{address}/internal/v1/pipelines/{pipeline_id}/deliveries/{event}"
        with self._noting(address):
            return fate(await self._calls.send("POST", url, headers=headers, content=body))

    async def _of_all(self, ask: Callable[[str], Awaitable[T]]) -> list[T]:
        addresses = await self._addresses()
        if not addresses:
            raise nobody()
        asked = (self._of_one(address, ask) for address in addresses)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if not isinstance(answer, BaseException)]

    async def _of_one(self, address: str, ask: Callable[[str], Awaitable[T]]) -> T:
        with self._noting(address):
            return await ask(address)

    @contextmanager
    def _noting(self, address: str) -> Iterator[None]:
        """Log what is the matter with a server when that changes."""
        try:
            yield
        except Unavailable as error:
            if self._troubles.get(address) != str(error):
                _log.warning("server_in_trouble", server=address, why=str(error))
            self._troubles[address] = str(error)
            raise
        if self._troubles.pop(address, None) is not None:
            _log.info("server_well_again", server=address)

    async def _reports(self, address: str, **only: str) -> Mapping[str, Report]:
        response = await self._calls.ask("GET", f"{address}/internal/v1/pipelines", params=only)
        try:
            return {str(one["id"]): Report.parse(one) for one in response.json()["pipelines"]}
        except (KeyError, TypeError, ValueError) as error:
            raise unreachable("A server answers what we cannot read.") from error

    async def _bury(self, address: str, pipeline_id: str) -> None:
        url = f"{address}/internal/v1/pipelines/{pipeline_id}/bury"
        await self._calls.ask("POST", url, fine=httpx.codes.NOT_FOUND)  # it never had any
