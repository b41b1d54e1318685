"""One client per shop, however many integrations it has: sessions and logins are shared."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from saleor_segment_operator.saleor import Saleor


class SaleorPool:
    """Clients by their API address, made when first asked for; an async context manager."""

    def __init__(self, make: Callable[[str], Saleor]) -> None:
        """Make clients with ``make``."""
        self._make = make
        self._clients: dict[str, Saleor] = {}
        self._stack = AsyncExitStack()
        self._turn = asyncio.Lock()

    async def __call__(self, api_url: str) -> Saleor:
        """Return the client of the shop at ``api_url``."""
        async with self._turn:
            if api_url not in self._clients:
                client = self._make(api_url)
                self._clients[api_url] = await self._stack.enter_async_context(client)
            return self._clients[api_url]

    async def __aenter__(self) -> Self:
        """Begin without any."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close them all."""
        await self._stack.aclose()
