"""Saleor's own schema, cut down to the part the twin answers and to what a version knows."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DefinitionNode,
    DocumentNode,
    EnumTypeDefinitionNode,
    FieldDefinitionNode,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    Node,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    UnionTypeDefinitionNode,
    build_ast_schema,
    parse,
)

from tests.twins.saleor.api.part import NEWER, fields_by_type

_SDL = (Path(__file__).parents[3] / "fixtures/saleor/schema.graphql").read_text()
_WHOLE = (EnumTypeDefinitionNode, InputObjectTypeDefinitionNode, ScalarTypeDefinitionNode)
_BUILT_IN = {"Boolean", "Float", "ID", "Int", "String"}

Fields = ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode


@cache
def _definitions() -> dict[str, DefinitionNode]:
    document = parse(_SDL, no_location=True)
    named = (d for d in document.definitions if hasattr(d, "name") and d.name is not None)
    return {definition.name.value: definition for definition in named}


def cut(minor: tuple[int, int]) -> GraphQLSchema:
    """Return the schema of this version, without resolvers."""
    newer = {name for since, names in NEWER.items() if minor < since for name in names}
    kept = fields_by_type()
    nodes = {name: _shrink(name, kept, newer) for name in kept}
    for name in _reachable(nodes.values()):
        if name not in nodes:
            nodes[name] = _without_newer(name, newer)
    return build_ast_schema(DocumentNode(definitions=tuple(nodes.values())))


def _shrink(name: str, kept: dict[str, set[str]], newer: set[str]) -> DefinitionNode:
    node = _definitions()[name]
    if isinstance(node, UnionTypeDefinitionNode):
        members = tuple(t for t in node.types or () if t.name.value in kept[name])
        return replace(node, types=members, directives=())
    assert isinstance(node, Fields)
    wanted = {field for field in kept[name] if f"{name}.{field}" not in newer}
    fields = tuple(
        _field(name, field, newer) for field in node.fields or () if field.name.value in wanted
    )
    unknown = kept[name] - {field.name.value for field in node.fields or ()}
    assert not unknown, f"{name} has no {unknown}"
    interfaces = tuple(
        interface
        for interface in node.interfaces or ()
        if kept.get(interface.name.value, {"?"}) <= wanted
    )
    return replace(node, fields=fields, interfaces=interfaces, directives=())


def _field(owner: str, field: FieldDefinitionNode, newer: set[str]) -> FieldDefinitionNode:
    path = f"{owner}.{field.name.value}"
    arguments = tuple(
        argument
        for argument in field.arguments or ()
        if f"{path}.{argument.name.value}" not in newer
    )
    if len(arguments) < len(field.arguments or ()):
        arguments = tuple(map(_required_id, arguments))
    return replace(field, arguments=arguments, directives=())


def _required_id(argument: InputValueDefinitionNode) -> InputValueDefinitionNode:
    """Before webhooks had identifiers, their mutations asked for ``id: ID!``."""
    if argument.name.value != "id" or not isinstance(argument.type, NamedTypeNode):
        return argument
    return replace(argument, type=NonNullTypeNode(type=argument.type))


def _without_newer(name: str, newer: set[str]) -> DefinitionNode:
    node = _definitions()[name]
    assert isinstance(node, _WHOLE), f"{name} is needed: name its fields in part.py"
    if not isinstance(node, InputObjectTypeDefinitionNode):
        return replace(node, directives=())
    fields = tuple(f for f in node.fields or () if f"{name}.{f.name.value}" not in newer)
    return replace(node, fields=fields, directives=())


def _reachable(nodes: Any) -> Iterator[str]:
    """Name every type these definitions mention, directly or through inputs."""
    seen, pending = set[str](), list(nodes)
    while pending:
        for name in _mentioned(pending.pop()):
            if name not in seen | _BUILT_IN:
                seen.add(name)
                yield name
                if isinstance(_definitions()[name], InputObjectTypeDefinitionNode):
                    pending.append(_definitions()[name])


def _mentioned(node: Node) -> Iterator[str]:
    if isinstance(node, NamedTypeNode):
        yield node.name.value
        return
    for key in node.keys:
        value = getattr(node, key)
        for child in value if isinstance(value, tuple | list) else [value]:
            if isinstance(child, Node):
                yield from _mentioned(child)
