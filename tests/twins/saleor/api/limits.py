"""What Saleor limits before it runs a request: aliases, mutations, and what a query costs."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
)

MOST_MUTATIONS = 4
MOST_ALIASES = 100
MAXIMUM_COST = 50_000

_COSTS: dict[str, tuple[str, ...]] = {
    "app": (),
    "apps": ("first", "last"),
    "webhook": (),
    "webhooks": (),
    "tokens": (),
    "problems": ("limit",),
}
"""The fields that cost one, times these arguments; what lies below counts as often."""


def refusal(document: DocumentNode) -> str | None:
    """Return why a request is not even validated, if it is not."""
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    for operation in operations:
        mutations = len(operation.selection_set.selections)
        if operation.operation is OperationType.MUTATION and mutations > MOST_MUTATIONS:
            return f"Number of mutations exceed the limit of {MOST_MUTATIONS}"
    sets = [d.selection_set for d in document.definitions if hasattr(d, "selection_set")]
    if sum(1 for one in sets for field in _fields(one) if field.alias) > MOST_ALIASES:
        return f"Number of aliases exceed the limit of {MOST_ALIASES}"
    return None


def cost(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Return what the queries of a document cost; mutations are free."""
    fragments = {
        d.name.value: d.selection_set
        for d in document.definitions
        if isinstance(d, FragmentDefinitionNode)
    }
    return sum(
        _cost(definition.selection_set, fragments, variables, 1)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
        and definition.operation is OperationType.QUERY
    )


def _cost(
    selections: SelectionSetNode | None,
    fragments: Mapping[str, SelectionSetNode],
    variables: Mapping[str, Any],
    times: int,
) -> int:
    total = 0
    for node in selections.selections if selections else ():
        if isinstance(node, FragmentSpreadNode):
            total += _cost(fragments[node.name.value], fragments, variables, times)
        elif isinstance(node, FieldNode) and node.name.value in _COSTS:
            here = times * _multiplier(node, variables)
            total += here + _cost(node.selection_set, fragments, variables, here)
        else:
            total += _cost(_below(node), fragments, variables, times)
    return total


def _multiplier(field: FieldNode, variables: Mapping[str, Any]) -> int:
    for argument in field.arguments or ():
        if argument.name.value in _COSTS[field.name.value]:
            value = argument.value
            if isinstance(value, VariableNode):
                return int(variables.get(value.name.value) or 1)
            if isinstance(value, IntValueNode):
                return int(value.value)
    return 1


def _fields(selections: SelectionSetNode | None) -> Iterator[FieldNode]:
    for node in selections.selections if selections else ():
        if isinstance(node, FieldNode):
            yield node
        yield from _fields(_below(node))


def _below(node: SelectionNode) -> SelectionSetNode | None:
    return getattr(node, "selection_set", None)
