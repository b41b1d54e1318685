"""The two HTTP applications and the sockets they are served on.

The public one takes webhooks and nothing else; health, metrics and the operator's API are private.
The public one does without aiohttp's router, which took a fifth of the event loop's time.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from saleor_segment_server.addresses import host_and_port, http_url
from saleor_segment_server.admin import Admin
from saleor_segment_server.bodies import LARGEST_BODY
from saleor_segment_server.connections import Connections
from saleor_segment_server.errors import Rejected, StartError
from saleor_segment_server.receiver import Receiver

_Handler = Callable[[Any], Awaitable[web.StreamResponse]]

_HEAD_SECONDS = 10.0
_LINGERING_SECONDS = 1.0  # for the rest of a body that was refused, so that the answer arrives
_BACKLOG = 1024

log = structlog.get_logger(__name__)


def public_app(receiver: Receiver) -> _Handler:
    """Return the application that Saleor calls."""
    return partial(answer, handler=receiver.receive)


def private_app(admin: Admin) -> web.Application:
    """Return the application for probes, Prometheus and the operator."""
    app = web.Application(middlewares=[answer], client_max_size=LARGEST_BODY)
    app.router.add_get("/healthz", admin.health)
    app.router.add_get("/readyz", admin.ready)
    app.router.add_get("/metrics", admin.metrics)
    app.router.add_get("/internal/v1/pipelines", admin.pipelines)
    app.router.add_get("/internal/v1/pipelines/{pipeline}/dead-letters", admin.dead_letters)
    app.router.add_post("/internal/v1/pipelines/{pipeline}/bury", admin.bury)
    app.router.add_post("/internal/v1/pipelines/{pipeline}/deliveries/{event}", admin.deliver)
    return app


@web.middleware
async def answer(request: web.BaseRequest, handler: _Handler) -> web.StreamResponse:
    """Turn what a handler raises into an answer; Saleor stores answers, so none holds a secret."""
    try:
        return await handler(request)
    except Rejected as rejected:
        return _refusal(rejected.status, rejected.reason, str(rejected))
    except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
        return _refusal(404, "path_unknown", "nothing is at this address")
    except Exception:
        log.exception("request_failed", path=request.path)
        return _refusal(503, "internal", "this server failed; it is logged there")


def _refusal(status: int, reason: str, message: str) -> web.Response:
    return web.json_response({"error": reason, "message": message}, status=status)


class Listener:
    """An application on a socket, with a deadline for request heads and a cap on connections.

    Args:
        app: What is served: an application, or one handler for all requests.
        address: ``HOST:PORT``; port 0 takes a free one.
        setting: The flag that names the address, for the error.
        max_connections: Beyond this many a new one takes the place of one that waits, or is closed.
        dropped: Called with the reason when a connection is dropped for another.
        head_seconds: How long the head of a request may take, or a connection idle.
    """

    def __init__(
        self,
        app: web.Application | _Handler,
        address: str,
        *,
        setting: str,
        max_connections: int,
        dropped: Callable[[str], None] = lambda _: None,
        head_seconds: float = _HEAD_SECONDS,
    ) -> None:
        self._host, self._port = host_and_port(address)
        self.address: tuple[str, int] = self._host, self._port
        """Host and port; as bound, once it is open."""
        self._setting = setting
        self._max_connections = max_connections
        self._runner = _runner(
            app,
            most=max_connections,
            dropped=dropped,
            access_log=None,
            auto_decompress=False,  # a megabyte of gzip keeps the event loop busy for seconds
            logger=_logger(),
            keepalive_timeout=head_seconds,
            lingering_time=_LINGERING_SECONDS,
        )
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            StartError: The address is taken or not this machine's.
        """
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._protocol, self._host, self._port, backlog=_BACKLOG
            )
        except OSError as error:
            await self._runner.cleanup()
            raise StartError(
                f"{self._host}:{self._port}: cannot listen there ({_cause(error)}):"
                f" stop what does, or name another {self._setting}"
            ) from None
        self.address = self._server.sockets[0].getsockname()[:2]

    @property
    def url(self) -> str:
        """The bound address as a URL."""
        return http_url(*self.address)

    def stop_listening(self) -> None:
        """Take no more connections; those that are open go on."""
        if self._server is not None:
            self._server.close()

    async def close(self, *, seconds: float) -> None:
        """Let requests in flight finish for so long, then close what is open."""
        self.stop_listening()
        server = self._runner.server
        if server is not None:
            server.pre_shutdown()
            await server.shutdown(seconds)
        await self._runner.cleanup()

    def _protocol(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or not self._admits(server):
            return _Refusal()
        return server()

    def _admits(self, server: web.Server) -> bool:
        if isinstance(server, Connections):
            return server.admit()
        return len(server.connections) < self._max_connections


def _runner(
    app: web.Application | _Handler, *, most: int, dropped: Callable[[str], None], **options: Any
) -> web.BaseRunner:
    if isinstance(app, web.Application):  # private: no stranger gets so far
        return web.AppRunner(app, **options)
    return web.ServerRunner(
        Connections(app, most=most, dropped=dropped, request_factory=_request, **options)
    )


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=LARGEST_BODY
    )


def _logger() -> logging.Logger:
    """Return a logger for aiohttp: strangers send what is no HTTP, which is no error of ours."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


class _Refusal(asyncio.Protocol):
    """Closes a connection as soon as it is made: Saleor tries again, as after a 503."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _cause(error: OSError) -> str:
    """Say what is the matter without the address, which event loops repeat."""
    known = error.errno is not None and error.errno > 0  # a name that cannot be resolved has none
    return os.strerror(error.errno or 0) if known else str(error.strerror or error)
