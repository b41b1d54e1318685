"""Message ids, byte for byte: Segment drops a message whose id it has seen, everywhere."""

import hashlib
import json

import pytest

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from tests.data_plane.mapping.deliveries import (
    PIPELINE,
    Json,
    message_of,
    messages_of,
    with_options,
)
from tests.data_plane.mapping.shop import Ledger, RefundedOrder

SALT = "00112233445566778899aabbccddeeff"
PIPELINE_ID = "5bcfe642-0000-4000-8000-000000000001"


def _id(event: str, object_key: str, epoch: str = "0", kind: str = "track") -> str:
    joined = f"{SALT}\n{epoch}\n{PIPELINE_ID}\n{event}\n{object_key}\n{kind}"
    return hashlib.sha256(joined.encode()).hexdigest()


def _body(**fields: object) -> Json:
    return {"order": {"id": "T3JkZXI6MQ==", **fields}}


def test_the_id_of_a_created_order_is_this_one() -> None:
    # printf '%s\n%s\n…\ntrack' SALT 0 PIPELINE_ID ORDER_CREATED T3JkZXI6MQ== | sha256sum
    expected = "eaa937347f268a3fe0bbacbf5247b3ef838906ba44f6d2f1a2d1df257c86895a"
    assert message_of(Event.ORDER_CREATED, _body())["messageId"] == expected
    assert _id("ORDER_CREATED", "T3JkZXI6MQ==") == expected


def test_a_created_order_is_one_message_whatever_its_body_says() -> None:
    ids = {message_of(Event.ORDER_CREATED, _body(number=n))["messageId"] for n in ("1", "2")}
    assert len(ids) == 1


ONCE = {
    Event.ORDER_CREATED,
    Event.ORDER_CONFIRMED,
    Event.ORDER_EXPIRED,
    Event.FULFILLMENT_CREATED,
    Event.FULFILLMENT_CANCELED,
    Event.CHECKOUT_CREATED,
    Event.CUSTOMER_CREATED,
}


@pytest.mark.parametrize("event", sorted(set(Event) - {Event.ORDER_REFUNDED}))
def test_what_happens_once_is_keyed_by_its_id_and_the_rest_by_its_body(event: Event) -> None:
    subject = {"id": "U3ViamVjdDox", "email": "a@example.net"}
    raw = json.dumps({"order": {"id": "T3JkZXI6MQ=="}, event.subject.value: subject}).encode()
    kind = "identify" if event.subject is Subject.CUSTOMER else "track"
    for body in (raw, raw + b" "):
        key = "U3ViamVjdDox" if event in ONCE else hashlib.sha256(body).hexdigest()
        assert message_of(event, body)["messageId"] == _id(event.value, key, kind=kind)


@pytest.mark.parametrize(
    ("completed_on", "event"),
    [
        ("Created", Event.ORDER_CREATED),
        ("Confirmed", Event.ORDER_CONFIRMED),
        ("FullyPaid", Event.ORDER_FULLY_PAID),
    ],
)
def test_order_completed_is_keyed_by_its_order(completed_on: str, event: Event) -> None:
    pipeline = with_options(naming="Spec", completedOn=completed_on)
    for number in ("1", "2"):
        message = message_of(event, _body(number=number), pipeline)
        assert message["event"] == "Order Completed"
        assert message["messageId"] == _id(event.value, "T3JkZXI6MQ==")


def test_an_identify_has_the_key_of_the_message_it_goes_before() -> None:
    body = _body(userEmail="buyer@example.net")
    (identify, track), _ = messages_of(Event.ORDER_CREATED, body, None, with_options(identify=True))
    assert identify["messageId"] == _id("ORDER_CREATED", "T3JkZXI6MQ==", kind="identify")
    assert track["messageId"] == _id("ORDER_CREATED", "T3JkZXI6MQ==")


def test_a_refund_is_keyed_by_its_event() -> None:
    order, ledger = RefundedOrder(), Ledger()
    event_id = order.refund("10")
    ledger.take(order.body())
    assert ledger.sent[0]["messageId"] == _id("ORDER_REFUNDED", event_id)


def test_a_refund_without_an_event_is_keyed_by_order_revision_and_total() -> None:
    order, ledger = RefundedOrder(), Ledger()
    order.refund_manually("10.50")
    ledger.take(order.body())
    order.refund_manually("2")
    ledger.take(order.body())
    assert [message["messageId"] for message in ledger.sent] == [
        _id("ORDER_REFUNDED", "T3JkZXI6Nw==:0:10.5"),
        _id("ORDER_REFUNDED", "T3JkZXI6Nw==:1:12.5"),
    ]


def test_a_refund_mapped_again_with_the_same_row_is_the_same_message() -> None:
    order = RefundedOrder()
    order.refund_manually("10")
    first, second = Ledger(), Ledger()
    first.take(order.body())
    second.take(order.body())
    assert first.sent == second.sent


def test_a_replay_of_delivered_events_has_ids_of_its_own() -> None:
    (message,), _ = messages_of(Event.ORDER_CREATED, _body(), epoch=3)
    assert message["messageId"] == _id("ORDER_CREATED", "T3JkZXI6MQ==", epoch="3")


def test_the_same_order_in_another_pipeline_or_installation_is_another_message() -> None:
    others = [{"id": PIPELINE_ID[:-1] + "2"}, {"salt": SALT[::-1]}]
    ids = {
        message_of(Event.ORDER_CREATED, _body(), PIPELINE.model_copy(update=other))["messageId"]
        for other in [{}, *others]
    }
    assert len(ids) == 3
