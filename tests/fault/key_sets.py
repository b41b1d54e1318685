"""A shop whose key set can go wrong in each way that a page on the web can."""

import asyncio
import contextlib
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from aiohttp import web

from tests.data_plane.receiving import Shop

KIB, MIB = 2**10, 2**20
MOVED = "moved"
"""The query under which the key set is right whatever the fault."""
_PAUSE = 0.1


@dataclass
class FaultyShop(Shop):
    """Shows its key set, or does what the fault does."""

    fault: "Fault | None" = None

    async def show(self, request: web.Request) -> web.StreamResponse:  # type: ignore[override]
        """Answer a request for the key set."""
        if self.fault is None or request.query_string == MOVED:
            return await super().show(request)
        self.asked += 1
        return await self.fault(self, request)

    def keys(self, *, padding: int = 0) -> bytes:
        """Return the key set that a healthy shop would show, made longer."""
        return orjson.dumps(self.signer.jwks()) + b" " * padding


Fault = Callable[[FaultyShop, web.Request], Awaitable[web.StreamResponse]]


async def _fails(_: FaultyShop, __: web.Request) -> web.StreamResponse:
    return web.Response(status=500, text="Internal Server Error")


async def _is_a_page(_: FaultyShop, __: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>Back soon</html>", content_type="text/html")


async def _is_empty(_: FaultyShop, __: web.Request) -> web.StreamResponse:
    return web.json_response({"keys": []})


async def _is_too_large(shop: FaultyShop, _: web.Request) -> web.StreamResponse:
    return web.Response(body=shop.keys(padding=64 * KIB), content_type="application/json")


async def _is_a_bomb(shop: FaultyShop, _: web.Request) -> web.StreamResponse:
    squeeze = zlib.compressobj(level=1, wbits=31)
    body = squeeze.compress(shop.keys())
    body += b"".join(squeeze.compress(b" " * MIB) for _ in range(32)) + squeeze.flush()
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


async def _never_ends(_: FaultyShop, request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    try:
        while True:
            await answer.write(b" " * MIB)
    except ConnectionError:
        return answer


async def _redirects(_: FaultyShop, request: web.Request) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": f"{request.path}?{MOVED}"})


async def _hangs_up(_: FaultyShop, request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _drips(_: FaultyShop, request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(b" ")
            await asyncio.sleep(_PAUSE)
    return answer


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "500": _fails,
        "a page of maintenance": _is_a_page,
        "an empty set": _is_empty,
        "more than 64 KiB": _is_too_large,
        "32 MiB, compressed": _is_a_bomb,
        "an answer without end": _never_ends,
        "a redirect to a set that is right": _redirects,
        "a connection that breaks": _hangs_up,
        "an answer by the byte": _drips,
    }
)
"""What a key set's address may answer, by what it is."""
