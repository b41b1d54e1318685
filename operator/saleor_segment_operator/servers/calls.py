"""Calls of one server's private API, with the token that it takes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import httpx

from saleor_segment_operator.servers.errors import token_refused, unreachable
from saleor_segment_operator.servers.fates import refuses_token

Tokens = Callable[[], Awaitable[Sequence[str]]]
"""Returns the bearer tokens of their private API that may be in force now, the likeliest first."""


class Calls:
    """Makes them.

    Args:
        client: What they are made with.
        tokens: Asked before each call, where their private API asks for a token: a server that was
            not told yet of a new one takes the one before.
    """

    def __init__(self, client: httpx.AsyncClient, tokens: Tokens | None) -> None:
        self._client = client
        self._tokens = tokens

    async def ask(
        self, method: str, url: str, *, fine: int | None = None, **content: Any
    ) -> httpx.Response:
        """Return an answer that is what was asked for.

        Args:
            method: Of the request.
            url: Of the request.
            fine: A status besides 2xx that is an answer too.
            content: What httpx takes besides.

        Raises:
            Unavailable: There is none.
        """
        response = await self.send(method, url, **content)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise token_refused()
        if not response.is_success and response.status_code != fine:
            raise unreachable(f"A server answers HTTP {response.status_code}.")
        return response

    async def send(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, **content: Any
    ) -> httpx.Response:
        """Make a call, once more with a former token where the present one is refused.

        Raises:
            Unavailable: There is no answer at all.
        """
        present, *former = await self._authorizations()
        response = await self._request(method, url, {**(headers or {}), **present}, content)
        for each in former:
            if not refuses_token(response):
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
            raise unreachable(message) from error
