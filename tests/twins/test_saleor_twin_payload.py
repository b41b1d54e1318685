"""The twin's payloads are Saleor's: captured queries select the same shapes, byte by byte JSON."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from graphql import execute_sync

from tests.twins.saleor import PLN, USD, Item, Order, SaleorTwin, SigningKey
from tests.twins.saleor.api.requests import Request
from tests.twins.saleor.api.subscription import Occurrence, type_name
from tests.twins.saleor.receiver import Receiver

CAPTURED = Path(__file__).parents[1] / "fixtures/saleor"


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


def _hear(saleor: SaleorTwin, receiver: Receiver, event: str, query: str) -> None:
    saleor.webhook(saleor.app(), event, f"{receiver.url}/hook", query)


async def _told(saleor: SaleorTwin, receiver: Receiver) -> Any:
    """Return the last body that came."""
    await saleor.settled()
    return json.loads(receiver.received[-1].body)


def _buy(saleor: SaleorTwin, channel: str, *slugs: str, **more: Any) -> Order:
    by_slug = {variant.product.slug: variant for variant in saleor.shop.catalogue.variants}
    return saleor.shop.place_order(channel, items=[Item(by_slug[s], 2) for s in slugs], **more)


def _capture(name: str) -> tuple[str, Any]:
    """Return the query of a captured delivery, and what it selected."""
    capture = json.loads((CAPTURED / f"webhooks2/{name}.json").read_text())
    return capture["subscription_query"], json.loads(capture["body"])


def _shape(value: Any) -> Any:
    """Return the keys in order and the types; of a list, its first element stands for all."""
    if isinstance(value, dict):
        return [(name, _shape(one)) for name, one in value.items()]
    if isinstance(value, list):
        return [_shape(one) for one in value[:1]]
    return type(value)


async def test_a_refund_is_shaped_like_the_captured_one(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query, captured = _capture("order-refunded.granted.refund")
    _hear(saleor, receiver, "ORDER_REFUNDED", query)
    order = _buy(saleor, PLN, "ascii-tee", "mighty-mug", email="customer01@example.com")
    saleor.shop.pay(order)
    granted = saleor.shop.grant_refund(order, {order.lines[0]: 1})
    saleor.shop.refund(order, granted=granted)
    told = await _told(saleor, receiver)
    captured["order"]["user"] = told["order"]["user"]  # the captured order was a guest's
    assert _shape(told) == _shape(captured)


async def test_a_manual_refund_is_shaped_like_the_captured_one(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query, captured = _capture("order-refunded.legacy.refund-partial")
    _hear(saleor, receiver, "ORDER_REFUNDED", query)
    order = _buy(saleor, USD, "ascii-tee")
    saleor.shop.mark_as_paid(order)
    saleor.shop.refund_manually(order, Decimal(10))
    captured["order"]["fulfillments"] = []  # the twin ships nothing
    assert _shape(await _told(saleor, receiver)) == _shape(captured)


async def test_an_order_with_a_voucher_is_shaped_like_the_captured_one(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query, captured = _capture("order-created.tax-inclusive.voucher-fixed")
    _hear(saleor, receiver, "ORDER_CREATED", query)
    _buy(saleor, PLN, "ascii-tee", voucher="FIX777")
    assert _shape(await _told(saleor, receiver)) == _shape(captured)


async def test_a_promoted_line_is_like_the_captured_one(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query, captured = _capture("order-created.tax-inclusive.catalogue-promotion")
    _hear(saleor, receiver, "ORDER_CREATED", query)
    _buy(saleor, PLN, "white-plimsolls")
    (line,) = (await _told(saleor, receiver))["order"]["lines"]
    promoted = next(line for line in captured["order"]["lines"] if line["saleId"])
    for name in ("saleId", "unitDiscountReason", "unitDiscountType", "productSku"):
        assert line[name] == promoted[name]
    assert line["variantName"] == line["variant"]["id"]


def _subscriptions() -> dict[str, str]:
    """Every query of a captured order webhook, by the first delivery that shows it."""
    found = dict[str, str]()
    for path in sorted(CAPTURED.glob("webhooks*/order-*.json")):
        capture = json.loads(path.read_text())
        query = capture.get("subscription_query")
        if query and not path.stem.startswith(("order-bulk-created", "order-fulfilled")):
            found.setdefault(query, path.stem)
    return {name: query for query, name in found.items()}


SUBSCRIPTIONS = _subscriptions()


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_captured_subscription_is_accepted(saleor: SaleorTwin, name: str) -> None:
    webhook = saleor.webhook(saleor.app(), "E", "http://127.0.0.1:9/", SUBSCRIPTIONS[name])
    assert [event.removeprefix("ORDER_").lower() for event in webhook.subscription.events]


async def test_a_body_is_what_json_dumps_makes(saleor: SaleorTwin, receiver: Receiver) -> None:
    selected = "total{gross{amount}} shippingAddress{city}"
    query = f"subscription{{event{{... on OrderCreated{{order{{{selected}}}}}}}}}"
    _hear(saleor, receiver, "ORDER_CREATED", query)
    _buy(saleor, PLN, "ascii-tee")
    await saleor.settled()
    assert receiver.received[0].body == (
        b'{"order": {"total": {"gross": {"amount": 195.93}}, '
        b'"shippingAddress": {"city": "WROC\\u0141AW"}}}'
    )


async def test_fields_are_selected_renamed_and_given_arguments(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query = """subscription { event { __typename ... on OrderCreated { recipient { id } order {
        sum: total { gross { amount } } metafields(keys: ["a", "b"]) metafield(key: "a")
        lines { ...Line } } } } }
        fragment Line on OrderLine {
            small: thumbnail(size: 64, format: WEBP) { url } thumbnail(size: 256) { url } }"""
    _hear(saleor, receiver, "ORDER_CREATED", query)
    order = _buy(saleor, PLN, "ascii-tee", metadata={"a": "1", "c": "3"})
    assert await _told(saleor, receiver) == {
        "__typename": "OrderCreated",
        "recipient": {"id": "QXBwOjE="},
        "order": {
            "sum": {"gross": {"amount": float(order.total.gross.amount)}},
            "metafields": {"a": "1"},
            "metafield": "1",
            "lines": [
                {
                    "small": {
                        "url": "http://127.0.0.1:58000/thumbnail/UHJvZHVjdE1lZGlhOjE3/64/webp/"
                    },
                    "thumbnail": {
                        "url": "http://127.0.0.1:58000/thumbnail/UHJvZHVjdE1lZGlhOjE3/256/"
                    },
                }
            ],
        },
    }


async def test_fields_an_app_may_not_read_are_null_without_a_word(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query = """subscription { event { ... on OrderCreated { order {
        user { note email } lines { variant { product { privateMetadata { key } } } } } } } }"""
    _hear(saleor, receiver, "ORDER_CREATED", query)
    _buy(saleor, PLN, "ascii-tee", email="customer01@example.com")
    assert await _told(saleor, receiver) == {
        "order": {
            "user": {"note": None, "email": "customer01@example.com"},
            "lines": [{"variant": None}],
        }
    }


async def test_a_deleted_variant_is_gone_with_its_thumbnail_as_captured(
    saleor: SaleorTwin, receiver: Receiver
) -> None:
    query, captured = _capture("order-updated.variant-deleted.after")
    _hear(saleor, receiver, "ORDER_UPDATED", query)
    order = _buy(saleor, USD, "ascii-tee")
    saleor.shop.delete_variant(order)
    saleor.shop.update(order)
    (line,) = (await _told(saleor, receiver))["order"]["lines"]
    gone = next(line for line in captured["order"]["lines"] if line["variant"] is None)
    for name in ("variant", "thumbnail", "productVariantId", "productName"):
        assert _shape(line[name]) == _shape(gone[name])


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_a_query_laid_out_once_says_what_graphql_core_says(
    saleor: SaleorTwin, name: str
) -> None:
    webhook = saleor.webhook(saleor.app(), "E", "http://127.0.0.1:9/", SUBSCRIPTIONS[name])
    order = _buy(saleor, PLN, "ascii-tee", "white-plimsolls", email="customer01@example.com")
    saleor.shop.pay(order)
    saleor.shop.refund(order, granted=saleor.shop.grant_refund(order, {order.lines[0]: 1}))
    occurrence = Occurrence(
        graphql_type=type_name(webhook.subscription.events[0]),
        issued_at=saleor.state.time.now(),
        version="3.23.28",
        recipient=webhook.app,
        subject=order,
    )
    request, schema = Request.of_app(saleor.state, webhook.app), saleor.state.schema
    root = {"event": occurrence}
    slowly = execute_sync(schema, webhook.subscription.document, root, request)
    assert webhook.subscription.plan.render(root, request) == slowly.data
