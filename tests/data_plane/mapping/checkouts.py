"""Checkouts, as the subscription asks for them."""

from tests.data_plane.mapping.deliveries import Json


def line_of(gross: object, net: object, listed: object, quantity: int = 1) -> Json:
    """Return a line that costs this with and without tax; ``listed``: as staff entered it."""
    product: Json = {"id": "p", "name": "Apple Juice", "slug": "apple-juice"}
    product |= {"category": {"name": "Juices"}, "thumbnail": {"url": "https://example.com/a.webp"}}
    return {
        "id": "line",
        "quantity": quantity,
        "totalPrice": {"gross": {"amount": gross}, "net": {"amount": net}},
        "undiscountedTotalPrice": {"amount": listed},
        "variant": {"id": "v", "name": "1 l", "sku": "sku-1", "product": product},
    }


def checkout_of(lines: list[Json], *, with_tax: bool | None = False, currency: str = "USD") -> Json:
    """Return a checkout with shipping; ``with_tax``: how staff enter prices."""
    configuration = None if with_tax is None else {"pricesEnteredWithTax": with_tax}
    return {
        "channel": {
            "id": "c",
            "slug": "channel-usd",
            "name": "USD",
            "taxConfiguration": configuration,
        },
        "voucherCode": "TEN",
        "email": "bob@example.net",
        "totalPrice": {"gross": {"amount": 100.0, "currency": currency}},
        "shippingPrice": {"gross": {"amount": 12.3}, "net": {"amount": 10.0}},
        "lines": lines,
    }
