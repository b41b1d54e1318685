"""What the servers hold and how far they are: their private API, read from every one of them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import structlog

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason

T = TypeVar("T")

Addresses = Callable[[], Awaitable[Sequence[str]]]
"""Returns the base URLs of all servers that are ready now, as in ``http://10.1.2.3:8081``."""
Tokens = Callable[[], Awaitable[Sequence[str]]]
"""Returns the bearer tokens of their private API that may be in force now, the likeliest first."""

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all servers together have of one Pipeline's events."""

    pending: int
    """Events accepted and not yet sent."""
    dead: int
    """Events that could not be sent and are kept."""
    delivered: int
    """Events that Segment accepted."""
    dead_why: str | None = None
    """Why the newest of the dead could not be sent, where there is one."""
    oldest_pending_since: datetime | None = None
    """When the oldest event that waits was accepted."""
    last_delivered_at: datetime | None = None
    """When Segment last accepted a batch."""
    parked: str | None = None
    """Why sending has stopped until key or spec change, where it has."""
    waiting: str | None = None
    """Why Segment is tried again, where its last answer was none to go on with."""
    received: bool = False
    """Whether Saleor itself brought any, rather than the operator."""


class Fate(StrEnum):
    """What became of a delivery that was handed to a server."""

    ACCEPTED = "accepted"
    """It is durable now."""
    DUPLICATE = "duplicate"
    """It was already."""
    BURIED = "buried"
    """It is genuine and not wanted: a dead letter, with the reason."""
    UNVERIFIED = "unverified"
    """Its signature does not verify under the key that the shop has now."""
    REFUSED = "refused"
    """It is not what Saleor sends, or larger than a server takes."""


@dataclass(frozen=True, slots=True)
class _Report:
    """One server's word on one Pipeline."""

    fingerprint: str
    totals: Totals

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "_Report":
        totals = Totals(
            pending=int(document["pending"]),
            dead=int(document["dead"]),
            delivered=int(document["delivered"]),
            oldest_pending_since=_time(document["oldestPendingSince"]),
            last_delivered_at=_time(document["lastDeliveredAt"]),
            parked=document["parked"],
            waiting=document.get("waiting"),
            dead_why=document.get("deadWhy"),
            received=bool(document.get("heard")),
        )
        return cls(str(document["hash"]), totals)


@dataclass(frozen=True, slots=True)
class Word:
    """What every ready server says of one Pipeline; ``None`` where one does not hold it."""

    _reports: tuple[_Report | None, ...]

    def held(self, fingerprint: str) -> bool:
        """Tell whether all hold it with this ``fingerprint``."""
        return all(one is not None and one.fingerprint == fingerprint for one in self._reports)

    def totals(self) -> Totals:
        """Add up what all have of its events.

        Raises:
            Unavailable: One does not hold it: what that one has is not known then.
        """
        known = [report.totals for report in self._reports if report is not None]
        if len(known) < len(self._reports):
            raise Unavailable(
                Reason.PIPELINE_PENDING, "A server does not hold the Pipeline yet: asked again."
            )
        return _sum(known)


