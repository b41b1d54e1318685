"""Subscription queries of webhooks: checked once, then rendered for every event."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
)

from tests.twins.saleor.api.documents import errors_in, parsed
from tests.twins.saleor.api.errors import PermissionDenied, UserError
from tests.twins.saleor.api.fast import Plan, UnusualError
from tests.twins.saleor.api.wording import formatted, syntax_message, validation_message

if TYPE_CHECKING:
    from tests.twins.saleor.api.requests import Request
    from tests.twins.saleor.apps import App


def event_name(type_name: str) -> str:
    """Return the event of a payload type: ``ORDER_FULLY_PAID`` of ``OrderFullyPaid``."""
    spaced = "".join(f"_{char}" if char.isupper() else char for char in type_name)
    return spaced.lstrip("_").upper()


def type_name(event: str) -> str:
    """Return the payload type of an event: ``OrderFullyPaid`` of ``ORDER_FULLY_PAID``."""
    return "".join(word.capitalize() for word in event.split("_"))


@dataclass(frozen=True)
class Occurrence:
    """An event as the root of a subscription: what happened, to what, and who is told."""

    graphql_type: str
    issued_at: datetime
    version: str
    recipient: "App | None"
    subject: Any
    """The order, fulfillment, checkout or user it is about."""
    issuing_principal: None = None

    @property
    def order(self) -> Any:
        """The order, of a parcel too."""
        return getattr(self.subject, "order", self.subject)

    @property
    def fulfillment(self) -> Any:
        """The parcel."""
        return self.subject

    @property
    def notify_customer(self) -> bool:
        """Nobody is written to here."""
        return False

    @property
    def checkout(self) -> Any:
        """The checkout."""
        return self.subject

    @property
    def user(self) -> Any:
        """The account."""
        return self.subject


@dataclass(frozen=True)
class Subscription:
    """A valid subscription query."""

    query: str
    document: DocumentNode
    events: tuple[str, ...]
    """The events it selects, sorted."""
    plan: Plan

    @classmethod
    def parse(cls, query: str, schema: GraphQLSchema) -> "Subscription":
        """Check a query as Saleor does when a webhook is saved. Raise ``UserError``."""
        try:
            document = parsed(query)
        except GraphQLSyntaxError as error:
            raise UserError("query", syntax_message(error), "SYNTAX") from error
        if errors := errors_in(query, schema):
            raise UserError("query", validation_message(errors[0]), "GRAPHQL_ERROR")
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if operations[0].operation is not OperationType.SUBSCRIPTION:
            raise UserError(
                "query", "Subscription operation can't be found.", "MISSING_SUBSCRIPTION"
            )
        events = tuple(sorted(set(_selected(document, operations[0]))))
        if not events:
            raise UserError("query", "Can't find a single event.", "MISSING_EVENT")
        return cls(query, document, events, Plan(schema, document))

    def render(
        self, schema: GraphQLSchema, occurrence: Occurrence, request: "Request"
    ) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Return the payload for one event, and the errors of fields that were denied."""
        root = {"event": occurrence}
        with suppress(UnusualError, PermissionDenied):
            return self.plan.render(root, request)["event"], []
        result = execute_sync(schema, self.document, root, request)
        payload = (result.data or {}).get("event")
        return payload, [formatted(error) for error in result.errors or ()]


def body_of(payload: Mapping[str, Any]) -> str:
    """Return a payload as the body that is sent: what ``json.dumps`` makes by default."""
    return json.dumps(payload)


def _selected(document: DocumentNode, operation: OperationDefinitionNode) -> Iterator[str]:
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    for selection in operation.selection_set.selections:
        if isinstance(selection, FieldNode) and selection.selection_set:
            yield from _events_in(selection.selection_set, fragments)


def _events_in(
    selection_set: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    for selection in selection_set.selections:
        node: InlineFragmentNode | FragmentDefinitionNode
        if isinstance(selection, InlineFragmentNode):
            node = selection
        elif isinstance(selection, FragmentSpreadNode):
            node = fragments[selection.name.value]
        else:
            continue
        if node.type_condition and node.type_condition.name.value != "Event":
            yield event_name(node.type_condition.name.value)
        else:
            yield from _events_in(node.selection_set, fragments)
