"""Parcels, checkouts and accounts: told as Saleor tells them, to those who may hear of them."""

import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from saleor_segment_server.contract import Event, Tracking
from saleor_segment_server.contract.events import Permission
from saleor_segment_server.contract.subscriptions import subscription
from tests.twins.saleor import PLN, USD, Item, Order, SaleorTwin, Shop, SigningKey
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.receiver import Receiver
from tests.twins.saleor.shop.stock import ADDRESSES

CAPTURED = Path(__file__).parents[1] / "fixtures/saleor"
EVERYTHING = Tracking.model_validate(
    {
        "identify": True,
        "privacy": dict.fromkeys(("name", "phone", "address"), "Plain"),
        "consent": {"metadataKey": "consent", "categories": {"Ads": "ads"}},
        "products": {"url": "https://example.com/{slug}", "brandAttribute": "brand"},
    }
)
PERMISSIONS = tuple(Permission)


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def saleor(key: SigningKey) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(key=key, public_url="http://127.0.0.1:58000") as twin:
        yield twin


def _basket(shop: Shop) -> list[Item]:
    """A variant with a sku, a promoted one without; the first has a brand and a category."""
    by_slug = {variant.product.slug: variant for variant in shop.catalogue.variants}
    return [Item(by_slug["ascii-tee"], 2), Item(by_slug["mighty-mug"], 1)]


def _paid(shop: Shop) -> Order:
    return shop.place_order(USD, items=_basket(shop), email="customer01@example.com", paid=True)


def _checkout(shop: Shop) -> None:
    cart = shop.storefront.start(USD, _basket(shop), email="customer01@example.com")
    shop.storefront.change(cart, ship=True)
    shop.storefront.buy(cart, paid=True)


def _register(shop: Shop) -> None:
    user = shop.storefront.register("new@example.com", address=ADDRESSES[USD])
    shop.storefront.rename(user, first_name="Zoë", last_name="O'Neil")


def _cancel_parcel(shop: Shop) -> None:
    shop.cancel_fulfillment(shop.fulfil(_paid(shop), tracking="TRK1"))


def _confirm(shop: Shop) -> None:
    shop.confirm(shop.place_order(USD))


HAPPENINGS: dict[str, Callable[[Shop], None]] = {
    "ORDER": lambda shop: shop.refund(_paid(shop), Decimal(1)),
    "ORDER_CANCELLED": lambda shop: shop.cancel(shop.place_order(USD)),
    "ORDER_CONFIRMED": _confirm,
    "ORDER_EXPIRED": lambda shop: shop.expire(shop.place_order(USD)),
    "ORDER_FULFILLED": _cancel_parcel,
    "FULFILLMENT": _cancel_parcel,
    "CHECKOUT": _checkout,
    "CUSTOMER": _register,
}
"""What has to happen for an event, or for all of a kind."""


def _let_happen(event: Event, shop: Shop) -> None:
    HAPPENINGS.get(event, HAPPENINGS[event.partition("_")[0]])(shop)


@pytest.mark.parametrize("event", Event)
async def test_every_event_of_ours_is_delivered_with_what_we_ask_for(
    saleor: SaleorTwin, receiver: Receiver, event: Event
) -> None:
    query = subscription(event, EVERYTHING, held=PERMISSIONS)
    app = saleor.app(permissions=PERMISSIONS)
    saleor.webhook(app, event, f"{receiver.url}/hook", query)
    _let_happen(event, saleor.shop)
    await saleor.settled()
    told = json.loads(receiver.received[0].body)
    assert told["__typename"] == event.type_name
    assert told["issuedAt"]
    assert told["recipient"] == {"id": app.id}
    assert told[event.subject]["id"]


async def _body(saleor: SaleorTwin, receiver: Receiver, event: Event) -> Any:
    """Let the event happen; return what it says of its subject."""
    query = subscription(event, EVERYTHING, held=PERMISSIONS)
    saleor.webhook(saleor.app(permissions=PERMISSIONS), event, f"{receiver.url}/hook", query)
    _let_happen(event, saleor.shop)
    await saleor.settled()
    return json.loads(receiver.received[0].body)[event.subject]


