"""What we ask of Saleor is what Saleor's schema has and MANAGE_ORDERS may read."""

import re
from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    parse,
    validate,
    visit,
)

from saleor_segment_server.contract import Event, Tracking, subscription

SCHEMA = Path(__file__).parents[1] / "fixtures" / "saleor" / "schema.graphql"
OLDEST_SALEOR = (3, 20)
PERMISSIONS = re.compile(
    r"[Rr]equires one of the following permissions[^:]*:\s*([A-Z_]+(?:, [A-Z_]+)*)"
)


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


class _Selected(Visitor):
    """Collects each selected field with its definition."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.fields: list[tuple[str, GraphQLField]] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        definition = self.types.get_field_def()
        assert definition is not None
        self.fields.append((f"{self.types.get_parent_type()}.{node.name.value}", definition))


def _selected(schema: GraphQLSchema, event: Event) -> list[tuple[str, GraphQLField]]:
    types = TypeInfo(schema)
    collector = _Selected(types)
    visit(parse(subscription(event, Tracking())), TypeInfoVisitor(types, collector))
    return collector.fields


def _is_readable(field: GraphQLField) -> bool:
    """Tell by its description whether an app with MANAGE_ORDERS alone may read a field."""
    description = field.description or ""
    permissions = PERMISSIONS.search(description)
    if permissions:
        return bool({"MANAGE_ORDERS", "AUTHENTICATED_APP"} & set(permissions[1].split(", ")))
    return "staff permissions" not in description


@pytest.mark.parametrize("event", Event)
def test_a_subscription_is_valid_in_saleors_schema(schema: GraphQLSchema, event: Event) -> None:
    assert validate(schema, parse(subscription(event, Tracking()))) == []


@pytest.mark.parametrize("event", Event)
def test_every_field_asked_for_is_readable_with_manage_orders(
    schema: GraphQLSchema, event: Event
) -> None:
    selected = _selected(schema, event)
    assert len(selected) > 40
    assert [name for name, definition in selected if not _is_readable(definition)] == []


def test_a_field_beyond_manage_orders_would_be_noticed(schema: GraphQLSchema) -> None:
    user, product = schema.type_map["User"], schema.type_map["Product"]
    assert isinstance(user, GraphQLObjectType)
    assert isinstance(product, GraphQLObjectType)
    assert not _is_readable(user.fields["note"])
    assert not _is_readable(product.fields["privateMetadata"])


@pytest.mark.parametrize("event", Event)
def test_every_field_asked_for_is_in_the_oldest_saleor_and_not_on_its_way_out(
    schema: GraphQLSchema, event: Event
) -> None:
    for name, definition in _selected(schema, event):
        assert definition.deprecation_reason is None, name
        added = re.search(r"Added in Saleor (\d+)\.(\d+)", definition.description or "")
        if added:
            assert (int(added[1]), int(added[2])) <= OLDEST_SALEOR, name


@pytest.mark.parametrize("event", Event)
def test_the_subscription_asks_for_the_type_its_deliveries_carry(event: Event) -> None:
    assert f"... on {event.type_name} {{" in subscription(event, Tracking())


def test_the_anonymous_id_key_of_the_options_is_asked_for() -> None:
    asked = subscription(Event.ORDER_CREATED, Tracking(anonymous_id_key="ajs_anonymous_id"))
    assert 'metafields(keys: ["ajs_anonymous_id"])' in asked
