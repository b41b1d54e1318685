"""The twin delivers webhooks as Saleor does: body, headers, signature, schedule, records."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256

from tests.twins.saleor import App, SaleorTwin, SigningKey, Webhook
from tests.twins.saleor.receiver import Received, Receiver

CAPTURED = Path(__file__).parents[1] / "fixtures/saleor"
QUERY = "subscription{event{__typename issuedAt ... on OrderUpdated{order{id number}}}}"
SCALE = 200.0


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as listening:
        yield listening


@pytest.fixture
async def saleor(key: SigningKey, receiver: Receiver) -> AsyncIterator[SaleorTwin]:
    async with SaleorTwin(key=key, time_scale=SCALE) as twin:
        yield twin


@pytest.fixture
def app(saleor: SaleorTwin) -> App:
    return saleor.app()


@pytest.fixture
def webhook(saleor: SaleorTwin, app: App, receiver: Receiver) -> Webhook:
    return saleor.webhook(app, "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)


def _update(saleor: SaleorTwin) -> None:
    """Emit one ORDER_UPDATED."""
    order = next(iter(saleor.shop.orders.values()), None) or saleor.shop.place_order()
    saleor.shop.update(order, street="Sample Street 1")


async def _query(saleor: SaleorTwin, token: str, query: str, **variables: Any) -> Any:
    request = {"query": query, "variables": variables}
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        ClientSession() as session,
        session.post(saleor.api_url, json=request, headers=headers) as response,
    ):
        answer = await response.json()
    assert "errors" not in answer, answer
    return answer["data"]


def _staff_token(saleor: SaleorTwin) -> str:
    return saleor.state.accounts.access_token(saleor.staff())


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verify(request: Received, jwks: Any) -> None:
    """Verify the detached JWS over the raw body, by hand."""
    header, middle, signature = request.header("Saleor-Signature").split(".")
    (jwk,) = jwks["keys"]
    assert middle == ""
    assert json.loads(_decode(header)) == {
        "alg": "RS256",
        "b64": False,
        "crit": ["b64"],
        "kid": jwk["kid"],
        "typ": "JWT",
    }
    n, e = (int.from_bytes(_decode(jwk[name])) for name in ("n", "e"))
    signed = header.encode() + b"." + request.body
    RSAPublicNumbers(e, n).public_key().verify(_decode(signature), signed, PKCS1v15(), SHA256())


async def _jwks(saleor: SaleorTwin) -> Any:
    async with ClientSession() as session, session.get(saleor.jwks_url) as response:
        assert not {"Cache-Control", "ETag"} & response.headers.keys()
        return await response.json()


async def test_a_delivery_has_the_headers_of_a_captured_one(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    webhook.headers = {"x-team": "orders"}
    _update(saleor)
    await saleor.settled()
    captured = json.loads((CAPTURED / "webhooks2/order-updated.jpy.paid.json").read_text())
    expected = [name for name, _ in captured["request"]["headers"]]
    (request,) = receiver.received
    assert sorted(name for name, _ in request.headers) == sorted([*expected, "x-team"])
    same = {"User-Agent", "Accept", "Accept-Encoding", "Connection", "Content-Type", "Host"}
    for name, value in captured["request"]["headers"]:
        if name in same or "Event" in name:
            assert request.header(name) == value
    assert request.header("Saleor-Api-Url") == saleor.api_url
    assert saleor.origin.endswith(request.header("Saleor-Domain"))


async def test_the_public_url_is_what_saleor_calls_itself(
    key: SigningKey, receiver: Receiver
) -> None:
    async with SaleorTwin(key=key, public_url="https://shop.example.com/") as saleor:
        saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
        _update(saleor)
        await saleor.settled()
    (request,) = receiver.received
    assert request.header("Saleor-Api-Url") == "https://shop.example.com/graphql/"
    assert request.header("Saleor-Domain") == "shop.example.com"


async def test_a_delivery_is_signed_over_its_raw_body(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    _update(saleor)
    await saleor.settled()
    _verify(receiver.received[0], await _jwks(saleor))


async def test_a_wrong_signature_on_demand(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    saleor.fail(wrong_signature=True)
    _update(saleor)
    await saleor.settled()
    with pytest.raises(InvalidSignature):
        _verify(receiver.received[0], await _jwks(saleor))


async def test_a_secret_key_makes_an_hmac_of_the_signature(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    webhook.secret_key = "secret"
    _update(saleor)
    await saleor.settled()
    assert len(receiver.received[0].header("Saleor-Signature")) == 64


async def test_a_failing_delivery_is_tried_six_times_on_schedule(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("hook", 503)
    _update(saleor)
    await saleor.settled()
    (delivery,) = saleor.deliveries
    assert (delivery.outcome, delivery.statuses) == ("failed", [503] * 6)
    moments = [attempt.created_at for attempt in delivery.attempts]
    waits = [(later - sooner).total_seconds() * SCALE for sooner, later in pairwise(moments)]
    for wait, expected in zip(waits, (10, 20, 40, 80, 160), strict=True):
        # A busy machine may add a second.
        assert expected * 0.95 < wait < expected + SCALE


async def test_every_attempt_has_the_same_body_and_its_own_trace(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("hook", 500, 500, 200)
    _update(saleor)
    await saleor.settled()
    assert len({request.body for request in receiver.received}) == 1
    assert len({request.header("Saleor-Signature") for request in receiver.received}) == 1
    assert len({request.header("traceparent") for request in receiver.received}) == 3


async def test_retries_are_signed_with_the_key_of_the_moment(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("hook", 500, 200)
    before = await _jwks(saleor)
    receiver.gate.clear()
    _update(saleor)
    await receiver.arrivals(1)
    saleor.rotate_key()
    receiver.gate.set()
    await saleor.settled()
    after = await _jwks(saleor)
    first, second = receiver.received
    _verify(first, before)
    _verify(second, after)
    assert first.body == second.body
    assert len(after["keys"]) == 1
    assert after != before


@pytest.mark.parametrize("status", [302, 400, 401, 404, 410, 429])
async def test_what_is_no_5xx_is_final(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver, status: int
) -> None:
    receiver.answer("hook", status, Location=f"{receiver.url}/elsewhere")
    _update(saleor)
    await saleor.settled()
    (delivery,) = saleor.deliveries
    assert (delivery.outcome, delivery.statuses) == ("failed", [status])
    assert len(receiver.received) == 1


@pytest.mark.parametrize("status", [200, 204, 299])
async def test_any_2xx_acknowledges_and_saleor_forgets(
    saleor: SaleorTwin, app: App, webhook: Webhook, receiver: Receiver, status: int
) -> None:
    receiver.answer("hook", status)
    _update(saleor)
    await saleor.settled()
    assert saleor.deliveries[0].outcome == "acknowledged"
    query = "{app{webhooks{eventDeliveries(first:5){totalCount}}}}"
    shown = await _query(saleor, app.token, query)
    assert shown["app"]["webhooks"][0]["eventDeliveries"]["totalCount"] == 0


async def test_no_answer_is_tried_again(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    webhook.target_url = "http://127.0.0.1:9/hook"
    _update(saleor)
    await saleor.until(lambda: bool(saleor.deliveries[0].attempts))
    webhook.target_url = f"{receiver.url}/hook"
    await saleor.settled()
    assert saleor.deliveries[0].statuses[0] is None
    assert saleor.deliveries[0].statuses[-1] == 200


async def test_a_slow_receiver_times_out_and_is_tried_again(
    key: SigningKey, receiver: Receiver
) -> None:
    async with SaleorTwin(key=key, time_scale=SCALE, least_timeout=0.1) as saleor:
        saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
        receiver.gate.clear()
        _update(saleor)
        await saleor.until(lambda: len(saleor.deliveries[0].attempts) == 1)
        receiver.gate.set()
        await saleor.settled()
    assert saleor.deliveries[0].statuses == [None, 200]


async def test_workers_are_bounded(key: SigningKey, receiver: Receiver) -> None:
    async with SaleorTwin(key=key, workers=2) as saleor:
        saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
        receiver.gate.clear()
        for _ in range(5):
            _update(saleor)
        await receiver.arrivals(2)
        assert sum(delivery.in_flight for delivery in saleor.deliveries) == 2
        receiver.gate.set()
        await saleor.settled()
    assert len(receiver.received) == 5


async def test_order_is_not_kept_and_follows_the_seed(key: SigningKey, receiver: Receiver) -> None:
    async def arrivals(seed: int) -> list[str]:
        receiver.received.clear()
        async with SaleorTwin(key=key, seed=seed, workers=1) as saleor:
            saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
            saleor.fail(hold_deliveries=True)
            for _ in range(12):
                saleor.shop.update(saleor.shop.place_order())
            saleor.heal()
            await saleor.settled()
        return [json.loads(request.body)["order"]["number"] for request in receiver.received]

    first = await arrivals(1)
    assert first != sorted(first, key=int)
    assert first == await arrivals(1)


async def test_payloads_are_built_when_they_are_sent_since_3_23(
    key: SigningKey, receiver: Receiver
) -> None:
    async def told(version: str) -> str:
        receiver.received.clear()
        query = "subscription{event{... on OrderCreated{order{status}}}}"
        async with SaleorTwin(version=version, key=key) as saleor:
            saleor.webhook(saleor.app(), "ORDER_CREATED", f"{receiver.url}/hook", query)
            saleor.fail(hold_deliveries=True)
            saleor.shop.cancel(saleor.shop.place_order())
            saleor.heal()
            await saleor.settled()
        return str(json.loads(receiver.received[0].body)["order"]["status"])

    assert await told("3.22.67") == "UNCONFIRMED"
    assert await told("3.23.28") == "CANCELED"


async def test_no_two_events_look_alike_even_if_the_clock_stands(
    key: SigningKey, receiver: Receiver
) -> None:
    async with SaleorTwin(key=key, clock=lambda: 1_800_000_000.0) as saleor:
        saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
        for _ in range(3):
            _update(saleor)
        await saleor.settled()
    assert len({request.body for request in receiver.received}) == 3


def _webhook_off(webhook: Webhook) -> None:
    webhook.is_active = False


def _app_off(webhook: Webhook) -> None:
    webhook.app.is_active = False


def _permission_taken(webhook: Webhook) -> None:
    webhook.app.permissions = ()


@pytest.mark.parametrize("silence", [_webhook_off, _app_off, _permission_taken])
async def test_events_are_lost_while_nobody_may_hear_them(
    saleor: SaleorTwin, webhook: Webhook, silence: Callable[[Webhook], None]
) -> None:
    silence(webhook)
    _update(saleor)
    assert saleor.deliveries == []


async def test_a_webhook_switched_off_before_sending_fails_without_an_attempt(
    saleor: SaleorTwin, webhook: Webhook
) -> None:
    saleor.fail(hold_deliveries=True)
    _update(saleor)
    webhook.is_active = False
    saleor.heal()
    await saleor.settled()
    (delivery,) = saleor.deliveries
    assert (delivery.outcome, delivery.attempts) == ("failed", [])


async def test_an_event_the_query_does_not_select_is_pending_for_good(
    saleor: SaleorTwin, app: App, receiver: Receiver
) -> None:
    query = "subscription{event{... on OrderCreated{order{id}}}}"
    saleor.webhook(app, "ORDER_UPDATED", f"{receiver.url}/hook", query)
    _update(saleor)
    await saleor.settled()
    (delivery,) = saleor.deliveries
    assert (delivery.outcome, delivery.status, delivery.attempts) == ("stuck", "PENDING", [])


async def test_an_acknowledged_delivery_comes_twice_on_demand(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    saleor.fail(deliver_twice=True)
    _update(saleor)
    await saleor.settled()
    first, second = receiver.received
    assert first.body == second.body


async def test_a_delivery_whose_answer_is_lost_is_sent_again(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    saleor.fail(lose_answers=1.0)
    _update(saleor)
    await saleor.until(lambda: len(receiver.received) == 2)
    saleor.heal()
    await saleor.settled()
    (delivery,) = saleor.deliveries
    assert len({one.body for one in receiver.received}) == 1
    assert delivery.statuses[:2] == [None, None]
    assert delivery.outcome == "acknowledged"


async def test_failed_deliveries_are_shown_with_payload_and_signature(
    saleor: SaleorTwin, app: App, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("hook", 400)
    _update(saleor)
    await saleor.settled()
    pair = json.loads(
        (CAPTURED / "graphql/app.self.failed-deliveries-with-payload.json").read_text()
    )
    shown = await _query(saleor, app.token, pair["operation"])
    (edge,) = shown["app"]["webhooks"][0]["eventDeliveries"]["edges"]
    captured = pair["response"]["data"]["app"]["webhooks"][0]["eventDeliveries"]["edges"][0]
    assert _shape(edge) == _shape(captured)
    assert edge["node"]["payload"].encode() == receiver.received[0].body


async def test_attempts_are_recorded_as_captured(
    saleor: SaleorTwin, app: App, receiver: Receiver
) -> None:
    pair = json.loads((CAPTURED / "graphql/app.self.event-deliveries.json").read_text())
    captured = {
        hook["name"]: hook["eventDeliveries"]["edges"][0]["node"]
        for hook in pair["response"]["data"]["app"]["webhooks"]
        if hook["eventDeliveries"]["edges"]
    }
    for name, node in captured.items():
        _fail_as(saleor, app, receiver, name, node)
    _update(saleor)
    await saleor.settled()
    shown = await _query(saleor, app.token, pair["operation"])
    for hook in shown["app"]["webhooks"]:
        (edge,) = hook["eventDeliveries"]["edges"]
        _assert_recorded_alike(edge["node"], captured.pop(hook["name"]))
    assert not captured


def _fail_as(saleor: SaleorTwin, app: App, receiver: Receiver, name: str, node: Any) -> None:
    """Add a webhook whose deliveries fail as a captured one did."""
    (first, *_) = (edge["node"] for edge in node["attempts"]["edges"])
    url = "http://127.0.0.1:9/none"
    if first["responseStatusCode"] is not None:
        url = f"{receiver.url}/{name}"
        text = first["response"].replace("...", "x" * 100)
        receiver.answer(name, first["responseStatusCode"], text=text)
    saleor.webhook(app, "ORDER_UPDATED", url, QUERY).name = name


def _assert_recorded_alike(node: Any, captured: Any) -> None:
    assert _shape(node) == _shape(captured)
    pairs = zip(node["attempts"]["edges"], captured["attempts"]["edges"], strict=True)
    for mine, its in ((mine["node"], its["node"]) for mine, its in pairs):
        assert mine["status"] == its["status"]
        assert mine["responseStatusCode"] == its["responseStatusCode"]
        assert [*json.loads(mine["requestHeaders"])] == [*json.loads(its["requestHeaders"])]
        if mine["responseStatusCode"] is not None:
            assert mine["response"] == its["response"]
    tasks = {edge["node"]["taskId"] for edge in node["attempts"]["edges"]}
    assert len(tasks) == 1


def _shape(value: Any) -> Any:
    """Return the keys of a record in order, and the types of its values."""
    if isinstance(value, dict):
        return [(name, _shape(one)) for name, one in value.items()]
    if isinstance(value, list):
        return [_shape(one) for one in value]
    return type(value)


async def test_the_staff_may_have_a_failed_delivery_sent_again(
    saleor: SaleorTwin, webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("hook", 400, 500, 200)
    _update(saleor)
    await saleor.settled()
    (delivery,) = saleor.deliveries
    mutation = "mutation($id:ID!){eventDeliveryRetry(id:$id){delivery{status} errors{code}}}"
    answer = await _query(saleor, _staff_token(saleor), mutation, id=delivery.id)
    assert answer["eventDeliveryRetry"] == {"delivery": {"status": "PENDING"}, "errors": []}
    await saleor.settled()
    assert (delivery.outcome, delivery.statuses) == ("acknowledged", [400, 500, 200])
    assert len({request.body for request in receiver.received}) == 1


async def test_a_webhook_is_not_deleted_while_it_delivers(
    saleor: SaleorTwin, app: App, webhook: Webhook, receiver: Receiver
) -> None:
    mutation = "mutation($id:ID!){webhookDelete(id:$id){errors{code}}}"
    receiver.gate.clear()
    _update(saleor)
    await receiver.arrivals(1)
    answer = await _query(saleor, app.token, mutation, id=webhook.id)
    assert answer["webhookDelete"]["errors"] == [{"code": "DELETE_FAILED"}]
    assert not webhook.is_active
    receiver.gate.set()
    await saleor.settled()
    answer = await _query(saleor, app.token, mutation, id=webhook.id)
    assert answer["webhookDelete"]["errors"] == []
    assert app.webhooks == []


async def test_deleting_a_webhook_drops_what_it_had_to_deliver(
    saleor: SaleorTwin, app: App, webhook: Webhook, receiver: Receiver
) -> None:
    saleor.fail(hold_deliveries=True)
    _update(saleor)
    mutation = "mutation($id:ID!){webhookDelete(id:$id){errors{code}}}"
    await _query(saleor, app.token, mutation, id=webhook.id)
    saleor.heal()
    await saleor.settled()
    assert saleor.deliveries[0].outcome == "dropped"
    assert receiver.received == []


async def test_what_breaks_a_worker_is_raised_to_who_waits(
    key: SigningKey, receiver: Receiver
) -> None:
    stopped = list[bool]()

    def clock() -> float:
        if stopped:
            raise RuntimeError("the clock stopped")
        return 1_800_000_000.0

    async def wait() -> None:
        async with SaleorTwin(key=key, clock=clock) as saleor:
            saleor.webhook(saleor.app(), "ORDER_UPDATED", f"{receiver.url}/hook", QUERY)
            _update(saleor)
            stopped.append(True)
            await saleor.settled()

    with pytest.raises(RuntimeError, match="the clock stopped"):
        await wait()
