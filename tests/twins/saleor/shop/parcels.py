"""Fulfillments: the parcels of an order."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.catalogue import WithMetadata
from tests.twins.saleor.shop.money import ZERO, Money

if TYPE_CHECKING:
    from tests.twins.saleor.shop.orders import Order, OrderLine


@dataclass(frozen=True)
class FulfillmentLine:
    """Pieces of an order's line in a parcel."""

    pk: int
    quantity: int
    order_line: "OrderLine"

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("FulfillmentLine", self.pk)


@dataclass(eq=False)
class Fulfillment(WithMetadata):
    """A parcel."""

    graphql_type: ClassVar = "Fulfillment"
    pk: int
    order: "Order"
    fulfillment_order: int
    """Its number within the order."""
    created: datetime
    lines: list[FulfillmentLine]
    tracking_number: str = ""
    status: str = "FULFILLED"

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("Fulfillment", self.pk)

    @property
    def total_refunded_amount(self) -> Money:
        """Nothing is refunded by a parcel here."""
        return Money(ZERO, self.order.currency)
