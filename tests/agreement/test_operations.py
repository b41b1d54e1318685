"""Each operation the operator sends is one that every supported Saleor understands."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    InputObjectTypeDefinitionNode,
    InputValueDefinitionNode,
    NamedTypeNode,
    NonNullTypeNode,
    ObjectTypeDefinitionNode,
    OperationDefinitionNode,
    OperationType,
    build_ast_schema,
    parse,
    validate,
)

from saleor_segment_operator.saleor import documents

SCHEMA = Path(__file__).parents[1] / "fixtures" / "saleor" / "schema.graphql"
SINCE_3_23 = {
    "Webhook": {"identifier"},
    "WebhookCreateInput": {"identifier"},
    "WebhookUpdateInput": {"identifier"},
}
"""Fields that Saleor 3.20 to 3.22 does not have, of those near to what we ask."""
SINCE_3_21 = {"App": {"breakerState", "breakerLastStateChange"}}
SINCE_3_22 = {"App": {"problems"}}
OLD = SINCE_3_23 | {"App": SINCE_3_21["App"] | SINCE_3_22["App"]}
MUTATIONS_A_REQUEST = 4

PLAIN = {
    name: text for name, text in vars(documents).items() if name.isupper() and isinstance(text, str)
}
"""Operations that are spelled the same for every Saleor."""


def with_webhooks(those: documents.WebhookDocuments) -> dict[str, str]:
    return {f"webhooks: {name}": text for name, text in vars(those).items()}


NEW = PLAIN | with_webhooks(documents.WITH_IDENTIFIERS)
BEFORE_3_23 = PLAIN | with_webhooks(documents.WITHOUT_IDENTIFIERS)


@cache
def newest() -> GraphQLSchema:
    return build_ast_schema(parse(SCHEMA.read_text(), no_location=True))


@cache
def oldest() -> GraphQLSchema:
    """Saleor 3.20's, as far as it matters: without the newer fields, webhooks named by ``ID!``."""
    document = parse(SCHEMA.read_text(), no_location=True)
    definitions = [
        _aged(definition)
        if isinstance(definition, ObjectTypeDefinitionNode | InputObjectTypeDefinitionNode)
        else definition
        for definition in document.definitions
    ]
    return build_ast_schema(DocumentNode(definitions=tuple(definitions)))


def _aged(
    node: ObjectTypeDefinitionNode | InputObjectTypeDefinitionNode,
) -> ObjectTypeDefinitionNode | InputObjectTypeDefinitionNode:
    gone = OLD.get(node.name.value, set())
    if isinstance(node, InputObjectTypeDefinitionNode):
        inputs = tuple(field for field in node.fields or () if field.name.value not in gone)
        return replace(node, fields=inputs)
    fields = [field for field in node.fields or () if field.name.value not in gone]
    for place, field in enumerate(fields):
        if node.name.value == "Mutation" and field.name.value in {"webhookUpdate", "webhookDelete"}:
            fields[place] = replace(field, arguments=tuple(_by_id(field.arguments or ())))
    return replace(node, fields=tuple(fields))


def _by_id(arguments: tuple[InputValueDefinitionNode, ...]) -> Iterator[InputValueDefinitionNode]:
    for argument in arguments:
        if argument.name.value == "id" and isinstance(argument.type, NamedTypeNode):
            yield replace(argument, type=NonNullTypeNode(type=argument.type))
        elif argument.name.value != "identifier":
            yield argument


@pytest.mark.parametrize("name", NEW)
def test_saleor_from_3_23_understands(name: str) -> None:
    assert validate(newest(), parse(NEW[name])) == []


@pytest.mark.parametrize("name", BEFORE_3_23)
def test_saleor_before_3_23_understands(name: str) -> None:
    assert validate(oldest(), parse(BEFORE_3_23[name])) == []


def test_an_older_saleor_would_not_understand_the_newer_spelling() -> None:
    newer = with_webhooks(documents.WITH_IDENTIFIERS)
    refused = {name for name, text in newer.items() if validate(oldest(), parse(text))}
    assert refused == set(newer)


@pytest.mark.parametrize("name", NEW)
def test_no_request_has_more_mutations_than_saleor_takes(name: str) -> None:
    (operation,) = _operations(NEW[name])
    if operation.operation is OperationType.MUTATION:
        assert len(operation.selection_set.selections) <= MUTATIONS_A_REQUEST


@pytest.mark.parametrize("name", NEW)
def test_every_mutation_is_asked_for_its_errors(name: str) -> None:
    (operation,) = _operations(NEW[name])
    if operation.operation is OperationType.MUTATION:
        for field in operation.selection_set.selections:
            assert isinstance(field, FieldNode)
            assert field.selection_set
            asked = {one.name.value: one for one in _fields(field)}
            assert {"code", "field"} <= {one.name.value for one in _fields(asked["errors"])}


def test_every_file_is_sent() -> None:
    folder = files("saleor_segment_operator.saleor") / "operations"
    there = {
        definition.name.value
        for file in folder.iterdir()
        for definition in parse(file.read_text()).definitions
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
        and definition.name
    }
    sent = {
        definition.name.value
        for text in (NEW | BEFORE_3_23).values()
        for definition in parse(text).definitions
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode)
        and definition.name
    }
    assert there == sent
    assert len(there) == len(list(folder.iterdir())) - 1  # WebhookFields has two spellings


def _operations(text: str) -> list[OperationDefinitionNode]:
    return [one for one in parse(text).definitions if isinstance(one, OperationDefinitionNode)]


def _fields(field: FieldNode) -> list[FieldNode]:
    selections = field.selection_set.selections if field.selection_set else ()
    return [one for one in selections if isinstance(one, FieldNode)]
