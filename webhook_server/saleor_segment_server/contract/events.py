"""The catalogue of Saleor events we forward, and the subscription asked for each.

Selections are valid from Saleor 3.20 to 3.24 and readable with MANAGE_ORDERS alone: a field that
an app may not read becomes null without an error, so nothing beyond that is ever asked for.
"""

from enum import StrEnum
from functools import cached_property

from saleor_segment_server.contract.tracking import Tracking

_ORDER = """\
      id number status created checkoutId trackingClientId voucherCode
      shippingMethodName collectionPointName userEmail
      user { id email }
      channel { id slug name }
      metafields(keys: ["%(anonymous_id_key)s"])
      total { gross { amount currency } net { amount currency } }
      shippingPrice { gross { amount } net { amount } }
      lines {
        id quantity productName variantName productSku productVariantId voucherCode
        totalPrice { gross { amount } net { amount } }
        undiscountedTotalPrice { net { amount } }
        thumbnail(size: 256, format: WEBP) { url }
        variant { product { id slug category { name } } }
      }"""

_REFUND = """
      totalRefunded { amount currency }
      transactions { events { id type createdAt amount { amount } } }
      grantedRefunds { lines { quantity orderLine { id } } transactionEvents { id } }"""

_SUBSCRIPTION = """\
subscription {
  event {
    __typename
    issuedAt
    recipient { id }
    ... on %(type)s {
      order {
%(selection)s
      }
    }
  }
}
"""


class Event(StrEnum):
    """An asynchronous webhook event, spelled as Saleor's ``WebhookEventTypeAsyncEnum``."""

    ORDER_CREATED = "ORDER_CREATED"
    ORDER_UPDATED = "ORDER_UPDATED"
    ORDER_CANCELLED = "ORDER_CANCELLED"
    ORDER_FULLY_PAID = "ORDER_FULLY_PAID"
    ORDER_REFUNDED = "ORDER_REFUNDED"

    @cached_property
    def type_name(self) -> str:
        """The GraphQL type of its payload, which a delivery carries as ``__typename``."""
        return "".join(word.capitalize() for word in self.split("_"))

    @classmethod
    def parse(cls, text: str) -> "Event | None":
        """Read an event name in any case (Saleor's headers use lower case), or ``None``."""
        return cls.__members__.get(text.upper())


def subscription(event: Event, tracking: Tracking) -> str:
    """Return the GraphQL subscription to register for ``event`` under these options."""
    selection = _ORDER % {"anonymous_id_key": tracking.anonymous_id_key}
    if event is Event.ORDER_REFUNDED:
        selection += _REFUND
    indented = "\n".join("  " + line for line in selection.splitlines())
    return _SUBSCRIPTION % {"type": event.type_name, "selection": indented}
