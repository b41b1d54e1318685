"""Errors in Saleor's words: it runs on graphql-core 2, the twin on graphql-core 3."""

import re
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError, get_location

_QUOTED = re.compile(r"'([^']*)'")


def formatted(error: GraphQLError) -> dict[str, Any]:
    """Return a top-level error as Saleor words it, with the exception's name as its code."""
    shown: dict[str, Any] = {"message": _message(error)}
    if error.locations:
        shown["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path:
        shown["path"] = list(error.path)
    return shown | {"extensions": {"exception": {"code": _code(error)}}}


def syntax_message(error: GraphQLSyntaxError) -> str:
    """Return a syntax error with the line it is in, and a caret below the place."""
    assert error.source
    assert error.positions
    at = get_location(error.source, next(iter(error.positions)))
    prefix = f"{at.line}: "
    line = error.source.body.split("\n")[at.line - 1]
    caret = " " * (len(prefix) + at.column - 1) + "^"
    return (
        f"Syntax Error GraphQL ({at.line}:{at.column}) {_complaint(error)}"
        f"\n\n{prefix}{line}\n{caret}\n"
    )


def validation_message(error: GraphQLError) -> str:
    """Return a validation error: graphql-core 2 wrote double quotes."""
    return _QUOTED.sub(r'"\1"', error.message)


def _complaint(error: GraphQLSyntaxError) -> str:
    return error.message.removeprefix("Syntax Error: ").replace("<EOF>", "EOF").rstrip(".")


def _message(error: GraphQLError) -> str:
    if isinstance(error, GraphQLSyntaxError):
        return syntax_message(error)
    return error.message if error.path else validation_message(error)


def _code(error: GraphQLError) -> str:
    origin = error.original_error or error
    return type(origin).__name__
