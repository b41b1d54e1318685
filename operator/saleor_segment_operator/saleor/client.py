"""One Saleor API address: GraphQL over HTTP, and what each way of failing means for us.

A call can fail in three layers: HTTP (``transport``), the answer's top-level ``errors`` and a
mutation's own ``errors`` (``refusals``). The first two are raised from here.
"""

from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
import orjson
from gql import GraphQLRequest
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.exceptions import TransportError
from graphql import DocumentNode, ExecutionResult, parse

from saleor_segment_operator.errors import Blocked, OperatorError, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor.refusals import Refused
from saleor_segment_operator.saleor.transport import (
    BoundedResponse,
    judge_failure,
    not_saleor,
    status_check,
)
from saleor_segment_server.outbound import Guard

T = TypeVar("T")
Data = Mapping[str, Any]

_IDLE = 2.0
"""Seconds a connection waits for the next call: servers close theirs after five or more, and a
call that meets the closing fails."""
_BAD_REQUESTS = frozenset({"", "GraphQLError", "GraphQLSyntaxError", "ValidationError"})


_parsed: Callable[[str], DocumentNode] = cache(parse)
"""Our operations are a dozen; parsing one takes as long as sending it."""


class _Request(GraphQLRequest):
    """An operation that is sent as it is written, not printed anew."""

    def __init__(self, document: str, variables: Data) -> None:
        super().__init__(_parsed(document), variable_values=dict(variables))
        self._text = document

    @property
    def payload(self) -> dict[str, Any]:
        return {"query": self._text, "variables": self.variable_values or {}}


class Client:
    """Sends operations to one address; use it as an async context manager.

    Args:
        api_url: Saleor's GraphQL endpoint.
        guard: Judges the addresses that are connected to.
        timeout: Seconds for a whole call.
    """

    def __init__(self, api_url: str, *, guard: Guard, timeout: float) -> None:
        self.api_url = api_url
        self._guard = guard
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def __aenter__(self) -> Self:
        """Open the session; connections are made when they are needed."""
        self._transport = AIOHTTPTransport(
            self.api_url,
            json_deserialize=orjson.loads,
            client_session_args={
                "connector": self._guard.connector(keepalive_timeout=_IDLE),
                "cookie_jar": aiohttp.DummyCookieJar(),
                "raise_for_status": status_check(self.api_url),
                "response_class": BoundedResponse,
                "timeout": self._timeout,
            },
        )
        await self._transport.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._transport.close()

    async def call(
        self,
        document: str,
        variables: Data,
        read: Callable[[Data], T],
        *,
        token: str | None = None,
    ) -> T:
        """Send an operation and return what ``read`` makes of the answer's data.

        Raises:
            Refused: Saleor does not know the caller, or the caller lacks a permission.
            Blocked: The address is not Saleor's, or Saleor does not take the request at all.
            Unavailable: There was no answer, or one that says to come again.
            MutationRefused: By ``read``.
        """
        result = await self._execute(_Request(document, variables), token)
        if result.errors:
            raise self._judge(Refused.of(result.errors))
        try:
            return read(result.data or {})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise not_saleor(self.api_url) from error

    async def get_json(self, url: str, *, limit: int) -> Any:
        """Return the document at an address of the shop, or ``None`` where there is none now.

        Args:
            url: The address.
            limit: Bytes above which it is none.
        """
        session = self._transport.session
        if session is None:
            raise RuntimeError("the client is not open")
        try:
            async with session.get(url, allow_redirects=False) as response:
                body = await response.read()
                good = response.status == HTTPStatus.OK and len(body) <= limit
                return orjson.loads(body) if good else None
        except (OperatorError, aiohttp.ClientError, OSError, ValueError):
            return None

    async def _execute(self, request: GraphQLRequest, token: str | None) -> ExecutionResult:
        options: dict[str, Any] = {"allow_redirects": False}
        if token is not None:
            options["headers"] = {"Authorization": f"Bearer {token}"}
        try:
            return await self._transport.execute(request, extra_args=options)
        except TransportError as error:
            # Not from error: it may hold what the address answered.
            raise judge_failure(self.api_url, error) from None

    def _judge(self, refused: Refused) -> Exception:
        if refused.is_about_the_token or refused.is_a_denial:
            return refused
        if refused.code in _BAD_REQUESTS:
            return Blocked(
                Reason.SALEOR_REFUSED,
                f"Saleor at {self.api_url} does not understand a request of ours: it may be older "
                "than 3.20, or newer than this release of the operator knows. Upgrade the older.",
            )
        return Unavailable(
            Reason.SALEOR_BUSY,
            f"Saleor at {self.api_url} failed inside ({refused.code}): tried again by itself.",
        )
