"""Orders of the twin's shop, drawn at random, as Saleor would deliver them to us.

They are priced by the twin, whose prices are held against captured orders, and rendered with our
own subscription: of an order we know what we ask for, and nothing else.
"""

import functools
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from hypothesis import strategies as st

from saleor_segment_server.contract import Event, Tracking
from saleor_segment_server.contract.subscriptions import subscription
from tests.twins.saleor import Figures, Item, Order, SaleorTwin, Shop, SigningKey
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.subscription import Occurrence, Subscription, body_of
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.sending.deliveries import Subject
from tests.twins.saleor.shop.carts import Cart
from tests.twins.saleor.shop.catalogue import (
    Channel,
    Product,
    ProductType,
    Variant,
    Voucher,
    VoucherKind,
)

EXPONENTS = {"USD": 2, "PLN": 2, "JPY": 0, "KWD": 3}
_RATES = [Decimal(rate) / 100 for rate in ("0", "2.5", "5", "8", "8.25", "10", "19", "23", "25.5")]
_SHARES = [Decimal(share) for share in ("0.05", "0.125", "0.333", "0.5", "1")]
_KIND = ProductType(1, "Simple", "simple")
_SLUG = "simulated"


def minor(channel: Channel, units: int) -> Decimal:
    """Return so many of the currency's smallest coins."""
    return Decimal(units).scaleb(-EXPONENTS[channel.currency_code])


@dataclass(frozen=True)
class Bought:
    """An order, and the shop it was bought in."""

    shop: Shop
    order: Order

    @property
    def figures(self) -> Figures:
        """What the shop itself says of it."""
        return Figures.of(self.order)

    @property
    def gift_card(self) -> Decimal:
        """How much of it gift cards paid."""
        return sum((card.amount for card in self.order.gift_cards), Decimal(0))

    def body(self, event: Event, tracking: Tracking) -> bytes:
        """Return the delivery of an event about the order as it is now."""
        return delivered(event, self.order, tracking)


@functools.cache
def _twin() -> SaleorTwin:
    return SaleorTwin(key=SigningKey.generate())


@functools.cache
def _query(event: Event, tracking: str) -> Subscription:
    options = Tracking.model_validate_json(tracking)
    return Subscription.parse(subscription(event, options), _twin().state.schema)


def delivered(event: Event, subject: Subject, tracking: Tracking) -> bytes:
    """Return what Saleor sends to an app that holds what it needs to hear of the event."""
    state = _twin().state
    held = ("MANAGE_ORDERS", "MANAGE_CHECKOUTS")
    app = state.apps.find("1") or state.apps.create("app", permissions=held)
    occurrence = Occurrence(event.type_name, state.time.now(), "3.23.28", app, subject)
    payload, errors = _query(event, tracking.model_dump_json(by_alias=True)).render(
        state.schema, occurrence, Request.of_app(state, app)
    )
    assert payload, errors
    return body_of(payload).encode()


@st.composite
def channels(draw: st.DrawFn) -> Channel:
    """Draw a channel: its currency, its taxes, how prices are entered, what shipping costs."""
    channel = Channel(
        pk=1,
        slug=_SLUG,
        name="Simulated",
        currency_code=draw(st.sampled_from(sorted(EXPONENTS))),
        with_tax=draw(st.booleans()),
        rates={"standard": draw(st.sampled_from(_RATES)), "other": draw(st.sampled_from(_RATES))},
        shipping_method="Default",
        shipping_price=Decimal(0),
    )
    channel.shipping_price = minor(channel, draw(st.integers(0, 5_000)))
    return channel


@st.composite
def items(draw: st.DrawFn, channel: Channel, number: int) -> Item:
    """Draw a line: a price, a promotion or a discount of the staff, or a gift."""
    product = Product(
        pk=number,
        name=f"Product {number}",
        slug=f"product-{number}",
        product_type=_KIND,
        category=None,
        tax_class=draw(st.sampled_from(["standard", "other"])),
        promotion=draw(st.none() | st.sampled_from(_SHARES)),
    )
    price = minor(channel, draw(st.integers(0, 10**6)))
    manual = minor(channel, draw(st.just(0) | st.integers(0, 10**6)))
    variant = Variant(number, product, {_SLUG: price}, f"sku-{number}", "M")
    gift = draw(st.integers(0, 9)) == 0
    return Item(variant, draw(st.integers(1, 60)), gift, manual)


@st.composite
def vouchers(draw: st.DrawFn, channel: Channel) -> Voucher | None:
    """Draw a voucher of any kind, or none."""
    kind = draw(st.none() | st.sampled_from(VoucherKind))
    if kind is None:
        return None
    share = draw(st.none() | st.integers(1, 100).map(Decimal))
    return Voucher(
        "CODE",
        kind,
        percent=share,
        amounts={} if share else {_SLUG: minor(channel, draw(st.integers(1, 10**5)))},
        products=frozenset(f"product-{at}" for at in draw(st.sets(st.integers(0, 5)))),
        once=kind is not VoucherKind.SHIPPING and draw(st.booleans()),
    )


def _shop(channel: Channel, voucher: Voucher | None) -> Shop:
    shop = Shop(
        rng=Random(0), time=Timekeeper(lambda: 1_800_000_000.0), emit=lambda event, subject: None
    )
    shop.catalogue.channels[_SLUG] = channel
    shop.catalogue.vouchers["CODE"] = voucher or Voucher("CODE")
    return shop


@st.composite
def carts(draw: st.DrawFn) -> Cart:
    """Draw a checkout, shipped or not, as its customer fills it."""
    channel = draw(channels())
    lines = [
        replace(draw(items(channel, at)), manual=Decimal(0))
        for at in range(draw(st.integers(1, 6)))
    ]
    voucher = draw(vouchers(channel))
    storefront = _shop(channel, voucher).storefront
    cart = storefront.start(_SLUG, lines, email="guest@example.net")
    storefront.change(cart, voucher="CODE" if voucher else None, ship=draw(st.booleans()))
    return cart


@st.composite
def bought(draw: st.DrawFn) -> Bought:
    """Draw an order with whatever may lower it."""
    channel = draw(channels())
    lines = [draw(items(channel, at)) for at in range(draw(st.integers(1, 6)))]
    voucher = draw(vouchers(channel))
    shop = _shop(channel, voucher)
    some = st.just(0) | st.integers(0, 10**6)
    order = shop.place_order(
        _SLUG,
        items=lines,
        email=draw(st.sampled_from(["guest@example.net", "customer01@example.com"])),
        voucher="CODE" if voucher else None,
        off=minor(channel, draw(some)) if voucher is None else Decimal(0),
        manual=minor(channel, draw(st.just(0) | st.integers(0, 2_000))),
    )
    return Bought(shop, order)


@st.composite
def paid_with_gift_cards(draw: st.DrawFn) -> Bought:
    """Draw an order of which gift cards paid a part, or all."""
    one = draw(bought())
    whole = one.figures.total
    units = int(whole.scaleb(EXPONENTS[one.order.currency]))
    if units:
        amount = minor(one.order.channel, draw(st.integers(1, units)))
        one.order.pay_with_gift_card(amount)
    return one
