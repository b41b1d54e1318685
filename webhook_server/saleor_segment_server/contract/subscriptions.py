"""What Saleor is asked to send of each event: shaped by the options, and by nothing else.

Selections are valid from Saleor 3.20 to 3.24 and readable with the event's permission alone: a
field that an app may not read becomes null without an error, so nothing beyond that is ever asked
for. What may not be sent is not asked for either, and so never stored.
"""

from collections.abc import Sequence

from saleor_segment_server.contract.events import Event, Permission
from saleor_segment_server.contract.tracking import CompletedOn, Tracking

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

_COMPLETING = {
    CompletedOn.CONFIRMED: Event.ORDER_CONFIRMED,
    CompletedOn.FULLY_PAID: Event.ORDER_FULLY_PAID,
}
"""What a choice needs; Created is nobody's choice yet, and brings nothing."""


def subscribed(events: Sequence[Event], tracking: Tracking) -> tuple[Event, ...]:
    """Return the events to subscribe to: those asked for, and what an option needs besides."""
    needed = _COMPLETING.get(tracking.completed_on)
    return (*events, needed) if needed is not None and needed not in events else (*events,)


def permissions(events: Sequence[Event]) -> tuple[Permission, ...]:
    """Return what an app must hold to be sent these events, each once."""
    return tuple(dict.fromkeys(event.permission for event in events))


def subscription(event: Event, tracking: Tracking) -> str:
    """Return the GraphQL subscription to register for ``event`` under these options."""
    selection = _ORDER % {"anonymous_id_key": tracking.anonymous_id_key}
    if event is Event.ORDER_REFUNDED:
        selection += _REFUND
    indented = "\n".join("  " + line for line in selection.splitlines())
    return _SUBSCRIPTION % {"type": event.type_name, "selection": indented}