@dataclass(frozen=True, slots=True)
class Words:
    """What every ready server says of all Pipelines."""

    _servers: tuple[Mapping[str, _Report], ...]

    def of(self, pipeline_id: str) -> Word:
        """Return what they say of one."""
        return Word(tuple(each.get(pipeline_id) for each in self._servers))


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
        self._tokens = tokens
        self._troubles: dict[str, str] = {}
        self._client = httpx.AsyncClient(timeout=timeout, trust_env=False)

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
            raise _nobody()
        address = min(addresses)
        url = f"{address}/internal/v1/pipelines/{pipeline_id}/deliveries/{event}"
        with self._noting(address):
            return _fate(await self._send("POST", url, headers=headers, content=body))

    async def _of_all(self, ask: Callable[[str], Awaitable[T]]) -> list[T]:
        addresses = await self._addresses()
        if not addresses:
            raise _nobody()
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

    async def _reports(self, address: str, **only: str) -> Mapping[str, _Report]:
        response = await self._ask("GET", f"{address}/internal/v1/pipelines", params=only)
        try:
            return {str(one["id"]): _Report.parse(one) for one in response.json()["pipelines"]}
        except (KeyError, TypeError, ValueError) as error:
            raise _unreachable("A server answers what we cannot read.") from error

    async def _bury(self, address: str, pipeline_id: str) -> None:
        url = f"{address}/internal/v1/pipelines/{pipeline_id}/bury"
        await self._ask("POST", url, fine=httpx.codes.NOT_FOUND)  # it never had any

    async def _ask(
        self, method: str, url: str, *, fine: int | None = None, **content: Any
    ) -> httpx.Response:
        response = await self._send(method, url, **content)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise _token_refused()
        if not response.is_success and response.status_code != fine:
            raise _unreachable(f"A server answers HTTP {response.status_code}.")
        return response

    async def _send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """Make a call, once more with a former token where the present one is refused."""
        present, *former = await self._authorizations()
        response = await self._request(method, url, {**(headers or {}), **present}, content)
        for each in former:
            if not _refuses_token(response):
                break
            response = await self._request(method, url, {**(headers or {}), **each}, content)
        return response

    async def _authorizations(self) -> Sequence[Mapping[str, str]]:
        tokens = () if self._tokens is None else await self._tokens()
        return [{"Authorization": f"Bearer {token}"} for token in tokens] or [{}]

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], content: Mapping[str, Any]
    ) -> httpx.Response:
        try:
            return await self._client.request(method, url, headers=headers, **content)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            message = f"A server does not answer ({type(error).__name__}): see its pod and log."
            raise _unreachable(message) from error


_REFUSALS = frozenset(
    {
        httpx.codes.BAD_REQUEST,
        httpx.codes.REQUEST_ENTITY_TOO_LARGE,
        httpx.codes.UNSUPPORTED_MEDIA_TYPE,
    }
)
_UNVERIFIED = frozenset(
    {"key_unknown", "signature_malformed", "signature_missing", "signature_wrong"}
)


def _refuses_token(response: httpx.Response) -> bool:
    is_refusal = response.status_code == httpx.codes.UNAUTHORIZED
    return is_refusal and _document(response).get("error") not in _UNVERIFIED


def _fate(response: httpx.Response) -> Fate:
    """Tell what a server made of a delivery.

    Raises:
        Unavailable: It says nothing of the delivery itself.
    """
    document = _document(response)
    error = document.get("error")
    if response.is_success and document.get("outcome") in {*Fate}:
        return Fate(document["outcome"])
    if error in _UNVERIFIED:
        return Fate.UNVERIFIED
    if error in {"token_missing", "token_wrong"}:
        raise _token_refused()
    if error and response.status_code in _REFUSALS:
        return Fate.REFUSED
    status = response.status_code
    message = f"A server takes no delivery now (HTTP {status}): tried again by itself."
    raise Unavailable(Reason.SERVERS_BUSY, message)


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _nobody() -> Unavailable:
    return _unreachable("No server is ready: see the servers' pods and logs.")


def _token_refused() -> Unavailable:
    return _unreachable("A server refuses our token: give both sides the same one.")


def _unreachable(message: str) -> Unavailable:
    return Unavailable(Reason.SERVERS_UNREACHABLE, message)


def _sum(all_totals: Sequence[Totals]) -> Totals:
    waits = [one.oldest_pending_since for one in all_totals if one.oldest_pending_since]
    deliveries = [one.last_delivered_at for one in all_totals if one.last_delivered_at]
    return Totals(
        pending=sum(one.pending for one in all_totals),
        dead=sum(one.dead for one in all_totals),
        delivered=sum(one.delivered for one in all_totals),
        oldest_pending_since=min(waits, default=None),
        last_delivered_at=max(deliveries, default=None),
        parked=next((one.parked for one in all_totals if one.parked), None),
        waiting=next((one.waiting for one in all_totals if one.waiting), None),
        received=any(one.received for one in all_totals),
        dead_why=next((one.dead_why for one in all_totals if one.dead_why), None),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
