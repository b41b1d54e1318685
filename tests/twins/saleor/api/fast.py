"""Subscriptions rendered fast: a query is laid out once, and then only resolvers are called.

A day of thousands of orders would spend most of its time in graphql-core, looking up the same
fields again and again. What is unusual (an error in a field, a null that spreads, a key selected
twice with fields below it) is not done here: it is left to graphql-core, whose answer counts.
"""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.execution.values import get_argument_values

if TYPE_CHECKING:
    from tests.twins.saleor.api.requests import Request

Complete = Callable[[Any, Any], Any]
"""Makes JSON of a resolver's value, given the context."""
Step = tuple[str, Callable[..., Any] | None, Mapping[str, Any], Complete]
"""A key, the resolver of its field (``None``: the key is ``__typename``), arguments, and what
becomes of the value."""


class UnusualError(Exception):
    """Raised where graphql-core has to do it."""


class Plan:
    """A subscription, laid out."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._schema = schema
        self._fragments = {
            each.name.value: each
            for each in document.definitions
            if isinstance(each, FragmentDefinitionNode)
        }
        (operation,) = (
            each for each in document.definitions if isinstance(each, OperationDefinitionNode)
        )
        assert schema.subscription_type is not None
        self._root = self._of_object(schema.subscription_type, [operation.selection_set])

    def render(self, root: Mapping[str, Any], request: "Request") -> Any:
        """Return the data. Raise ``UnusualError``, or whatever a resolver raises."""
        return self._root(root, SimpleNamespace(context=request))

    def _of_object(self, kind: GraphQLObjectType, selected: list[SelectionSetNode]) -> Complete:
        steps = [step for each in selected for step in self._steps(kind, each)]
        if len({key for key, *_ in steps}) < len(steps):
            return _unusual

        def complete(node: Any, info: Any) -> Any:
            return {
                key: kind.name if resolve is None else below(resolve(node, info, **args), info)
                for key, resolve, args, below in steps
            }

        return complete

    def _steps(self, kind: GraphQLObjectType, selected: SelectionSetNode) -> list[Step]:
        steps = list[Step]()
        for node in selected.selections:
            if node.directives:
                steps.append(("", _unusual, {}, _unusual))
            elif isinstance(node, FieldNode):
                steps.append(self._step(kind, node))
            else:
                fragment = self._fragment(node)
                if self._applies(fragment, kind):
                    steps += self._steps(kind, fragment.selection_set)
        return steps

    def _step(self, kind: GraphQLObjectType, node: FieldNode) -> Step:
        key, name = (node.alias or node.name).value, node.name.value
        if name == "__typename":
            return key, None, {}, _unusual
        field = kind.fields[name]
        arguments = get_argument_values(field, node)
        below = [node.selection_set] if node.selection_set else []
        return key, field.resolve, arguments, self._complete(field.type, below)

    def _fragment(self, node: Any) -> InlineFragmentNode | FragmentDefinitionNode:
        if isinstance(node, FragmentSpreadNode):
            return self._fragments[node.name.value]
        assert isinstance(node, InlineFragmentNode)
        return node

    def _applies(
        self, fragment: InlineFragmentNode | FragmentDefinitionNode, kind: GraphQLObjectType
    ) -> bool:
        if fragment.type_condition is None:
            return True
        wanted = self._schema.type_map[fragment.type_condition.name.value]
        if isinstance(wanted, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.is_sub_type(wanted, kind)
        return wanted is kind

    def _complete(self, kind: Any, selected: list[SelectionSetNode]) -> Complete:
        if isinstance(kind, GraphQLNonNull):
            return _never_null(self._complete(kind.of_type, selected))
        if isinstance(kind, GraphQLList):
            return _each(self._complete(kind.of_type, selected))
        if isinstance(kind, GraphQLObjectType):
            return _or_null(self._of_object(kind, selected))
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return _or_null(self._of_abstract(selected))
        serialize = kind.coerce_output_value
        return lambda value, _info: None if value is None else serialize(value)

    def _of_abstract(self, selected: list[SelectionSetNode]) -> Complete:
        plans = dict[str, Complete]()

        def complete(node: Any, info: Any) -> Any:
            name: str = node.graphql_type
            if name not in plans:
                kind = self._schema.type_map[name]
                assert isinstance(kind, GraphQLObjectType)
                plans[name] = self._of_object(kind, selected)
            return plans[name](node, info)

        return complete


def _unusual(*_: Any) -> Any:
    raise UnusualError


def _or_null(complete: Complete) -> Complete:
    return lambda value, info: None if value is None else complete(value, info)


def _each(complete: Complete) -> Complete:
    return lambda values, info: (
        None if values is None else [complete(value, info) for value in values]
    )


def _never_null(complete: Complete) -> Complete:
    def checked(value: Any, info: Any) -> Any:
        found = complete(value, info)
        return _unusual() if found is None else found

    return checked
