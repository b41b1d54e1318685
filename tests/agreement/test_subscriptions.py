"""What we ask of Saleor is what its schema has and what the event's permission may read."""

import re
from pathlib import Path
from typing import Any

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

from saleor_segment_server.contract import Event, Tracking, permissions, subscription
from saleor_segment_server.contract.events import Permission, Subject

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


def _tracking(**options: Any) -> Tracking:
    return Tracking.model_validate(options)


CONSENT = {"metadataKey": "consent", "categories": {"Advertising": "ads"}}
OPEN = _tracking(
    identify=True,
    privacy={"name": "Plain", "phone": "Plain", "address": "Plain"},
    consent=CONSENT,
    products={"url": "https://example.com/{slug}", "brandAttribute": "brand"},
)
OPTIONS = {
    "default": Tracking(),
    "everything": OPEN,
    "hashed": _tracking(privacy={"email": "Hashed"}),
    "nothing": _tracking(privacy={"email": "Omit"}),
}
every_option = pytest.mark.parametrize("tracking", OPTIONS.values(), ids=OPTIONS)
every_event = pytest.mark.parametrize("event", Event)

# It goes, but its successor (assignedAttribute) came with Saleor 3.22.
GOING_WITHOUT_SUCCESSOR = "Product.attribute"


def _selected(
    schema: GraphQLSchema, event: Event, tracking: Tracking
) -> list[tuple[str, GraphQLField]]:
    types = TypeInfo(schema)
    collector = _Selected(types)
    visit(parse(subscription(event, tracking)), TypeInfoVisitor(types, collector))
    return collector.fields


def _is_readable(field: GraphQLField, permission: Permission) -> bool:
    """Tell by its description whether an app with this permission alone may read a field."""
    description = field.description or ""
    needed = PERMISSIONS.search(description)
    if needed:
        return bool({permission.value, "AUTHENTICATED_APP"} & set(needed[1].split(", ")))
    return "staff permissions" not in description


@every_option
@every_event
def test_a_subscription_is_valid_in_saleors_schema(
    schema: GraphQLSchema, event: Event, tracking: Tracking
) -> None:
    assert validate(schema, parse(subscription(event, tracking))) == []


@every_option
@every_event
def test_every_field_asked_for_is_readable_with_the_events_permission_alone(
    schema: GraphQLSchema, event: Event, tracking: Tracking
) -> None:
    selected = _selected(schema, event, tracking)
    assert len(selected) > 5
    unreadable = [name for name, field in selected if not _is_readable(field, event.permission)]
    assert unreadable == []


def test_a_field_beyond_the_permission_would_be_noticed(schema: GraphQLSchema) -> None:
    for type_name, field, permission in (
        ("User", "note", Permission.MANAGE_ORDERS),
        ("Product", "privateMetadata", Permission.MANAGE_ORDERS),
        ("Checkout", "user", Permission.MANAGE_CHECKOUTS),
    ):
        definition = schema.type_map[type_name]
        assert isinstance(definition, GraphQLObjectType)
        assert not _is_readable(definition.fields[field], permission)


@every_option
@every_event
def test_every_field_asked_for_is_in_the_oldest_saleor_and_not_on_its_way_out(
    schema: GraphQLSchema, event: Event, tracking: Tracking
) -> None:
    for name, definition in _selected(schema, event, tracking):
        assert definition.deprecation_reason is None or name == GOING_WITHOUT_SUCCESSOR, name
        added = re.search(r"Added in Saleor (\d+)\.(\d+)", definition.description or "")
        if added:
            assert (int(added[1]), int(added[2])) <= OLDEST_SALEOR, name


@every_event
def test_the_subscription_asks_for_the_type_its_deliveries_carry(event: Event) -> None:
    assert f"... on {event.type_name} {{" in subscription(event, Tracking())


def test_the_anonymous_id_key_of_the_options_is_asked_for() -> None:
    asked = subscription(Event.ORDER_CREATED, Tracking(anonymous_id_key="ajs_anonymous_id"))
    assert 'metafields(keys: ["ajs_anonymous_id"])' in asked


@every_event
def test_the_anonymous_id_is_asked_of_every_event_that_a_visitor_causes(event: Event) -> None:
    asked = '"segment_anonymous_id"' in subscription(event, Tracking())
    assert asked == (event.subject is not Subject.CUSTOMER)


def test_the_query_of_the_default_options_is_the_one_that_is_registered_everywhere() -> None:
    assert (
        subscription(Event.ORDER_CREATED, Tracking())
        == """\
subscription {
  event {
    __typename
    issuedAt
    recipient { id }
    ... on OrderCreated {
      order {
        id number status created checkoutId trackingClientId voucherCode
        shippingMethodName collectionPointName userEmail
        user { id email }
        channel { id slug name }
        metafields(keys: ["segment_anonymous_id"])
        total { gross { amount currency } net { amount currency } }
        shippingPrice { gross { amount } net { amount } }
        lines {
          id quantity productName variantName productSku productVariantId voucherCode
          totalPrice { gross { amount } net { amount } }
          undiscountedTotalPrice { net { amount } }
          thumbnail(size: 256, format: WEBP) { url }
          variant { product { id slug category { name } } }
        }
      }
    }
  }
}
"""
    )


PERSONAL = {
    "email": {"email", "userEmail"},
    "name": {"firstName", "lastName"},
    "phone": {"phone"},
    "address": {"streetAddress1", "streetAddress2", "city", "postalCode", "countryArea", "country"},
}


def _personal(event: Event, tracking: Tracking) -> set[str]:
    words = set(re.findall(r"\w+", subscription(event, tracking)))
    return words & set().union(*PERSONAL.values())


@every_event
def test_what_may_not_be_sent_is_not_asked_for(event: Event) -> None:
    assert _personal(event, _tracking(privacy={"email": "Omit"})) == set()
    assert _personal(event, Tracking()) <= PERSONAL["email"]
    for kind in ("name", "phone", "address"):
        asked = _personal(event, _tracking(privacy={"email": "Omit", kind: "Plain"}))
        assert asked == PERSONAL[kind], kind


@every_event
def test_an_email_that_is_hashed_is_asked_for_where_its_hash_is_an_id(event: Event) -> None:
    hashed = {"privacy": {"email": "Hashed"}}
    guests = event.subject is not Subject.CUSTOMER
    assert bool(_personal(event, _tracking(**hashed))) == guests
    assert _personal(event, _tracking(**hashed, guest="Anonymous")) == set()
    assert "email" in _personal(event, _tracking(**hashed, userId="Email"))


@every_event
def test_what_no_option_needs_is_not_asked_for(event: Event) -> None:
    plain, full = subscription(event, Tracking()), subscription(event, OPEN)
    products = event.subject is not Subject.CUSTOMER
    for text, wanted in (('attribute(slug: "brand")', products), ('"consent"', True)):
        assert text not in plain
        assert (text in full) == wanted


def test_an_app_that_may_read_customers_is_told_whose_a_checkout_is(schema: GraphQLSchema) -> None:
    held = permissions([Event.CHECKOUT_CREATED, Event.CUSTOMER_CREATED])
    for tracking in OPTIONS.values():
        asked = subscription(Event.CHECKOUT_CREATED, tracking, held=held)
        assert re.search(r"^ +user \{ id", asked, re.MULTILINE)
        assert validate(schema, parse(asked)) == []
    assert "user {" not in subscription(Event.CHECKOUT_CREATED, OPEN)
