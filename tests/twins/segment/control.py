"""The twin's control API: what arrived, which keys exist, what is to go wrong.

=======  ==============================  ==========================================================
GET      /_twin/messages                 ``?after=0&limit=500`` → ``{"messages": […], "next": n}``
GET      /_twin/messages.jsonl           all of them, a line each
DELETE   /_twin/messages                 forget them; ids already seen stay known
GET      /_twin/totals                   counts per event, doubled, deduplicated, dropped by reason
GET      /_twin/dropped                  the last 10,000 drops with their reasons
GET      /_twin/requests                 the last 10,000 requests; write keys are not shown
GET      /_twin/keys                     ``{key: region}``
PUT      /_twin/keys/{key}               make it known; ``?region=eu`` makes it another region's
DELETE   /_twin/keys/{key}               revoke it
PUT      /_twin/suppressed/{user}        drop what this user does
GET      /_twin/faults                   those still to come
POST     /_twin/faults                   add one or a list of them: the fields of ``Fault``
DELETE   /_twin/faults                   take all away
=======  ==============================  ==========================================================
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import orjson
from aiohttp import web

from tests.twins.segment.faults import Fault
from tests.twins.segment.workspace import Workspace


def routes(twin: Workspace) -> list[web.RouteDef]:
    """Return the control API of this twin."""
    handlers = _Control(twin)
    return [
        web.get("/_twin/messages", handlers.messages),
        web.get("/_twin/messages.jsonl", handlers.stream),
        web.delete("/_twin/messages", handlers.done(twin.inbox.clear)),
        web.get("/_twin/totals", handlers.shown(twin.inbox.totals)),
        web.get("/_twin/dropped", handlers.shown(lambda: [asdict(d) for d in twin.inbox.dropped])),
        web.get("/_twin/requests", handlers.requests),
        web.get("/_twin/keys", handlers.shown(lambda: twin.keys)),
        web.put("/_twin/keys/{key}", handlers.add_key),
        web.delete("/_twin/keys/{key}", handlers.revoke_key),
        web.put("/_twin/suppressed/{user}", handlers.suppress),
        web.get(
            "/_twin/faults", handlers.shown(lambda: [f.to_json() for f in twin.faults.waiting])
        ),
        web.post("/_twin/faults", handlers.add_faults),
        web.delete("/_twin/faults", handlers.done(twin.faults.clear)),
    ]


def _json(data: Any) -> web.Response:
    return web.Response(body=orjson.dumps(data), content_type="application/json")


Handler = Callable[[web.Request], Any]


class _Control:
    def __init__(self, twin: Workspace) -> None:
        self._twin = twin

    def shown(self, read: Callable[[], Any]) -> Handler:
        async def handler(_: web.Request) -> web.Response:
            return _json(read())

        return handler

    def done(self, act: Callable[[], None]) -> Handler:
        async def handler(_: web.Request) -> web.Response:
            act()
            return web.Response(status=204)

        return handler

    async def messages(self, request: web.Request) -> web.Response:
        after, limit = (int(request.query.get(k, d)) for k, d in (("after", 0), ("limit", 500)))
        page = list(self._twin.inbox.messages(after, limit))
        return _json({"messages": page, "next": after + len(page)})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "application/jsonl"})
        await answer.prepare(request)
        for message in self._twin.inbox.messages():
            await answer.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
        return answer

    async def requests(self, _: web.Request) -> web.Response:
        return _json(
            [asdict(seen) | {"headers": _harmless(seen.headers)} for seen in self._twin.seen]
        )

    async def add_key(self, request: web.Request) -> web.Response:
        region = request.query.get("region")
        if region not in {None, "us", "eu"}:
            raise web.HTTPBadRequest(text="region is us or eu")
        try:
            self._twin.add_key(request.match_info["key"], region)  # type: ignore[arg-type]  # checked above
        except ValueError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        return web.Response(status=204)

    async def revoke_key(self, request: web.Request) -> web.Response:
        self._twin.revoke_key(request.match_info["key"])
        return web.Response(status=204)

    async def suppress(self, request: web.Request) -> web.Response:
        self._twin.suppressed.add(request.match_info["user"])
        return web.Response(status=204)

    async def add_faults(self, request: web.Request) -> web.Response:
        given = orjson.loads(await request.read())
        try:
            faults = [Fault(**fields) for fields in (given if isinstance(given, list) else [given])]
        except TypeError as error:
            raise web.HTTPBadRequest(text=str(error)) from None
        self._twin.faults.add(*faults)
        return web.Response(status=204)


def _harmless(headers: dict[str, str]) -> dict[str, str]:
    return {str(k): v for k, v in headers.items() if k.lower() != "authorization"}
