"""What the messages are called in Segment."""

from collections.abc import Mapping
from types import MappingProxyType

from saleor_segment_server.contract import Event

SALEOR_NAMES: Mapping[Event, str] = MappingProxyType(
    {
        Event.ORDER_CREATED: "Saleor Order Created",
        Event.ORDER_UPDATED: "Saleor Order Updated",
        Event.ORDER_CANCELLED: "Saleor Order Cancelled",
        Event.ORDER_FULLY_PAID: "Saleor Order Fully Paid",
        Event.ORDER_REFUNDED: "Saleor Order Refunded",
    }
)
"""The names the documentation of Saleor's own Segment app promises."""
