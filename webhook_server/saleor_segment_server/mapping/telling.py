"""Making the messages of one event."""

from typing import NamedTuple

from saleor_segment_server.contract import Pipeline
from saleor_segment_server.mapping.checkout import checkout_properties
from saleor_segment_server.mapping.event import (
    CheckoutEvent,
    CustomerEvent,
    FulfillmentEvent,
    OrderEvent,
)
from saleor_segment_server.mapping.fields import Fields
from saleor_segment_server.mapping.fulfillment import fulfillment_properties
from saleor_segment_server.mapping.identity import Person
from saleor_segment_server.mapping.names import message_name
from saleor_segment_server.mapping.order import Properties, order_properties
from saleor_segment_server.mapping.payload import identify_call, track
from saleor_segment_server.mapping.refund import refund_properties
from saleor_segment_server.mapping.settlement import Refund
from saleor_segment_server.mapping.whom import PersonalEvent
from saleor_segment_server.message import Message


class Telling(NamedTuple):
    """An event, and what every message of it has in common."""

    parsed: PersonalEvent
    person: Person
    pipeline: Pipeline
    epoch: int

    def track(self, key: str) -> Message:
        """Return the track call of an event that is no refund, under this object key."""
        return self._track(self._properties(), key)

    def track_refund(self, order: Fields, refund: Refund) -> Message:
        """Return the track call of one refund."""
        return self._track(refund_properties(order, self.person, self.pipeline, refund), refund.key)

    def identify(self, key: str) -> Message:
        """Return the identify call of the person, under this object key."""
        return identify_call(
            self.parsed, self.person, pipeline=self.pipeline, object_key=key, epoch=self.epoch
        )

    def _properties(self) -> Properties:
        parsed, person, pipeline, _ = self
        match parsed:
            case OrderEvent():
                return order_properties(parsed.order, person, pipeline)
            case FulfillmentEvent():
                return fulfillment_properties(parsed.fulfillment, parsed.order, person, pipeline)
            case CheckoutEvent():
                return checkout_properties(parsed.checkout, person, pipeline)
            case CustomerEvent():
                raise AssertionError("a customer's event is an identify, which has no properties")

    def _track(self, properties: Properties, key: str) -> Message:
        parsed, person, pipeline, epoch = self
        return track(
            parsed,
            person,
            properties,
            pipeline=pipeline,
            name=message_name(parsed.event, pipeline.tracking),
            object_key=key,
            epoch=epoch,
        )
