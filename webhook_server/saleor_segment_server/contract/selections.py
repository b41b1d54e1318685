"""The fields that are asked of Saleor for each subject, with the places that options fill.

Brackets are indented as they are sent: a changed blank would rewrite the webhooks of every shop.
"""

from collections.abc import Mapping

from saleor_segment_server.contract.events import Event, Subject
from saleor_segment_server.contract.tracking import (
    Disclosure,
    EmailPrivacy,
    GuestId,
    Tracking,
    UserIdSource,
)

_ORDER = """\
id number status created checkoutId trackingClientId voucherCode
shippingMethodName collectionPointName%(order_email)s
user { %(user)s }%(billing)s
channel { id slug name }
metafields(keys: [%(keys)s])
total { gross { amount currency } net { amount currency } }"""

_ORDER_LINES = """
shippingPrice { gross { amount } net { amount } }
lines {
  %(line)s
}"""

_LINE = """\
id quantity productName variantName productSku productVariantId voucherCode
  totalPrice { gross { amount } net { amount } }
  undiscountedTotalPrice { net { amount } }
  thumbnail(size: 256, format: WEBP) { url }
  variant { product { id slug category { name }%(brand)s } }"""

_REFUND = """
totalRefunded { amount currency }
transactions { events { id type createdAt amount { amount } } }
grantedRefunds { lines { quantity orderLine { id } } transactionEvents { id } }"""

_FULFILLMENT = """\
id status fulfillmentOrder trackingNumber created
lines {
  quantity
  orderLine {
    %(deep_line)s
  }
}"""

_CHECKOUT = """\
id voucherCode%(checkout_email)s%(account)s%(billing)s
channel { id slug name taxConfiguration { pricesEnteredWithTax } }
metafields(keys: [%(keys)s])
totalPrice { gross { amount currency } }
shippingPrice { gross { amount } net { amount } }
lines {
  id quantity
  totalPrice { gross { amount } net { amount } }
  undiscountedTotalPrice { amount }
  variant {
    id name sku
    product {
      id name slug category { name }%(brand)s
      thumbnail(size: 256, format: WEBP) { url }
    }
  }
}"""

_CUSTOMER = "%(customer)s isStaff%(customer_metafields)s"


def selections(event: Event, tracking: Tracking, *, reads_users: bool) -> Mapping[str, str]:
    """Return what to select of each field of the event's payload that holds a subject.

    Args:
        event: The event.
        tracking: The options.
        reads_users: Whether the app may read the account of a checkout.
    """
    parts = _parts(tracking, reads_users=reads_users)
    match event.subject:
        case Subject.ORDER:
            refund = _REFUND if event is Event.ORDER_REFUNDED else ""
            return {"order": (_ORDER + _ORDER_LINES + refund) % parts}
        case Subject.FULFILLMENT:
            return {"order": _ORDER % parts, "fulfillment": _FULFILLMENT % parts}
        case Subject.CHECKOUT:
            return {"checkout": _CHECKOUT % parts}
        case Subject.CUSTOMER:
            return {"user": _CUSTOMER % parts}


def _parts(tracking: Tracking, *, reads_users: bool) -> dict[str, str]:
    """Return what the options put into the places."""
    email = _asks_email(tracking, as_id=tracking.guest is GuestId.EMAIL)
    user = _user(tracking, joined=tracking.identify)
    told = not tracking.privacy.tells_nothing
    attribute = tracking.products.brand_attribute
    brand = f' attribute(slug: "{attribute}") {{ values {{ name }} }}' if attribute else ""
    line = _LINE % {"brand": brand}
    consent = tracking.consent.metadata_key if tracking.consent else None
    billing = _address(tracking, named=True)
    keys = [key for key in (tracking.anonymous_id_key, consent) if key]
    return {
        "order_email": " userEmail" if email else "",
        "checkout_email": " email" if email else "",
        "user": user,
        "account": f"\nuser {{ {user} }}" if reads_users else "",
        "customer": _user(tracking, joined=told),
        "customer_metafields": f' metafields(keys: ["{consent}"])' if consent else "",
        "billing": f"\nbillingAddress {{ {billing} }}" if billing else "",
        "keys": ", ".join(f'"{key}"' for key in keys),
        "brand": brand,
        "line": line,
        "deep_line": line.replace("\n", "\n  "),
    }


def _asks_email(tracking: Tracking, *, as_id: bool) -> bool:
    """Tell whether an email is of use: as it is, or as the hash that is somebody's id."""
    privacy = tracking.privacy.email
    return privacy is EmailPrivacy.PLAIN or (privacy is EmailPrivacy.HASHED and as_id)


def _user(tracking: Tracking, *, joined: bool) -> str:
    fields = ["id"]
    if _asks_email(tracking, as_id=tracking.user_id is UserIdSource.EMAIL):
        fields.append("email")
    if tracking.privacy.name is Disclosure.PLAIN:
        fields.append("firstName lastName")
    if joined:
        fields.append("dateJoined")
    if address := _address(tracking, named=False):
        fields.append(f"defaultBillingAddress {{ {address} }}")
    return " ".join(fields)


def _address(tracking: Tracking, *, named: bool) -> str:
    """Return what may be asked of an address; ``named``: the name on it is the person's."""
    privacy = tracking.privacy
    fields = []
    if named and privacy.name is Disclosure.PLAIN:
        fields.append("firstName lastName")
    if privacy.phone is Disclosure.PLAIN:
        fields.append("phone")
    if privacy.address is Disclosure.PLAIN:
        fields.append("streetAddress1 streetAddress2 city postalCode countryArea country { code }")
    return " ".join(fields)
