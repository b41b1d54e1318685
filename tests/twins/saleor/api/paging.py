"""Relay connections, paged as Saleor pages them: at most a hundred, and never without a limit."""

import base64
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

_MOST = 100


@dataclass(frozen=True, slots=True)
class Edge:
    """One node with its cursor."""

    node: Any
    cursor: str


@dataclass(frozen=True, slots=True)
class PageInfo:
    """Where a page lies among all."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """One page of nodes."""

    edges: list[Edge]
    page_info: PageInfo
    total_count: int


def paginate(
    nodes: Sequence[Any],
    args: Mapping[str, Any],
    name: str,
    *,
    rank: Callable[[Any], str] | None = None,
    descending: bool = False,
) -> Connection:
    """Return the page that ``first``/``after`` or ``last``/``before`` ask for.

    With ``rank``, by which the nodes are sorted, a cursor holds that instead of an id: it keeps its
    place when its node is gone, as Saleor's do.
    """
    first, last = args.get("first"), args.get("last")
    if first is None and last is None:
        raise GraphQLError(
            "You must provide a `first` or `last` value to properly paginate "
            f"the `{name}` connection."
        )
    for limit, count in (("first", first), ("last", last)):
        if count is not None and count > _MOST:
            raise GraphQLError(
                f"Requesting {count} records on the `{name}` connection exceeds "
                f"the `{limit}` limit of {_MOST} records."
            )
    written = rank or _id
    ranks = [written(node) for node in nodes]
    start, end = _kept(ranks, args, descending=descending) if rank else _bounds(ranks, args)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    edges = [Edge(node, _cursor(written(node))) for node in nodes[start:end]]
    return Connection(
        edges=edges,
        page_info=PageInfo(
            has_next_page=end < len(nodes),
            has_previous_page=start > 0,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        ),
        total_count=len(nodes),
    )


def _id(node: Any) -> str:
    return str(node.id)


def _bounds(ids: list[str], args: Mapping[str, Any]) -> tuple[int, int]:
    start = _index(ids, args["after"]) + 1 if args.get("after") else 0
    return start, _index(ids, args["before"]) if args.get("before") else len(ids)


def _index(ids: list[str], cursor: str) -> int:
    try:
        return ids.index(_rank(cursor))
    except ValueError as error:
        raise GraphQLError("Received cursor is invalid.") from error


def _kept(ranks: list[str], args: Mapping[str, Any], *, descending: bool) -> tuple[int, int]:
    """Return where those begin and end that lie between two ranks, whoever has these."""
    earlier = operator.gt if descending else operator.lt
    after, before = args.get("after"), args.get("before")
    start = sum(not earlier(_rank(after), one) for one in ranks) if after else 0
    return start, sum(earlier(one, _rank(before)) for one in ranks) if before else len(ranks)


def _cursor(rank: str) -> str:
    return base64.b64encode(json.dumps([rank]).encode()).decode()


def _rank(cursor: str) -> str:
    try:
        (rank,) = json.loads(base64.b64decode(cursor))
    except ValueError as error:
        raise GraphQLError("Received cursor is invalid.") from error
    return str(rank)
