"""``docs/events.md``, from the code and the captured deliveries.

Written anew by ``python -m tests.agreement.pages``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.contract.tracking import ORDER_COMPLETED, CompletedOn, Naming, Tracking
from saleor_segment_server.mapping.catalogue import (
    Kind,
    Property,
    envelope,
    kind_of,
    properties,
)
from saleor_segment_server.mapping.ids import ONCE
from saleor_segment_server.mapping.names import NAMES, completes
from tests.data_plane.mapping.deliveries import Captured, Json, captured, with_options
from tests.data_plane.mapping.filled import EVERYTHING, bodies_of, leaves, sent

WHEN: Mapping[Event, str] = {
    Event.ORDER_CREATED: "an order is placed: a checkout or a draft is completed; not when orders "
    "are imported in bulk",
    Event.ORDER_UPDATED: "anything of an order changed; beside nearly every other event of it",
    Event.ORDER_CANCELLED: "an order is cancelled",
    Event.ORDER_FULLY_PAID: "what was charged reaches the total, or staff mark the order as paid; "
    "again after a refund was reversed",
    Event.ORDER_REFUNDED: "money is refunded, in part or fully",
    Event.ORDER_CONFIRMED: "an order is accepted: at once where the channel confirms by itself, "
    "else when staff confirm it; unpaid ones too, and often before ORDER_CREATED arrives",
    Event.ORDER_PAID: "a payment of an order succeeds, in part or fully; not when staff mark it as "
    "paid",
    Event.ORDER_FULFILLED: "everything in an order is fulfilled",
    Event.ORDER_EXPIRED: "an order was not paid in the time its channel allows",
    Event.FULFILLMENT_CREATED: "staff fulfill lines of an order: a parcel",
    Event.FULFILLMENT_CANCELED: "a fulfillment is cancelled",
    Event.CHECKOUT_CREATED: "a checkout is begun",
    Event.CHECKOUT_UPDATED: "anything of a checkout changed: many times in a purchase",
    Event.CHECKOUT_FULLY_PAID: "a checkout is charged in full, by transactions, before it becomes "
    "an order",
    Event.CUSTOMER_CREATED: "a customer's account is made",
    Event.CUSTOMER_UPDATED: "a customer's account is changed",
}
"""What Saleor sends each event for, as seen on a running one and read in its code."""

INTRODUCTION = """\
# Events

Written by `.venv/bin/python -m tests.agreement.pages` from the code and captured deliveries; a test
holds them equal. What the rules are and which options change them: [mapping.md](mapping.md).
Whatever you configure, `saleor-segment preview` shows what a delivery of your own shop becomes.

