"""A small client of the API server, with an administrator's rights."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Self

import aiohttp
from yarl import URL

Object = dict[str, Any]
Key = tuple[str, str]
"""Namespace (empty for what has none) and name."""

TROUBLE = (aiohttp.ClientError, TimeoutError, OSError)
"""What an API server that is away or in trouble raises."""

_CALL = aiohttp.ClientTimeout(total=10)
_AGAIN_SECONDS = 0.2
_GOODBYE_SECONDS = 0.1  # for connections to be closed, which TLS does not do at once


class Client:
    """HTTP to one API server, for the time of an ``async with``."""

    def __init__(self, url: str, *, ca: Path, token: str) -> None:
        self.url = URL(url)
        self._ca, self._token = ca, token

    async def __aenter__(self) -> Self:
        trust = ssl.create_default_context(cafile=self._ca)
        self._session = aiohttp.ClientSession(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self._token}"},
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            raise_for_status=_check,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await asyncio.sleep(_GOODBYE_SECONDS)

    async def get(self, path: str) -> Object:
        """Return one object or a list."""
        return await self._json("GET", path)

    async def post(self, path: str, body: Mapping[str, Any]) -> Object:
        """Create an object, or call a subresource."""
        return await self._json("POST", path, body)

    async def put(self, path: str, body: Mapping[str, Any]) -> Object:
        """Replace an object."""
        return await self._json("PUT", path, body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Object:
        """Apply a merge patch."""
        return await self._json("PATCH", path, body, kind="application/merge-patch+json")

    async def delete(self, path: str, body: Mapping[str, Any]) -> Object:
        """Delete an object with these options."""
        return await self._json("DELETE", path, body)

    async def watch(
        self, path: str, version: str, selector: str = ""
    ) -> AsyncGenerator[Object, None]:
        """Yield the watch events of a collection since ``version``, until the server ends it."""
        query = {"watch": "1", "resourceVersion": version, "labelSelector": selector}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with self._session.get(path, params=query, timeout=timeout) as answer:
            rest = b""
            async for piece in answer.content.iter_any():
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield json.loads(line)

    async def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        kind: str = "application/json",
    ) -> Object:
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": kind}
        async with self._session.request(
            method, path, data=data, headers=headers, timeout=_CALL
        ) as answer:
            found: Object = await answer.json()
            return found


def is_our_fault(trouble: BaseException) -> bool:
    """Tell whether the API server takes a request for malformed: asking again is no use."""
    return isinstance(trouble, aiohttp.ClientResponseError) and trouble.status in {400, 422}


async def _check(answer: aiohttp.ClientResponse) -> None:
    if not answer.ok:
        said = await answer.text()
        raise aiohttp.ClientResponseError(
            answer.request_info, (), status=answer.status, message=said
        )


class Mirror:
    """What a collection holds, kept up to date; relists after every trouble.

    ``changed`` is called with each object that is new or changed, and with each that is gone.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        changed: Callable[[Object, bool], None],
        *,
        selector: str = "",
    ) -> None:
        self.objects: dict[Key, Object] = {}
        self.synced = asyncio.Event()
        self._client, self._path, self._changed = client, path, changed
        self._selector = selector

    async def run(self) -> None:
        """Follow it for ever."""
        while True:
            try:
                await self._follow(await self._list())
            except TROUBLE:
                await asyncio.sleep(_AGAIN_SECONDS)

    async def _list(self) -> str:
        found = await self._client.get(f"{self._path}?labelSelector={self._selector}")
        now = {key(each): each for each in found["items"]}
        for gone in self.objects.keys() - now.keys():
            self._changed(self.objects.pop(gone), True)
        for each, new in now.items():
            self._put(each, new)
        self.synced.set()
        version: str = found["metadata"]["resourceVersion"]
        return version

    async def _follow(self, version: str) -> None:
        async with aclosing(self._client.watch(self._path, version, self._selector)) as events:
            async for event in events:
                if event["type"] == "ERROR":
                    return
                self._take(event["type"], event["object"])

    def _take(self, kind: str, each: Object) -> None:
        if kind == "DELETED":
            self.objects.pop(key(each), None)
            self._changed(each, True)
        elif kind in {"ADDED", "MODIFIED"}:
            self._put(key(each), each)

    def _put(self, at: Key, new: Object) -> None:
        old = self.objects.get(at)
        self.objects[at] = new
        if old is not None and uid(old) != uid(new):
            self._changed(old, True)
        if old is None or version(old) != version(new):
            self._changed(new, False)


def key(each: Object) -> Key:
    """Return what an object is found by within its kind."""
    return each["metadata"].get("namespace", ""), each["metadata"]["name"]


def uid(each: Object) -> str:
    """Return the identity of an object: another of the same name has another."""
    found: str = each["metadata"]["uid"]
    return found


def version(each: Object) -> str:
    """Return the version of an object."""
    found: str = each["metadata"]["resourceVersion"]
    return found
