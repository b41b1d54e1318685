"""A double of Saleor over real HTTP: its GraphQL API, its shop, and its signed webhooks.

Trusted because it is tested: against captured answers and deliveries of a real Saleor 3.23.28.
``python -m tests.twins.saleor`` runs it as a process, driven through ``/_twin/``; in a test::

    async with SaleorTwin(time_scale=100) as saleor:
        saleor.staff("staff@example.com", "password")
        ...  # let the operator use saleor.api_url
        order = saleor.shop.place_order(USD, paid=True)
        saleor.fail(hold_deliveries=True)
        saleor.shop.refund(order, Decimal("1.50"))
        saleor.heal()
        await saleor.settled()
        assert all(delivery.outcome == "acknowledged" for delivery in saleor.deliveries)

Not modelled: manifests and installations, root-field subscriptions, legacy payloads, synchronous
webhooks, the address filter.
"""

from tests.twins.saleor.apps import App, Webhook
from tests.twins.saleor.faults import Faults
from tests.twins.saleor.keys import SigningKey
from tests.twins.saleor.sending.deliveries import Delivery
from tests.twins.saleor.shop.operations import Shop
from tests.twins.saleor.shop.orders import Order, OrderLine
from tests.twins.saleor.shop.pricing import Item
from tests.twins.saleor.shop.stock import JPY, KWD, PLN, USD
from tests.twins.saleor.shop.totals import Figures, per_currency, per_day
from tests.twins.saleor.twin import SaleorTwin

__all__ = [
    "JPY",
    "KWD",
    "PLN",
    "USD",
    "App",
    "Delivery",
    "Faults",
    "Figures",
    "Item",
    "Order",
    "OrderLine",
    "SaleorTwin",
    "Shop",
    "SigningKey",
    "Webhook",
    "per_currency",
    "per_day",
]
