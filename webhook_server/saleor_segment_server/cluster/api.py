"""Calls of the API server as plain data: one adapter over the ``kubernetes`` client."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self

import aiohttp
import orjson
from kubernetes.aio.client import ApiClient

from saleor_segment_server.cluster.access import Access
from saleor_segment_server.cluster.answers import RAISED, answered, readable, refusal_of
from saleor_segment_server.cluster.errors import Missing, Unanswered, Unserved
from saleor_segment_server.cluster.resources import Resource, call_of

Document = Mapping[str, Any]

PAGE = 50
"""Objects of a list that are in memory as a whole at a time: one of ours takes 120 KiB."""
_MANAGED = "managedFields"
_WHOLE_CALL = aiohttp.ClientTimeout(total=20.0, sock_connect=5.0)
_METADATA = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
_FAILED = 400


class Patch(StrEnum):
    """How a patch is meant; the values are its content types."""

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    APPLY = "application/apply-patch+yaml"
    """Server-side apply; it needs a field manager."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The objects of a list, and the version to watch from."""

    items: Sequence[Document]
    version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One line of a watch."""

    kind: str
    """ADDED, MODIFIED, DELETED or BOOKMARK."""
    object: Document


class Api:
    """The API server; use it as an async context manager.

    Every method raises an ``ApiError``; see there.

    Args:
        access: Where the credentials lie.
        timeout: For a whole call that is no watch.
        told: Called with verb, resource and HTTP status (0 where there was none) of each call.
    """

    def __init__(
        self,
        access: Access,
        *,
        timeout: aiohttp.ClientTimeout = _WHOLE_CALL,
        told: Callable[[str, str, int], None] = lambda *_: None,
    ) -> None:
        self._access = access
        self._timeout = timeout
        self._told = told

    async def __aenter__(self) -> Self:
        """Read the credentials.

        Raises:
            StartError: There are none.
        """
        self._client = ApiClient(await self._access.configuration())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._client.close()

    async def served(self, path: str) -> Document | None:
        """Return what the API server publishes of itself at ``path``, if there is anything."""
        try:
            return await self._call("GET", path)
        except (Missing, Unserved):
            return None

    async def get(self, resource: Resource, namespace: str, name: str) -> Document | None:
        """Return an object, or ``None`` where there is none."""
        try:
            return await self._call("GET", resource.path(namespace, name))
        except Missing:
            return None

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        fields: str | None = None,
        labels: str | None = None,
        metadata_only: bool = False,
        kept: Callable[[Document], Document] = lambda document: document,
    ) -> Listing:
        """Return all objects of a namespace, or of all, page by page, without ``managedFields``.

        Args:
            resource: What is listed.
            namespace: Where; ``None`` for everywhere.
            fields: A field selector.
            labels: A label selector.
            metadata_only: Leave everything but metadata on the server.
            kept: What is kept of each object as the pages come; of thousands less is more.
        """
        query = _selectors(fields, labels) | {"limit": str(PAGE)}
        items: list[Document] = []
        while True:
            page = await self._call(
                "GET",
                resource.path(namespace),
                query=query,
                accept=_METADATA.format("List") if metadata_only else None,
            )
            with readable():
                items += map(kept, map(_unmanaged, page.get("items") or ()))
                following = page["metadata"].get("continue")
                version = str(page["metadata"]["resourceVersion"])
            if not following:
                return Listing(items, version)
            query |= {"continue": following}

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        since: str,
        fields: str | None = None,
        labels: str | None = None,
        metadata_only: bool = False,
        seconds: float = 300.0,
        silence: float = 90.0,
    ) -> AsyncGenerator[WatchEvent]:
        """Yield what happens after ``since``, until the server ends it after ``seconds``.

        Args:
            resource: What is watched.
            namespace: Where; ``None`` for everywhere.
            since: The resource version to go on from.
            fields: A field selector.
            labels: A label selector.
            metadata_only: Leave everything but metadata on the server.
            seconds: How long the server keeps it open.
            silence: Seconds without a line, bookmarks included, after which it counts as dead.
        """
        query = _selectors(fields, labels) | {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(int(seconds)),
        }
        timeout = aiohttp.ClientTimeout(sock_connect=5.0, sock_read=silence)
        accept = _METADATA.format("") if metadata_only else None
        response = await self._send(
            "GET", resource.path(namespace), query=query, accept=accept, timeout=timeout
        )
        try:
            while line := await _line(response):
                yield _event(line)
        finally:
            _hang_up(response)

    async def create(self, resource: Resource, namespace: str, body: Document) -> Document:
        """Create an object; a ``Conflict`` where it exists."""
        return await self._call("POST", resource.path(namespace), body=body)

    async def replace(
        self, resource: Resource, namespace: str, name: str, body: Document
    ) -> Document:
        """Replace an object; a ``Conflict`` where its ``resourceVersion`` is not the one given."""
        return await self._call("PUT", resource.path(namespace, name), body=body)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        body: Document | Sequence[Document],
        *,
        how: Patch,
        subresource: str | None = None,
        manager: str | None = None,
    ) -> Document:
        """Change an object.

        Args:
            resource: Of which type it is.
            namespace: Where it lies.
            name: Its name.
            body: The patch.
            how: Which kind of patch it is.
            subresource: Of which part, such as ``status``.
            manager: The field manager; an apply takes fields from others that hold them.
        """
        query = {} if manager is None else {"fieldManager": manager}
        if how is Patch.APPLY:
            query["force"] = "true"
        path = resource.path(namespace, name, subresource)
        plain = dict(body) if isinstance(body, Mapping) else list(body)
        return await self._call("PATCH", path, query=query, body=plain, content_type=how)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str | None = None
    ) -> None:
        """Delete an object; it may be gone already.

        Args:
            resource: Of which type it is.
            namespace: Where it lies.
            name: Its name.
            uid: Only this one; another of the same name is a ``Conflict``.
        """
        body = None if uid is None else {"preconditions": {"uid": uid}}
        try:
            await self._call("DELETE", resource.path(namespace, name), body=body)
        except Missing:
            return

    async def _call(self, method: str, path: str, **options: Any) -> Document:
        response = await self._send(method, path, timeout=self._timeout, **options)
        with answered():
            body = await response.read()
        with readable():
            document = orjson.loads(body)
            if not isinstance(document, dict):
                raise TypeError  # as any other answer that cannot be read
            return document

    async def _send(
        self,
        method: str,
        path: str,
        *,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's own
        query: Mapping[str, str] | None = None,
        body: Document | Sequence[Document] | None = None,
        accept: str | None = None,
        content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:
        headers = {"Accept": accept or "application/json", "Content-Type": content_type}
        status = 0
        try:
            with answered():
                request = await self._client.param_serialize(
                    method,
                    path,
                    query_params=list((query or {}).items()),
                    header_params=headers,
                    body=body,
                    auth_settings=["BearerToken"],
                )
                answer = await self._client.call_api(*request, _request_timeout=timeout)
                response: aiohttp.ClientResponse = answer.response
                status = response.status
                if status < _FAILED:
                    return response
                refusal = await response.read()
        finally:
            self._told(*call_of(method, path, watch="watch" in (query or {})), status)
        raise refusal_of(response, refusal, f"{method} {path}")


def _selectors(fields: str | None, labels: str | None) -> dict[str, str]:
    given = {"fieldSelector": fields, "labelSelector": labels}
    return {name: value for name, value in given.items() if value}


def _unmanaged(document: Document) -> Document:
    """Leave out who set which field: most of an object, and read by nobody here."""
    metadata = {name: value for name, value in document["metadata"].items() if name != _MANAGED}
    return {**document, "metadata": metadata}


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """End a stream at once: TLS would say goodbye first, for longer than a process may last."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


async def _line(response: aiohttp.ClientResponse) -> bytes:
    with answered():
        return await response.content.readline()


def _event(line: bytes) -> WatchEvent:
    with readable():
        document = orjson.loads(line)  # a line that was cut off is none
        event = WatchEvent(str(document["type"]), document["object"])
        if event.kind != "ERROR":
            event.object["metadata"]["resourceVersion"]
            return event
        code, message = event.object.get("code", 0), str(event.object.get("message", ""))
    raise RAISED.get(code, Unanswered)(f"the watch ended: {message}")
