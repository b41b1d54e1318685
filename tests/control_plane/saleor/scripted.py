"""A Saleor that answers as told, for what no double would say."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

CAPTURED = Path(__file__).parents[2] / "fixtures/saleor/graphql"
NOW = 1_795_450_000.0  # 2026-11-23 16:06:40 UTC


@dataclass
class Clock:
    """A clock that goes when told to."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Api:
    """Answers GraphQL requests from lists; the last of a list for ever."""

    url: str = ""
    answers: list[web.Response] = field(default_factory=list)
    logins: list[web.Response] = field(default_factory=list)
    refreshes: list[web.Response] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    cookies: list[str | None] = field(default_factory=list)

    @staticmethod
    def captured(name: str) -> web.Response:
        """Return what a real Saleor answered, byte for byte as far as it is kept."""
        pair = json.loads((CAPTURED / f"{name}.json").read_text())
        return web.json_response(pair["response"], status=pair["status"])

    def asked(self, operation: str) -> list[dict[str, Any]]:
        """Return the variables of every request of this operation."""
        return [
            request.get("variables") or {}
            for request in self.requests
            if f" {operation}" in request["query"].partition("{")[0]
        ]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.tokens.append(request.headers.get("Authorization"))
        self.cookies.append(request.headers.get("Cookie"))
        queue = self.answers
        if "mutation LogIn" in body["query"]:
            queue = self.logins
        elif "mutation Refresh" in body["query"]:
            queue = self.refreshes
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)