async def test_an_order_says_whose_it_is_and_what_was_bought(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    order = await _body(saleor, receiver, Event.ORDER_CREATED)
    assert order["user"]["firstName"] == "Customer"
    assert order["user"]["defaultBillingAddress"]["city"] == "SAN FRANCISCO"
    assert order["billingAddress"]["phone"] == ADDRESSES[USD].phone
    assert order["metafields"] == {}
    tee, mug = (line["variant"]["product"] for line in order["lines"])
    assert (tee["slug"], tee["attribute"]) == ("ascii-tee", {"values": [{"name": "Monospace"}]})
    assert (mug["slug"], mug["attribute"]) == ("mighty-mug", None)


async def test_a_checkout_says_what_it_costs(saleor: SaleorTwin, receiver: Receiver) -> None:
    checkout = await _body(saleor, receiver, Event.CHECKOUT_FULLY_PAID)
    tee, mug = checkout["lines"]
    assert tee["undiscountedTotalPrice"] == {"amount": 39.98}
    assert tee["totalPrice"] == {"gross": {"amount": 43.28}, "net": {"amount": 39.98}}
    assert tee["variant"]["product"]["thumbnail"]["url"].startswith("http://127.0.0.1:58000/")
    assert mug["undiscountedTotalPrice"] == {"amount": 11.99}
    assert mug["totalPrice"] == {"gross": {"amount": 11.36}, "net": {"amount": 10.49}}
    assert checkout["shippingPrice"] == {"gross": {"amount": 10.77}, "net": {"amount": 9.95}}
    assert checkout["totalPrice"] == {"gross": {"amount": 65.41, "currency": "USD"}}
    assert checkout["channel"]["taxConfiguration"] == {"pricesEnteredWithTax": False}
    assert checkout["user"]["email"] == checkout["email"] == "customer01@example.com"


async def test_an_account_says_who_it_is(saleor: SaleorTwin, receiver: Receiver) -> None:
    user = await _body(saleor, receiver, Event.CUSTOMER_UPDATED)
    assert (user["firstName"], user["lastName"]) == ("Zoë", "O'Neil")
    assert user["defaultBillingAddress"]["country"] == {"code": "US"}
    assert user["isStaff"] is False


@pytest.mark.parametrize("event", Event)
async def test_an_app_without_the_permission_is_told_nothing(
    saleor: SaleorTwin, receiver: Receiver, event: Event
) -> None:
    held = [permission for permission in PERMISSIONS if permission != event.permission]
    app = saleor.app(permissions=held)
    saleor.webhook(app, event, f"{receiver.url}/hook", subscription(event, Tracking()))
    _let_happen(event, saleor.shop)
    await saleor.settled()
    assert saleor.deliveries == []
    assert receiver.received == []


CAPTURES: dict[str, Callable[[Shop], None]] = {
    "webhooks/checkout-created.checkout": _checkout,
    "webhooks/checkout-updated.checkout": _checkout,
    "webhooks/checkout-fully-paid.checkout": _checkout,
    "webhooks/customer-created.draft": _register,
    "webhooks/fulfillment-created.draft": _cancel_parcel,
    "webhooks2/fulfillment-created.paid-checkout.tax-exclusive.fulfil": _cancel_parcel,
}


@pytest.mark.parametrize("name", CAPTURES)
async def test_it_is_shaped_like_the_captured_one(
    saleor: SaleorTwin, receiver: Receiver, name: str
) -> None:
    capture = json.loads((CAPTURED / f"{name}.json").read_text())
    event = Path(name).name.partition(".")[0].replace("-", "_").upper()
    app = saleor.app(permissions=PERMISSIONS)
    saleor.webhook(app, event, f"{receiver.url}/hook", capture["subscription_query"])
    CAPTURES[name](saleor.shop)
    await saleor.settled()
    assert _shape(json.loads(receiver.received[0].body)) == _shape(json.loads(capture["body"]))


def _shape(value: Any) -> Any:
    """Return the keys in order and the types; of a list, its first element stands for all."""
    if isinstance(value, dict):
        return [(name, _shape(one)) for name, one in value.items()]
    if isinstance(value, list):
        return [_shape(one) for one in value[:1]]
    return type(value)


async def test_whose_a_checkout_is_only_who_may_read_users_is_told(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query = "subscription{event{...on CheckoutCreated{checkout{email user{id}}}}}"
    for permissions in (PERMISSIONS, [Permission.MANAGE_CHECKOUTS]):
        app = saleor.app(permissions=permissions)
        saleor.webhook(app, "CHECKOUT_CREATED", f"{receiver.url}/hook", query)
    items = _basket(saleor.shop)
    saleor.shop.storefront.start(USD, items, email="customer01@example.com")
    await saleor.settled()
    told = [json.loads(one.body)["checkout"] for one in receiver.received]
    user = saleor.shop.customers["customer01@example.com"]
    assert {"email": user.email, "user": {"id": user.id}} in told
    assert {"email": user.email, "user": None} in told


class Told:
    """A shop, and what it told since last asked."""

    def __init__(self) -> None:
        self._events: list[str] = []
        self.shop = Shop(
            rng=Random(0),
            time=Timekeeper(lambda: 1_800_000_000.0),
            emit=lambda event, subject: self._events.append(event),
        )

    def events(self) -> list[str]:
        events, self._events = self._events, []
        return events


def test_parcels_tell_what_saleor_tells() -> None:
    told = Told()
    shop, order = told.shop, _paid(told.shop)
    told.events()
    first = shop.fulfil(order, {order.lines[0]: 1})
    assert order.status == "PARTIALLY_FULFILLED"
    assert told.events() == ["FULFILLMENT_CREATED", "ORDER_UPDATED"]
    shop.fulfil(order)
    assert order.status == "FULFILLED"
    assert told.events() == ["FULFILLMENT_CREATED", "ORDER_UPDATED", "ORDER_FULFILLED"]
    shop.cancel_fulfillment(first)
    assert (order.status, first.status) == ("PARTIALLY_FULFILLED", "CANCELED")
    assert told.events() == ["FULFILLMENT_CANCELED", "ORDER_UPDATED"]


def test_a_checkout_becomes_an_order_that_costs_as_much() -> None:
    told = Told()
    storefront = told.shop.storefront
    cart = storefront.start(PLN, _basket(told.shop), email="guest@example.net")
    assert cart.shipping_price.gross.amount == 0
    storefront.change(cart, voucher="PCT10", ship=True)
    order = storefront.buy(cart, paid=True)
    assert order.total == cart.total_price
    assert order.checkout_id == cart.id
    events = ["CHECKOUT_CREATED", "CHECKOUT_UPDATED", "CHECKOUT_FULLY_PAID", "ORDER_CREATED"]
    assert told.events()[:4] == events


def test_an_account_tells_when_it_is_made_and_changed() -> None:
    told = Told()
    _register(told.shop)
    assert told.events() == ["CUSTOMER_CREATED", "CUSTOMER_UPDATED"]
    assert told.shop.place_order(email="new@example.com").user is not None
