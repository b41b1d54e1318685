"""Puts resolvers on the cut schema: tables of functions, and attributes for all else."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

from graphql import (
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
)

from tests.twins.saleor.api import (
    read_apps,
    read_orders,
    write_apps,
    write_deliveries,
    write_metadata,
    write_problems,
    write_tokens,
    write_webhooks,
)
from tests.twins.saleor.api.errors import RefusalError, UserError
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.schema import cut

_MUTATIONS = {
    **write_apps.MUTATIONS,
    **write_deliveries.MUTATIONS,
    **write_metadata.MUTATIONS,
    **write_problems.MUTATIONS,
    **write_tokens.MUTATIONS,
    **write_webhooks.MUTATIONS,
}
_DICTS = {
    "AppProblemDismissed",
    "AttributeValue",
    "CountryDisplay",
    "Domain",
    "Image",
    "MetadataItem",
    "SelectedAttribute",
    "TaxConfiguration",
}
"""Types whose sources are dicts with the fields' names."""

Resolver = Callable[..., Any]


class Payload(SimpleNamespace):
    """What a mutation answers; fields it does not mention are null, or false if they must be."""

    is_valid = False
    valid = False

    def __getattr__(self, name: str) -> None:
        return None


@cache
def executable(minor: tuple[int, int]) -> GraphQLSchema:
    """Return the schema of a version with its resolvers. Nothing in it belongs to one twin."""
    schema = cut(minor)
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            kind.resolve_type = lambda node, *_: node.graphql_type
        elif isinstance(kind, GraphQLScalarType):
            _teach(kind)
        elif isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                field.resolve = _resolver(kind, name)
    return schema


def _resolver(kind: GraphQLObjectType, name: str) -> Resolver:
    if kind.name == "Mutation":
        return _mutation(_MUTATIONS[name])
    if kind.name == "Query":
        return _root(read_apps.ROOTS["Query"][name])
    if kind.name == "Subscription" or kind.name in _DICTS:
        return lambda node, _info: node[name]
    tables = (read_apps.FIELDS, read_orders.FIELDS)
    found = next(
        (table[kind.name][name] for table in tables if name in table.get(kind.name, {})), None
    )
    if found is None and any(i.name == "ObjectWithMetadata" for i in kind.interfaces):
        found = read_orders.METADATA.get(name)
    return _attribute(name) if found is None else _field(found)


def _attribute(name: str) -> Resolver:
    attribute = re.sub(r"[A-Z]", lambda match: "_" + match[0].lower(), name)
    return lambda node, _info: getattr(node, attribute)


def _field(read: Callable[[Any, Any, Mapping[str, Any]], Any]) -> Resolver:
    return lambda node, info, **args: read(node, info.context, args)


def _root(read: Callable[[Any, Mapping[str, Any]], Any]) -> Resolver:
    return lambda _root, info, **args: read(info.context, args)


def _mutation(change: Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]) -> Resolver:
    def resolve(_root: None, info: GraphQLResolveInfo[Request], **args: Any) -> Payload:
        info.context.mutations.append(info.field_name)
        try:
            answer, errors = change(info.context, args), list[UserError]()
        except UserError as error:
            answer, errors = {}, [error]
        except RefusalError as several:
            answer, errors = {}, several.errors
        # Not the exceptions themselves: graphql-core would raise what a resolver returns.
        return Payload(**answer, errors=[SimpleNamespace(**vars(error)) for error in errors])

    return resolve


def _teach(scalar: GraphQLScalarType) -> None:
    if scalar.name == "DateTime":
        scalar.coerce_output_value = datetime.isoformat
    elif scalar.name == "JSONString":
        scalar.coerce_input_value = json.loads
