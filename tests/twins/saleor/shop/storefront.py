"""What visitors do before and beside an order: they fill baskets and have accounts."""

from collections.abc import Callable, Sequence
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names
from tests.twins.saleor.shop import stock
from tests.twins.saleor.shop.addresses import Address
from tests.twins.saleor.shop.carts import Cart
from tests.twins.saleor.shop.catalogue import Catalogue, User
from tests.twins.saleor.shop.orders import Order
from tests.twins.saleor.shop.pricing import Item

if TYPE_CHECKING:
    from tests.twins.saleor.shop.operations import Shop


class Storefront:
    """Checkouts and accounts of a shop."""

    def __init__(self, shop: "Shop", *, time: Timekeeper) -> None:
        self.carts: dict[str, Cart] = {}
        """Checkouts that are no orders yet, by global id."""
        self._shop = shop
        self._names = Names(Random("storefront"))
        self._time = time
        self._pks = count(1001)

    @property
    def _catalogue(self) -> Catalogue:
        return self._shop.catalogue

    @property
    def _say(self) -> Callable[[str, Cart | User], None]:
        return self._shop.emit

    def start(
        self,
        channel: str,
        items: Sequence[Item],
        *,
        email: str | None = None,
        by: User | None = None,
    ) -> Cart:
        """Create a checkout; whoever is logged in, or has an account with this email, owns it."""
        now, address = self._time.now(), stock.ADDRESSES.get(channel, stock.ADDRESSES[stock.USD])
        cart = Cart(
            token=self._names.uuid(),
            channel=self._catalogue.channels[channel],
            items=items,
            email=email,
            user=by or self._shop.customers.get(email or ""),
            created=now,
            updated_at=now,
            billing_address=address,
            shipping_address=address,
        )
        self.carts[cart.id] = cart
        self._say("CHECKOUT_CREATED", cart)
        return cart

    def change(
        self,
        cart: Cart,
        *,
        items: Sequence[Item] | None = None,
        email: str | None = None,
        voucher: str | None = None,
        ship: bool = False,
    ) -> None:
        """Fill the basket anew, type an email or a voucher, or choose the shipping."""
        cart.items = items or cart.items
        if email is not None:
            cart.email, cart.user = email, self._shop.customers.get(email)
        cart.voucher = self._catalogue.vouchers[voucher] if voucher else cart.voucher
        cart.is_shipped = cart.is_shipped or ship
        cart.updated_at = self._time.now()
        self._say("CHECKOUT_UPDATED", cart)

    def buy(self, cart: Cart, *, paid: bool = False) -> Order:
        """Complete a checkout, paid by a transaction or not: it is an order from then on."""
        if paid:
            self._say("CHECKOUT_FULLY_PAID", cart)
        self.carts.pop(cart.id)
        return self._shop.place_order(
            cart.channel.slug,
            items=cart.items,
            email=cart.email or "guest@example.net",
            voucher=cart.voucher_code,
            metadata=cart.metadata,
            paid=paid,
            checkout_token=cart.token,
        )

    def register(
        self,
        email: str,
        *,
        first_name: str = "",
        last_name: str = "",
        address: Address | None = None,
    ) -> User:
        """Make an account."""
        user = User(
            pk=next(self._pks),
            email=email,
            date_joined=self._time.now(),
            first_name=first_name,
            last_name=last_name,
            default_billing_address=address,
        )
        self._shop.customers[email] = user
        self._say("CUSTOMER_CREATED", user)
        return user

    def rename(self, user: User, *, first_name: str, last_name: str) -> None:
        """Change the names of an account."""
        user.first_name, user.last_name = first_name, last_name
        self._say("CUSTOMER_UPDATED", user)
