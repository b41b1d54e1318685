"""kube-proxy and Ingress of one Service: a fixed local port that leads to its ready endpoints."""

import asyncio
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Self

from tests.cluster.kubelet.client import Client, Mirror
from tests.cluster.plane.control_plane import ControlPlane

_PIECE = 2**16


class Entrance:
    """Forwards each TCP connection to a ready endpoint, in turn; closes it where there is none.

    The port stays the same for the time of the ``async with``, whatever becomes of the Pods.
    """

    def __init__(
        self,
        plane: ControlPlane,
        namespace: str,
        service: str,
        *,
        port: str = "",
        listen: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._client = Client(plane.api_url, ca=plane.ca, token=plane.admin_token)
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
        selector = f"kubernetes.io/service-name={service}"
        self._slices = Mirror(self._client, path, lambda *_: None, selector=selector)
        self._port, self._listen = port, listen
        self._turn = count()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._client)
        self._following = asyncio.create_task(self._slices.run())
        await self._slices.synced.wait()
        self._server = await asyncio.start_server(self._serve, *self._listen)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.sleep(0)  # for what was just accepted to be known
        tasks = {self._following, *self._open}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def url(self) -> str:
        """``http://HOST:PORT`` of the fixed port."""
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def ready(self) -> list[tuple[str, int]]:
        """Return the ready endpoints."""
        return [
            (address, port["port"])
            for each in self._slices.objects.values()
            for port in each["ports"] or ()
            if self._port in {"", port["name"]}
            for endpoint in each["endpoints"] or ()
            if endpoint["conditions"]["ready"]
            for address in endpoint["addresses"]
        ]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._forward(reader, writer)
        except OSError:
            pass
        except asyncio.CancelledError:
            writer.transport.abort()  # whoever reads no more would keep it open
            raise
        finally:
            self._open.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        endpoints = self.ready()
        first = next(self._turn)
        for each in range(len(endpoints)):
            with suppress(OSError):
                there = await asyncio.open_connection(*endpoints[(first + each) % len(endpoints)])
                await _join((reader, writer), there)
                return


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(here: Pair, there: Pair) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(here[0], there[1]))
            group.create_task(_copy(there[0], here[1]))
    except* OSError:
        pass
    finally:
        there[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
