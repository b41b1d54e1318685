"""Relay connections, paged as Saleor pages them: at most a hundred, and never without a limit."""

import base64
from collections.abc import Mapping, Sequence
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


def paginate(nodes: Sequence[Any], args: Mapping[str, Any], name: str) -> Connection:
    """Return the page that ``first``/``after`` or ``last``/``before`` ask for."""
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
    start, end = _bounds(nodes, args)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    edges = [Edge(node, _cursor(node)) for node in nodes[start:end]]
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


def _bounds(nodes: Sequence[Any], args: Mapping[str, Any]) -> tuple[int, int]:
    cursors = [_cursor(node) for node in nodes]
    start = _index(cursors, args["after"]) + 1 if args.get("after") else 0
    end = _index(cursors, args["before"]) if args.get("before") else len(nodes)
    return start, end


def _index(cursors: list[str], cursor: str) -> int:
    try:
        return cursors.index(cursor)
    except ValueError as error:
        raise GraphQLError("Received cursor is invalid.") from error


def _cursor(node: Any) -> str:
    return base64.b64encode(f'["{node.id}"]'.encode()).decode()
