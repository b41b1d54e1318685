"""What Saleor gave up, read back: as captured from a real one, and page by page from the twin."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from saleor_segment_operator.errors import Blocked
from saleor_segment_operator.resource import Reason
from saleor_segment_operator.saleor import (
    SIGNATURE,
    DeliveryState,
    KeptDelivery,
    Saleor,
    StaffCredentials,
)
from saleor_segment_operator.saleor.deliveries import Contents, read_contents, read_page
from saleor_segment_server.outbound import Guard
from saleor_segment_server.signature import parse
from tests.control_plane.saleor.scripted import CAPTURED, Api, Clock
from tests.twins.saleor import App, SaleorTwin, SigningKey, Webhook
from tests.twins.saleor.receiver import Receiver

FIXTURES = CAPTURED.parent
QUERY = "subscription { event { ... on OrderUpdated { issuedAt order { id } } } }"
STAFF = StaffCredentials("staff@example.com", "password")


# A real Saleor's answers.


def captured(name: str) -> Iterator[dict[str, Any]]:
    """Yield each webhook of a captured answer, as an answer to our own query."""
    pair = json.loads((CAPTURED / f"{name}.json").read_text())
    for webhook in pair["response"]["data"]["app"]["webhooks"]:
        edges = webhook["eventDeliveries"]["edges"]
        for place, edge in enumerate(edges):
            edge["cursor"] = str(place)
            for attempt in edge["node"]["attempts"]["edges"]:
                attempt["node"].setdefault("requestHeaders", None)
        yield {"webhook": webhook | {"eventDeliveries": {"edges": edges, "pageInfo": LAST}}}


LAST = {"hasNextPage": False}


def test_captured_bodies_are_those_that_were_delivered() -> None:
    delivered = {
        json.loads(path.read_text())["body"].encode()
        for path in (FIXTURES / "webhooks2").glob("*.rejected-400*.json")
    }
    found = [
        contents
        for data in captured("app.self.failed-deliveries-with-payload")
        for contents in read_contents(data).values()
    ]
    assert {contents.body for contents in found} == delivered
    assert len(found) == 7


def test_captured_signatures_verify_over_the_captured_bodies() -> None:
    (key,) = json.loads((FIXTURES / "jwks.json").read_text())["keys"]
    public = RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    found = [
        contents
        for data in captured("app.self.event-deliveries")
        for contents in read_contents(data).values()
    ]
    assert len(found) == 9
    for contents in found:
        signature = parse(contents.headers[SIGNATURE])
        assert signature.key_id == key["kid"]
        assert contents.body is not None
        assert signature.is_of(public, contents.body)
        assert contents.headers["saleor-api-url"] == "http://127.0.0.1:58000/graphql/"
        assert contents.headers["content-type"] == "application/json"


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_captured_deliveries_are_listed() -> None:
    pages = [read_page(data) for data in captured("app.self.failed-deliveries-with-payload")]
    listed = [delivery for page in pages for delivery in page.deliveries]
    assert {each.event for each in listed} == {
        *("ORDER_CREATED", "ORDER_CONFIRMED", "ORDER_UPDATED"),
        *("ORDER_PAID", "ORDER_FULLY_PAID", "ORDER_REFUNDED"),
    }
    assert all(each.created_at.tzinfo is not None for each in listed)


@pytest.mark.parametrize(
    ("node", "contents"),
    [
        ({"payload": None, "attempts": {"edges": []}}, Contents(None)),
        ({"payload": "", "attempts": None}, Contents(None)),
        ({"payload": "{}", "attempts": {"edges": []}}, Contents(b"{}")),
        (
            {"payload": "{}", "attempts": {"edges": [{"node": {"requestHeaders": None}}]}},
            Contents(b"{}"),
        ),
        (
            {"payload": "{}", "attempts": {"edges": [{"node": {"requestHeaders": "{"}}]}},
            Contents(b"{}"),
        ),
        (
            {"payload": "{}", "attempts": {"edges": [{"node": {"requestHeaders": "[1]"}}]}},
            Contents(b"{}"),
        ),
    ],
)
def test_what_saleor_has_no_longer_is_none(node: dict[str, Any], contents: Contents) -> None:
    edges = [{"node": {"id": "1"} | node}]
    assert read_contents({"webhook": {"eventDeliveries": {"edges": edges}}}) == {"1": contents}


def test_headers_that_are_not_for_us_or_cannot_be_sent_are_left_out() -> None:
    recorded = {
        "SALEOR-SIGNATURE": "a..b",
        "Saleor-Event": "order_created\r\nX-Planted: 1",
        "Saleor-Domain": "bücher.example",
        "authorization": "Basic planted",
        "X-Saleor-Signature": "of old",
        "Content-Type": 7,
    }
    attempts = {"edges": [{"node": {"requestHeaders": json.dumps(recorded)}}]}
    edges = [{"node": {"id": "1", "payload": "{}", "attempts": attempts}}]
    found = read_contents({"webhook": {"eventDeliveries": {"edges": edges}}})
    assert found["1"].headers == {SIGNATURE: "a..b"}


# Over HTTP.


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(params=["3.20.119", "3.22.67", "3.23.28", "3.24.0-a.0"])
async def twin(request: pytest.FixtureRequest, key: SigningKey) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(version=request.param, key=key, time_scale=1000) as twin:
        twin.staff(STAFF.email, STAFF.password)
        yield twin


@pytest.fixture
async def client(twin: SaleorTwin, clock: Clock) -> AsyncIterator[Saleor]:
    guard = Guard(allow_loopback=True)
    async with Saleor(twin.api_url, guard=guard, clock=clock) as saleor:
        yield saleor


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
def app(twin: SaleorTwin) -> App:
    return twin.app("ours")


@pytest.fixture
def hook(twin: SaleorTwin, app: App, receiver: Receiver) -> Webhook:
    receiver.answer("hook", 400)
    return twin.webhook(app, "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)


async def give_up(twin: SaleorTwin, count: int) -> None:
    order = twin.shop.place_order()
    for _ in range(count):
        twin.state.outbox.emit("ORDER_UPDATED", order)
    await twin.settled()


async def test_they_are_paged_newest_first(
    twin: SaleorTwin, client: Saleor, app: App, hook: Webhook
) -> None:
    await give_up(twin, 250)
    listed: list[KeptDelivery] = []
    sizes: list[int] = []
    after: str | None = None
    while True:
        page = await client.deliveries(app.token, hook.id, DeliveryState.FAILED, after=after)
        listed += page.deliveries
        sizes.append(len(page.deliveries))
        if not page.more:
            break
        after = page.deliveries[-1].cursor
    assert sizes[:-1] == [100] * (len(sizes) - 1)
    failed = [each for each in twin.deliveries if each.outcome == "failed"]
    assert [each.id for each in listed] == [each.id for each in reversed(failed)]
    assert [each.created_at for each in listed] == [each.created_at for each in reversed(failed)]


async def test_their_contents_come_from_the_place_that_was_asked_for(
    twin: SaleorTwin, client: Saleor, app: App, hook: Webhook, receiver: Receiver
) -> None:
    await give_up(twin, 5)
    page = await client.deliveries(app.token, hook.id, DeliveryState.FAILED)
    after = page.deliveries[1].cursor
    gone = twin.state.outbox.find(page.deliveries[1].id)
    assert gone is not None
    twin.deliveries.remove(gone)
    found = await client.given_up(app.token, hook.id, first=2, after=after)
    assert list(found) == [each.id for each in page.deliveries[2:4]]
    sent = {request.body: request.header for request in receiver.received}
    for contents in found.values():
        assert contents.body is not None
        header = sent[contents.body]
        assert contents.headers == {
            "content-type": "application/json",
            "saleor-api-url": header("Saleor-Api-Url"),
            "saleor-domain": header("Saleor-Domain"),
            "saleor-event": "order_updated",
            "saleor-signature": header("Saleor-Signature"),
        }


async def test_a_webhook_that_is_gone_or_anothers_has_none(
    twin: SaleorTwin, client: Saleor, app: App, hook: Webhook
) -> None:
    await give_up(twin, 1)
    stranger = twin.app("another")
    page = await client.deliveries(stranger.token, hook.id, DeliveryState.FAILED)
    assert not page.deliveries
    assert not await client.given_up(stranger.token, hook.id, first=1, after=None)


async def test_staff_have_one_sent_again(
    twin: SaleorTwin, client: Saleor, app: App, hook: Webhook, receiver: Receiver
) -> None:
    await give_up(twin, 1)
    receiver.answer("hook", 200)
    page = await client.deliveries(app.token, hook.id, DeliveryState.FAILED)
    await client.retry_delivery(STAFF, page.deliveries[0].id)
    await twin.settled()
    page = await client.deliveries(app.token, hook.id, DeliveryState.FAILED)
    assert not page.deliveries
    await client.retry_delivery(STAFF, "RXZlbnREZWxpdmVyeTo5OTk=")  # gone: nothing to do


async def test_staff_without_manage_apps_are_told_so(
    twin: SaleorTwin, client: Saleor, app: App, hook: Webhook
) -> None:
    await give_up(twin, 1)
    orders_only = twin.staff("orders@example.com", "password", ["MANAGE_ORDERS"])
    with pytest.raises(Blocked, match="lacks MANAGE_APPS") as caught:
        await client.retry_delivery(
            StaffCredentials(orders_only.email, "password"), twin.deliveries[-1].id
        )
    assert caught.value.reason == Reason.PERMISSION_MISSING


async def test_an_answer_longer_than_we_read_says_so_by_its_reason(
    api: Api, saleor: Saleor
) -> None:
    node = {"id": "1", "payload": "x" * (8 * 2**20), "attempts": {"edges": []}}
    page = {"edges": [{"node": node}], "pageInfo": LAST}
    api.answers = [web.json_response({"data": {"webhook": {"eventDeliveries": page}}})]
    with pytest.raises(Blocked) as caught:
        await saleor.given_up("token", "hook", first=1, after=None)
    assert caught.value.reason == Reason.NOT_SALEOR