Events are chosen with `spec.events`; the first five are the default. The app needs the permission,
and with `app.managed` the staff user must hold it to give it.
"""
_EXAMPLES = """\
Sources are fields of the webhook's body; what is below a list stands for each of its elements.
Examples are from [captured deliveries](../tests/fixtures/saleor), some of them from another than
the one that is named, and † from one to which fields were added that the shop did not have. Whole
messages are in [the golden files](../tests/fixtures/golden).
"""
_TITLES = {
    Kind.ORDER: ("Order messages", "order-created.tax-inclusive.voucher-fixed"),
    Kind.REFUND: ("Refund messages", "order-refunded.granted.refund"),
    Kind.FULFILLMENT: (
        "Fulfillment messages",
        "fulfillment-created.paid-checkout.tax-exclusive.fulfil",
    ),
    Kind.CHECKOUT: ("Checkout messages", "checkout-created.checkout"),
    Kind.CUSTOMER: ("Customer messages", "customer-created.draft"),
}
_LONGEST = 48
_PIPELINE = with_options(**EVERYTHING)


def page() -> str:
    """Return the page."""
    return "\n".join((INTRODUCTION, *_events(), "", _EXAMPLES, *_around(), *_kinds()))


def _events() -> Iterator[str]:
    yield "| event | fires when | permission | naming Saleor | naming Spec | object key |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for event in Event:
        cells = (event, WHEN[event], event.permission, *_names(event), _object_key(event))
        yield f"| {' | '.join(cells)} |"
    yield ""
    yield "Names marked * are in Segment's e-commerce spec: presets of destinations match them"
    yield "([destinations.md](destinations.md)). The object key is the part of the `messageId` that"
    yield "tells messages of an event apart: what has the same key is one message to Segment,"
    yield "however often it is delivered."
    yield ""
    yield "`completedOn`: Confirmed and FullyPaid subscribe to their event by themselves; Created"
    yield "is sent where ORDER_CREATED is in events."


def _names(event: Event) -> tuple[str, str]:
    names = NAMES.get(event)
    if names is None:
        return "(identify)", "(identify)"
    spec = names.spec + ("*" if names.in_spec else "")
    chosen = [on for on in CompletedOn if completes(event, _completing(on))]
    if chosen:
        spec += f"; {ORDER_COMPLETED}* with `completedOn: {chosen[0]}`"
    return names.saleor, spec


def _completing(on: CompletedOn) -> Tracking:
    return Tracking(naming=Naming.SPEC, completed_on=on)


def _object_key(event: Event) -> str:
    if event is Event.ORDER_REFUNDED:
        return "the refund's id, else order, ledger revision and total refunded"
    if event in ONCE:
        return f"the {'customer' if event.subject is Subject.CUSTOMER else event.subject}'s id"
    if any(completes(event, _completing(on)) for on in CompletedOn):
        return f"the body; the order's id if {ORDER_COMPLETED}"
    return "the body"


def _around() -> Iterator[str]:
    yield "## Around the properties"
    yield ""
    yield "Of every `track` call about an order. Of a checkout read `checkout` for `order` and"
    yield "`checkout.email` for `order.userEmail`. `traits` are in `context.traits`, and in"
    yield "`traits` of the `identify` that `tracking.identify` puts before it. Names, phone and"
    yield "address are sent only where `tracking.privacy` says `Plain`."
    yield ""
    yield from _table(Kind.ORDER, envelope(Kind.ORDER), "")


def _kinds() -> Iterator[str]:
    for kind, (title, example) in _TITLES.items():
        events = ", ".join(event for event in Event if kind_of(event) is kind)
        yield ""
        yield f"## {title}"
        yield ""
        yield f"{events}. Example: `{example}`."
        yield ""
        if kind is Kind.CUSTOMER:
            yield "An `identify`, of which staff are left out."
            yield ""
            yield from _table(kind, envelope(kind), "")
        else:
            yield from _table(kind, properties(kind), "properties.")


def _table(kind: Kind, table: Mapping[str, Property], prefix: str) -> Iterator[str]:
    yield "| property | source | example |"
    yield "| --- | --- | --- |"
    examples = _examples(kind)
    made = _made(kind)
    for name, each in table.items():
        shown = _shown(examples.get(prefix + name))
        if not shown and not name.startswith("traits."):
            shown = _shown(made.get(prefix + name), "†")
        yield f"| `{name}` | {each.source('`')} | {shown} |"


def _examples(kind: Kind) -> dict[str, Any]:
    """Return the first value of each property, in the example's delivery if it is there."""
    found: dict[str, Any] = {}
    ours = [one for one in _captures() if kind_of(one.event) is kind]
    for one in sorted(ours, key=lambda one: (one.name != _TITLES[kind][1], one.name)):
        for name, values in leaves(_messages(one)).items():
            found.setdefault(name, values[0])
    return found


def _made(kind: Kind) -> dict[str, Any]:
    """Return values from bodies that were filled by hand."""
    found: dict[str, Any] = {}
    for event, body in bodies_of(kind):
        for name, values in leaves(sent(event, body, _PIPELINE)).items():
            found.setdefault(name, values[0])
    return found


def _messages(one: Captured) -> list[Json]:
    """Return what it becomes, the tracks first: an identify is told of elsewhere."""
    messages = sent(one.event, one.document, _PIPELINE)
    return sorted(messages, key=lambda message: message["type"] == "identify")


def _captures() -> Iterator[Captured]:
    for one in (*captured("webhooks2"), *captured("webhooks")):
        if one.event_name in Event.__members__ and type(one.document) is dict:
            yield one


def _shown(value: Any, mark: str = "") -> str:
    if value is None or value == []:
        return ""
    text = json.dumps(value, ensure_ascii=False).replace("|", r"\|")
    return f"`{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}`{mark}"
