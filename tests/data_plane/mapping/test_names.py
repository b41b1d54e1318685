"""What messages are called, by naming, by the event that completes an order, and by the user."""

import pytest
from pydantic import ValidationError

from saleor_segment_server.contract import Event
from saleor_segment_server.contract.events import Subject
from saleor_segment_server.contract.tracking import Tracking
from saleor_segment_server.mapping.names import NAMES, message_name

TRACKED = [event for event in Event if event.subject is not Subject.CUSTOMER]
COMPLETING = {
    "Created": Event.ORDER_CREATED,
    "Confirmed": Event.ORDER_CONFIRMED,
    "FullyPaid": Event.ORDER_FULLY_PAID,
}


def named(event: Event, **tracking: object) -> str:
    return message_name(event, Tracking.model_validate(tracking))


def test_every_event_that_is_tracked_has_its_names() -> None:
    assert set(NAMES) == set(TRACKED)
    for names in zip(*NAMES.values(), strict=True):
        assert len(set(names)) in {len(TRACKED), 2}


@pytest.mark.parametrize("event", TRACKED)
def test_saleors_names_are_the_events_own_words(event: Event) -> None:
    words = " ".join(word.capitalize() for word in event.split("_"))
    assert named(event) == f"Saleor {words}"


@pytest.mark.parametrize("completed_on", COMPLETING)
@pytest.mark.parametrize("event", TRACKED)
def test_one_event_completes_an_order_and_the_others_say_what_happened(
    event: Event, completed_on: str
) -> None:
    name = named(event, naming="Spec", completedOn=completed_on)
    if event is COMPLETING[completed_on]:
        assert name == "Order Completed"
    elif event is Event.CHECKOUT_CREATED:
        assert name == "Checkout Started"
    else:
        assert name == " ".join(word.capitalize() for word in event.split("_"))


def test_the_names_of_segments_spec_are_these() -> None:
    assert {names.spec for names in NAMES.values() if names.in_spec} == {
        "Checkout Started",
        "Order Updated",
        "Order Cancelled",
        "Order Refunded",
    }


@pytest.mark.parametrize("naming", ["Saleor", "Spec"])
def test_a_name_of_ones_own_wins(naming: str) -> None:
    names = {"ORDER_CREATED": "Bought", "ORDER_FULLY_PAID": "Saleor Order Completed"}
    assert named(Event.ORDER_CREATED, naming=naming, names=names) == "Bought"
    assert named(Event.ORDER_FULLY_PAID, naming=naming, names=names) == "Saleor Order Completed"
    assert named(Event.ORDER_UPDATED, naming=naming, names=names).endswith("Order Updated")


@pytest.mark.parametrize("completed_on", COMPLETING)
@pytest.mark.parametrize("event", TRACKED)
def test_no_name_makes_another_event_complete_an_order(event: Event, completed_on: str) -> None:
    names = {event.value: "Order Completed"}
    if event is COMPLETING[completed_on]:
        name = named(event, naming="Spec", completedOn=completed_on, names=names)
        assert name == "Order Completed"
        return
    with pytest.raises(ValidationError, match="choose it with completedOn and naming: Spec"):
        named(event, naming="Spec", completedOn=completed_on, names=names)


@pytest.mark.parametrize("event", TRACKED)
def test_nothing_is_named_order_completed_beside_saleors_names(event: Event) -> None:
    with pytest.raises(ValidationError, match="choose it with completedOn and naming: Spec"):
        named(event, names={event.value: "Order Completed"})


@pytest.mark.parametrize("event", ["CUSTOMER_CREATED", "CUSTOMER_UPDATED"])
def test_an_identify_is_given_no_name(event: str) -> None:
    with pytest.raises(ValidationError, match="identify, which has no name"):
        named(Event.ORDER_CREATED, names={event: "Customer Updated"})
