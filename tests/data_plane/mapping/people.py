"""Somebody with everything that could be told of them, in each kind of delivery."""

from saleor_segment_server.contract import Event
from tests.data_plane.mapping.deliveries import Json

ADDRESS = {
    "firstName": "Billa",
    "lastName": "Guest",
    "phone": "+48123456789",
    "streetAddress1": "Long Street 1",
    "streetAddress2": "Flat 2",
    "city": "GDAŃSK",
    "postalCode": "80-001",
    "countryArea": "Pomerania",
    "country": {"code": "PL"},
}
"""A billing address, as the subscription asks for it."""

ACCOUNT = {
    "id": "VXNlcjox",
    "email": "Ann@Example.net",
    "firstName": "Žaneta",
    "lastName": "Núñez",
    "dateJoined": "2024-02-29T13:00:00.123456+01:00",
    "defaultBillingAddress": {**ADDRESS, "phone": "+48987654321", "city": "SOPOT"},
}
"""An account, as the subscription asks for it."""

ABOUT = {
    Event.ORDER_CREATED: "order",
    Event.ORDER_REFUNDED: "order",
    Event.FULFILLMENT_CREATED: "order",
    Event.CHECKOUT_CREATED: "checkout",
    Event.CUSTOMER_UPDATED: "user",
}
"""An event of each kind, and which field says whom it is about."""


def body_about(event: Event, *, user: Json | None, typed: str | None, **fields: object) -> Json:
    """Return a body about somebody; ``typed``: the email they typed where there is one."""
    if event is Event.CUSTOMER_UPDATED:
        return {"user": {"id": "VXNlcjox", **(user or {}), **fields}}
    about = {
        "id": "T3JkZXI6MQ==",
        "user": user,
        "userEmail": typed,
        "email": typed,
        "billingAddress": ADDRESS,
        "totalRefunded": {"amount": 5, "currency": "USD"},
        "lines": [{"id": "line", "quantity": 1}],
        **fields,
    }
    parcel = {"id": "parcel", "lines": [{"quantity": 1, "orderLine": {"id": "line"}}]}
    return {ABOUT[event]: about, "fulfillment": parcel}
