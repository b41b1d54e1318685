"""GraphQL over HTTP as Saleor speaks it: which failures are a 400, and which a 200 with errors."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from graphql import (
    DocumentNode,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
)

from tests.twins.saleor.api.documents import errors_in, parsed
from tests.twins.saleor.api.limits import MAXIMUM_COST, cost, refusal
from tests.twins.saleor.api.requests import Request, bearer
from tests.twins.saleor.api.wording import formatted
from tests.twins.saleor.keys import TokenError
from tests.twins.saleor.state import State

_PLAYGROUND = "<!DOCTYPE html><html><head><title>Saleor GraphQL API</title></head></html>"
_ERROR_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"
_BLOCKED = "STOREFRONT_TRAFFIC_NOT_ALLOWED"

Answer = tuple[int, dict[str, Any]]


class Endpoint:
    """The API at ``/graphql/``."""

    def __init__(self, state: State, *, changed: Callable[[], None]) -> None:
        self._state = state
        self._changed = changed

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request, or what a fault makes of it."""
        faults = self._state.faults
        if faults.graphql_delay:
            await asyncio.sleep(faults.graphql_delay)
        if faults.graphql_down:
            return _hang_up(request)
        if faults.graphql_status:
            page = _ERROR_PAGE.format(faults.graphql_status)
            return web.Response(status=faults.graphql_status, text=page, content_type="text/html")
        if faults.graphql_plain_text:
            return web.Response(text="It works!")
        if request.method != "POST":
            return web.Response(text=_PLAYGROUND, content_type="text/html")
        caller = Request(self._state, token=bearer(request.headers), ip=_client_ip(request))
        status, answer = self._answer(await request.read(), caller)
        self._state.mutations += caller.mutations
        self._changed()
        if faults.lose_answer_to in caller.mutations:
            return _hang_up(request)
        return web.json_response(answer, status=status)

    def _answer(self, body: bytes, caller: Request) -> Answer:
        try:
            given = json.loads(body)
        except ValueError:
            return _refused("Unable to parse query.")
        if isinstance(given, list):
            return _refused("Number of batch queries exceeded.")
        query = given.get("query") if isinstance(given, dict) else None
        if not isinstance(query, str) or not query:
            return _refused("Must provide a query string.")
        if not isinstance(given.get("variables") or {}, dict):
            return _refused("Variables are invalid JSON.")
        try:
            document = parsed(query)
        except GraphQLSyntaxError as error:
            return 400, {"errors": [formatted(error)]}
        return self._execute(document, given, caller)

    def _execute(self, document: DocumentNode, given: Mapping[str, Any], caller: Request) -> Answer:
        free = {"extensions": _cost(0)}
        if reason := refusal(document):
            status, answer = _refused(reason)
            return status, answer | free
        if errors := errors_in(given["query"], self._state.schema):
            return 400, {"errors": [formatted(error) for error in errors]} | free
        if self._is_blocked(caller):
            return 401, _refused("Storefront traffic is not allowed.", _BLOCKED)[1]
        if (price := cost(document, given.get("variables") or {})) > MAXIMUM_COST:
            message = f"The query exceeds the maximum cost of {MAXIMUM_COST}. Actual cost: {price}"
            status, answer = _refused(message)
            return status, answer | {"extensions": _cost(price)}
        return self._run(document, given, caller, price)

    def _run(
        self, document: DocumentNode, given: Mapping[str, Any], caller: Request, price: int
    ) -> Answer:
        if _is_subscription(document):
            return _refused("Subscriptions are not supported over HTTP.")
        result = execute_sync(
            self._state.schema,
            document,
            None,
            caller,
            given.get("variables") or {},
            given.get("operationName"),
        )
        errors = [formatted(error) for error in result.errors or ()]
        if result.data is None and not any("path" in error for error in errors):
            return 400, {"errors": errors}  # the variables did not fit
        answer: dict[str, Any] = {"errors": errors} if errors else {}
        return 200, answer | {"data": result.data, "extensions": _cost(price)}

    def _is_blocked(self, caller: Request) -> bool:
        if self._state.site.allow_storefront_traffic:
            return False
        try:
            return caller.app is None and caller.staff is None
        except TokenError:
            return True


def _is_subscription(document: DocumentNode) -> bool:
    return any(
        isinstance(definition, OperationDefinitionNode)
        and definition.operation is OperationType.SUBSCRIPTION
        for definition in document.definitions
    )


def _refused(message: str, code: str = "GraphQLError") -> Answer:
    error = {"message": message, "extensions": {"exception": {"code": code}}}
    return 400, {"errors": [error]}


def _cost(requested: int) -> dict[str, Any]:
    return {"cost": {"requestedQueryCost": requested, "maximumAvailable": MAXIMUM_COST}}


def _client_ip(request: web.Request) -> str:
    """The first address a proxy names, else the peer's (saleor/core/utils)."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")[0].strip()
    return forwarded or request.remote or ""


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
