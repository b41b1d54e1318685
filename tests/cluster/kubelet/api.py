"""The kubelet's own API, as far as ``kubectl logs`` and ``kubectl exec`` lead to it.

The Node declares the feature ``ExtendWebSocketsToKubelet``: the API server then passes the
WebSocket of an ``exec`` on as it is.
"""

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import WSMsgType, web

from tests.cluster.kubelet.client import Object
from tests.cluster.kubelet.pod import Pod

Lookup = Callable[[str, str], Pod]
"""Returns the Pod of a namespace and a name; raises ``LookupError``."""

_PROTOCOL = "v5.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_PIECE = 2**16


@asynccontextmanager
async def answering(
    door: socket.socket, certificate: tuple[Path, Path], lookup: Lookup
) -> AsyncIterator[None]:
    """Answer the API server on ``door``."""
    app = web.Application()
    api = _Api(lookup)
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", api.logs)
    app.router.add_get("/exec/{namespace}/{pod}/{container}", api.run)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(*certificate)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, door, ssl_context=trust).start()
        yield
    finally:
        await runner.cleanup()


class _Api:
    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup

    async def logs(self, request: web.Request) -> web.StreamResponse:
        """Say what a container has said; ``tailLines`` is heeded, ``follow`` is not."""
        path = self._pod(request).log(request.match_info["container"])
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        tail = int(request.query.get("tailLines", len(lines)))
        return web.Response(body=b"".join(lines[len(lines) - tail :] if tail else []))

    async def run(self, request: web.Request) -> web.StreamResponse:
        """Run a program beside a container's process, with its streams over a WebSocket."""
        pod = self._pod(request)
        spec = pod.container(request.match_info["container"]).spec
        channel = web.WebSocketResponse(protocols=[_PROTOCOL])
        await channel.prepare(request)
        process = await pod.launcher.beside(spec, request.query.getall("command"))
        feeding = asyncio.create_task(_feed(channel, process.stdin))
        try:
            await asyncio.gather(
                _say(channel, _STDOUT, process.stdout), _say(channel, _STDERR, process.stderr)
            )
            outcome = json.dumps(_outcome(await process.wait())).encode()
            await channel.send_bytes(bytes([_ERROR]) + outcome)
        finally:
            feeding.cancel()
            with suppress(ProcessLookupError):
                process.kill()
        await channel.close()
        return channel

    def _pod(self, request: web.Request) -> Pod:
        try:
            return self._lookup(request.match_info["namespace"], request.match_info["pod"])
        except LookupError as why:
            raise web.HTTPNotFound(text=str(why)) from why


async def _say(
    channel: web.WebSocketResponse, number: int, stream: asyncio.StreamReader | None
) -> None:
    assert stream is not None
    while piece := await stream.read(_PIECE):
        await channel.send_bytes(bytes([number]) + piece)


async def _feed(channel: web.WebSocketResponse, stream: asyncio.StreamWriter | None) -> None:
    assert stream is not None
    async for message in channel:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        number, data = message.data[0], message.data[1:]
        if number == _STDIN:
            stream.write(data)
            with suppress(OSError):
                await stream.drain()
        elif number == _CLOSE and data == bytes([_STDIN]):
            stream.close()


def _outcome(code: int) -> Object:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    cause = {"reason": "ExitCode", "message": str(code)}
    return {
        "metadata": {},
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "message": f"command terminated with non-zero exit code: {code}",
        "details": {"causes": [cause]},
    }
