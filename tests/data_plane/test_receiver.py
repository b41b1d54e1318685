"""Every row of the table of answers, over real sockets with real keys."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest

from saleor_segment_server.bodies import LARGEST_BODY, Bodies
from saleor_segment_server.contract import Event, PipelineState
from saleor_segment_server.journal import Limits
from tests.data_plane.receiving import NOW, PIPELINE_ID, Door, Shop, body, pipeline
from tests.signing import Signer

FIXTURES = Path("tests/fixtures/saleor")


async def buried(door: Door) -> list[str]:
    return [letter.why for letter in await door.journal.dead_letters(PIPELINE_ID)]


def head(signature: str, length: int = 100) -> bytes:
    """Return the head of a delivery whose body is sent by hand, or not at all."""
    return (
        f"POST /webhooks/{PIPELINE_ID}/order_created HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n"
        f"Saleor-Signature: {signature}\r\n\r\n"
    ).encode()


async def until(test: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not test():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


# 200


async def test_a_genuine_delivery_is_stored_and_acknowledged(door: Door, signer: Signer) -> None:
    data = body()
    assert await door.post(data, signer.sign(data)) == (200, "")
    (pending,) = await door.journal.take(PIPELINE_ID)
    assert (pending.event, pending.body, pending.received_at) == (Event.ORDER_CREATED, data, NOW)
    assert door.woken == [PIPELINE_ID]


async def test_a_retry_is_acknowledged_and_stored_once(door: Door, signer: Signer) -> None:
    data = body()
    for _ in range(3):
        assert await door.post(data, signer.sign(data)) == (200, "")
    assert len(await door.journal.take(PIPELINE_ID)) == 1
    assert door.woken == [PIPELINE_ID]


async def test_a_sender_that_waits_to_be_told_is_told(door: Door, signer: Signer) -> None:
    data = body()
    url = f"{door.public.url}/webhooks/{PIPELINE_ID}/order_created"
    headers = {"Content-Type": "application/json", "Saleor-Signature": signer.sign(data)}
    async with door.client.post(url, data=data, headers=headers, expect100=True) as response:
        assert response.status == 200
    assert len(await door.journal.take(PIPELINE_ID)) == 1


async def test_two_events_with_one_body_are_two(door: Door, signer: Signer) -> None:
    data = body(__typename=None)
    for event in ("order_created", "ORDER_UPDATED", "Order_Cancelled"):
        path = f"/webhooks/{PIPELINE_ID}/{event}"
        assert await door.post(data, signer.sign(data), path=path) == (200, "")
    assert len(await door.journal.take(PIPELINE_ID)) == 3


@pytest.mark.parametrize("state", [PipelineState.PAUSED, PipelineState.DRAINING])
async def test_a_pipeline_that_does_not_send_still_accepts(
    door: Door, shop: Shop, signer: Signer, state: PipelineState
) -> None:
    await door.table.replace([pipeline(shop.url + "/graphql/", state=state)])
    data = body()
    assert (await door.post(data, signer.sign(data)))[0] == 200


@pytest.mark.parametrize(
    ("changes", "headers", "why"),
    [
        ({"__typename": "OrderUpdated"}, {}, "its __typename is not OrderCreated"),
        ({"recipient": {"id": "QXBwOjY="}}, {}, "it was meant for another app"),
        ({"issuedAt": "2026-11-03T11:06:39+00:00"}, {}, "it was issued too long ago"),
        ({"issuedAt": "yesterday"}, {}, "its issuedAt is no time"),
        ({"issuedAt": "2026-11-18T11:06:40"}, {}, "its issuedAt has no time zone"),
        (
            {},
            {"Saleor_Api_Url": "https://other.example.com/graphql/"},
            "its Saleor-Api-Url is not the shop's: see publicUrl of the integration",
        ),
    ],
)
@pytest.mark.parametrize("spaced", [True, False], ids=["as Saleor writes it", "in other words"])
async def test_what_is_genuine_but_not_wanted_is_kept_as_a_dead_letter(
    door: Door,
    signer: Signer,
    changes: dict[str, object],
    headers: dict[str, str],
    why: str,
    *,
    spaced: bool,
) -> None:
    data = body(**changes)
    data = json.dumps(json.loads(data)).encode() if spaced else data
    assert await door.post(data, signer.sign(data), **headers) == (200, "")
    assert await buried(door) == [why]
    assert await door.journal.take(PIPELINE_ID) == []
    assert door.woken == []
    assert await door.post(data, signer.sign(data), **headers) == (200, "")
    assert len(await buried(door)) == 1


@pytest.mark.parametrize("data", [b"", b"order", b'{"order": ', b"\xff\xfe"])
async def test_a_signed_body_that_is_no_json_is_kept_as_a_dead_letter(
    door: Door, signer: Signer, data: bytes
) -> None:
    assert (await door.post(data, signer.sign(data)))[0] == 200
    assert await buried(door) == ["the body is no JSON"]


async def test_what_is_no_json_behind_its_head_is_seen_when_it_is_mapped(
    door: Door, signer: Signer
) -> None:
    data = json.dumps(json.loads(body())).encode()[:-1]
    assert (await door.post(data, signer.sign(data)))[0] == 200
    assert len(await door.journal.take(PIPELINE_ID)) == 1


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'{"data": null}', b'{"data": []}'])
async def test_a_signed_body_of_another_form_is_accepted(
    door: Door, signer: Signer, data: bytes
) -> None:
    assert await door.post(data, signer.sign(data)) == (200, "")
    assert len(await door.journal.take(PIPELINE_ID)) == 1


async def test_an_event_the_integration_does_not_name_is_kept_as_a_dead_letter(
    door: Door, shop: Shop, signer: Signer
) -> None:
    await door.table.replace([pipeline(shop.url + "/graphql/", events=["ORDER_UPDATED"])])
    data = body()
    assert (await door.post(data, signer.sign(data)))[0] == 200
    assert await buried(door) == ["ORDER_CREATED is not among the integration's events"]


async def test_without_app_ids_any_recipient_will_do(
    door: Door, shop: Shop, signer: Signer
) -> None:
    await door.table.replace([pipeline(shop.url + "/graphql/", saleor={"appIds": []})])
    data = body(recipient={"id": "QXBwOjY="})
    assert (await door.post(data, signer.sign(data)))[0] == 200
    assert await buried(door) == []


async def test_the_shop_may_call_itself_by_its_public_name(
    door: Door, shop: Shop, signer: Signer
) -> None:
    saleor = {"publicUrl": "https://Shop.example.com/"}
    await door.table.replace([pipeline(shop.url + "/graphql/", saleor=saleor)])
    data = body()
    named = "https://shop.example.com/graphql/"
    assert (await door.post(data, signer.sign(data), Saleor_Api_Url=named))[0] == 200
    assert await buried(door) == []


# 401


async def test_a_delivery_without_a_signature_is_refused(door: Door) -> None:
    assert await door.post(body(), None) == (401, "signature_missing")


async def test_two_signatures_are_refused(door: Door, signer: Signer) -> None:
    data = body()
    signature = signer.sign(data)
    headers = [("Content-Type", "application/json"), *[("Saleor-Signature", signature)] * 2]
    url = f"{door.public.url}/webhooks/{PIPELINE_ID}/order_created"
    async with door.client.post(url, data=data, headers=headers) as response:
        assert response.status == 401


async def test_a_body_that_was_tampered_with_is_refused(door: Door, signer: Signer) -> None:
    data = body()
    assert await door.post(data + b" ", signer.sign(data)) == (401, "signature_wrong")
    assert await door.journal.take(PIPELINE_ID) == []


async def test_a_stranger_under_the_shops_key_id_is_refused(
    door: Door, signer: Signer, stranger: Signer
) -> None:
    data = body()
    forger = Signer(stranger.pem, {"kid": signer.jwk()["kid"]})
    assert await door.post(data, forger.sign(data)) == (401, "signature_wrong")


@pytest.mark.parametrize("signature", ["", "a", "a.b.c", "..", "%%..%%", "e30..AAAA", "ä..ö"])
async def test_what_is_no_signature_is_refused(door: Door, signature: str) -> None:
    assert (await door.post(body(), signature))[0] == 401


async def test_a_wrong_signature_under_a_key_that_is_gone_is_not_final(
    door: Door, shop: Shop, signer: Signer, stranger: Signer
) -> None:
    data = body()
    assert await door.post(data, signer.sign(data)) == (200, "")
    shop.key_set = stranger.jwks()
    door.clock.now += 5
    another = body(order={"id": "2"})
    assert await door.post(another, stranger.sign(another)) == (200, "")
    third = body(order={"id": "3"})
    assert await door.post(third, signer.sign(third)) == (200, "")
    assert await door.post(third + b" ", signer.sign(third)) == (503, "key_unknown")


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["Saleor-Signature: a.b.c"], b"401"),
        (["Content-Type: text/plain"], b"415"),
        ([f"Content-Length: {LARGEST_BODY + 1}"], b"413"),
    ],
)
async def test_what_is_wrong_with_the_head_is_said_without_waiting_for_the_body(
    door: Door, lines: list[str], answer: bytes
) -> None:
    fields = {"Content-Type": "application/json", "Content-Length": "10", "Host": "x"}
    fields |= dict(line.split(": ") for line in lines)
    reader, writer = await asyncio.open_connection(*door.public.address)
    text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    path = f"/webhooks/{PIPELINE_ID}/order_created"
    writer.write(f"POST {path} HTTP/1.1\r\n{text}\r\n".encode())
    assert answer in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


# 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/webhooks",
        "/webhooks/not-an-id/order_created",
        f"/webhooks/{PIPELINE_ID}/order_eaten",
        f"/webhooks/{PIPELINE_ID}/order_created/more",
        f"/webhooks/{PIPELINE_ID.upper()}/order_created",
        "/metrics",
        "/internal/v1/pipelines",
    ],
)
async def test_what_is_not_there_is_not_found(door: Door, signer: Signer, path: str) -> None:
    data = body()
    assert (await door.post(data, signer.sign(data), path=path))[0] == 404


async def test_webhooks_are_posted_and_nothing_else(door: Door) -> None:
    url = f"{door.public.url}/webhooks/{PIPELINE_ID}/order_created"
    for method in ("GET", "HEAD", "PUT", "DELETE", "OPTIONS"):
        async with door.client.request(method, url) as response:
            assert response.status == 404


async def test_a_pipeline_taken_down_on_purpose_is_not_found(
    door: Door, shop: Shop, signer: Signer
) -> None:
    draining = pipeline(shop.url + "/graphql/", state=PipelineState.DRAINING)
    await door.table.replace([draining])
    await door.table.replace([])
    data = body()
    assert await door.post(data, signer.sign(data)) == (404, "pipeline_gone")


# 400, 413, 415


async def test_a_body_of_the_largest_size_is_taken_and_a_larger_one_is_not(
    door: Door, signer: Signer
) -> None:
    data = body().ljust(LARGEST_BODY)
    assert await door.post(BytesIO(data), signer.sign(data)) == (200, "")
    assert await door.post(BytesIO(data + b" "), signer.sign(data)) == (413, "too_large")


async def test_a_chunked_body_without_end_is_cut(door: Door, signer: Signer) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 2**20

    url = f"{door.public.url}/webhooks/{PIPELINE_ID}/order_created"
    headers = {"Content-Type": "application/json", "Saleor-Signature": signer.sign(b"")}
    try:
        async with door.client.post(url, data=endless(), headers=headers) as response:
            assert response.status == 413
    except OSError:
        pass  # the server hung up in the middle of the upload, which is as good
    assert await door.journal.take(PIPELINE_ID) == []


async def test_a_chunked_body_a_byte_too_large_is_not_taken(door: Door, signer: Signer) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield data[:LARGEST_BODY]
        yield data[LARGEST_BODY:]

    data = body().ljust(LARGEST_BODY + 1)
    url = f"{door.public.url}/webhooks/{PIPELINE_ID}/order_created"
    headers = {"Content-Type": "application/json", "Saleor-Signature": signer.sign(data)}
    async with door.client.post(url, data=chunks(), headers=headers) as response:
        assert response.status == 413


async def test_other_content_types_are_refused(door: Door, signer: Signer) -> None:
    data = body()
    refused = await door.post(data, signer.sign(data), Content_Type="text/plain")
    assert refused == (415, "not_json")


async def test_a_compressed_body_is_refused_and_not_unpacked(door: Door, signer: Signer) -> None:
    data = gzip.compress(body())
    refused = await door.post(data, signer.sign(data), Content_Encoding="gzip")
    assert refused == (415, "encoded")


async def test_a_body_that_is_not_what_its_headers_say_is_malformed(
    door: Door, signer: Signer
) -> None:
    reader, writer = await asyncio.open_connection(*door.public.address)
    chunked = head(signer.sign(b"{")).replace(b"Content-Length: 100", b"Transfer-Encoding: chunked")
    writer.write(chunked)
    writer.write(b"1\r\n{\r\nno-number\r\n")
    assert b"400" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


@pytest.mark.parametrize(
    "noise", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"POST x y z\r\n\r\n"]
)
async def test_what_is_no_http_is_malformed_and_fills_no_log(
    door: Door, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection(*door.public.address)
    writer.write(noise)
    assert b"400" in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert caplog.records == []


async def test_a_sender_that_hangs_up_leaves_no_trace_in_the_log(
    door: Door, shop: Shop, signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection(*door.public.address)
    writer.write(head(signer.sign(b"")) + b"{")
    await until(lambda: shop.asked)
    writer.close()
    await until(lambda: b'outcome="disconnected"' in door.metrics.render())
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


# 503


async def test_an_unknown_pipeline_may_become_known(door: Door, signer: Signer) -> None:
    data = body()
    path = "/webhooks/00000000-0000-4000-8000-000000000009/order_created"
    assert await door.post(data, signer.sign(data), path=path) == (503, "pipeline_unknown")
    await door.table.replace([])
    assert await door.post(data, signer.sign(data)) == (503, "pipeline_unknown")


async def test_an_unknown_key_may_become_known(
    door: Door, shop: Shop, signer: Signer, stranger: Signer
) -> None:
    data = body()
    assert await door.post(data, stranger.sign(data)) == (503, "key_unknown")
    shop.key_set = stranger.jwks()
    door.clock.now += 5
    assert await door.post(data, stranger.sign(data)) == (200, "")


async def test_a_shop_that_does_not_show_its_keys_may_do_so_later(
    door: Door, shop: Shop, signer: Signer
) -> None:
    data = body()
    shop.status = 502
    assert await door.post(data, signer.sign(data)) == (503, "jwks_unreachable")


async def test_a_wrong_signature_under_a_key_that_was_only_seeded_is_not_final(
    door: Door, shop: Shop, signer: Signer
) -> None:
    seeded = pipeline(shop.url + "/graphql/", saleor={"jwks": signer.jwks()})
    door.keys.seed(seeded.saleor)
    await door.table.replace([seeded])
    shop.status = 500
    data = body()
    assert await door.post(data, signer.sign(data)) == (200, "")
    assert await door.post(data + b" ", signer.sign(data)) == (503, "jwks_unreachable")


async def test_a_full_quota_is_told_and_others_go_on(
    tmp_path: Path, shop: Shop, signer: Signer
) -> None:
    other = "5bcfe642-0000-4000-8000-000000000002"
    async with Door(tmp_path, limits=Limits(quota=2000, ballast=0)) as door:
        url = shop.url + "/graphql/"
        await door.table.replace([pipeline(url), pipeline(url, id=other)])
        large = body().ljust(1500)
        assert await door.post(large, signer.sign(large)) == (200, "")
        data = body()
        assert (await door.post(data, signer.sign(data)))[0] == 503
        path = f"/webhooks/{other}/order_created"
        assert await door.post(data, signer.sign(data), path=path) == (200, "")


async def test_a_process_that_is_going_down_says_so(door: Door, signer: Signer) -> None:
    await door.receiver.drain(seconds=1)
    data = body()
    assert await door.post(data, signer.sign(data)) == (503, "stopping")


async def test_a_body_that_never_arrives_does_not_hold_a_connection(
    door: Door, signer: Signer
) -> None:
    door.receiver.body_seconds = 0.05
    reader, writer = await asyncio.open_connection(*door.public.address)
    writer.write(head(signer.sign(b"")) + b"{")
    answer = await asyncio.wait_for(reader.read(), 30)
    writer.close()
    assert b"503" in answer.splitlines()[0]


async def test_large_bodies_share_a_bound_and_usual_ones_need_none(
    door: Door, signer: Signer
) -> None:
    large = body().ljust(3 * 2**20)
    door.receiver.bodies = Bodies(4 * 2**20)
    reader, writer = await asyncio.open_connection(*door.public.address)
    writer.write(head(signer.sign(large), len(large)) + large[:-1])
    await until(lambda: door.receiver.bodies.held > 2 * 2**20)
    assert await door.post(BytesIO(large), signer.sign(large)) == (503, "bodies_full")
    usual = body().ljust(60_000)
    assert await door.post(BytesIO(usual), signer.sign(usual)) == (200, "")
    writer.write(large[-1:])
    assert b"200" in await asyncio.wait_for(reader.readline(), 30)
    writer.close()
    again = large + b" "
    assert await door.post(BytesIO(again), signer.sign(again)) == (200, "")
    assert door.receiver.bodies.held == 0


async def test_what_is_in_flight_is_finished_before_the_process_ends(
    door: Door, shop: Shop, signer: Signer
) -> None:
    data = body()
    reader, writer = await asyncio.open_connection(*door.public.address)
    writer.write(head(signer.sign(data), len(data)) + data[:10])
    await until(lambda: shop.asked)
    draining = asyncio.create_task(door.receiver.drain(seconds=5))
    await asyncio.sleep(0)
    writer.write(data[10:])
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    await draining
    writer.close()
    assert len(await door.journal.take(PIPELINE_ID)) == 1


# captured deliveries


@pytest.mark.parametrize(
    ("folder", "jwks", "app"),
    [("webhooks", "jwks.json", "QXBwOjU="), ("webhooks2", "jwks2.json", "QXBwOjE=")],
)
async def test_whatever_a_real_saleor_signed_is_accepted(
    tmp_path: Path, shop: Shop, folder: str, jwks: str, app: str
) -> None:
    shop.key_set = json.loads((FIXTURES / jwks).read_text())
    saleor = {"appIds": [app], "publicUrl": "http://127.0.0.1:58000"}
    async with Door(tmp_path, max_event_age=timedelta(days=36500)) as door:
        await door.table.replace([pipeline(shop.url + "/graphql/", saleor=saleor)])
        files = sorted((FIXTURES / folder).glob("*.json"))
        answers = {path.stem: await replayed(door, path) for path in files}
        letters = await door.journal.dead_letters(PIPELINE_ID, limit=1000)
    expected = dict.fromkeys(answers, (200, ""))
    if folder == "webhooks":
        expected["variant-secret"] = (401, "signature_malformed")  # an HMAC
    assert answers == expected
    # Events that are not forwarded were posted as ORDER_CREATED, and are told by their type.
    assert {letter.why for letter in letters} == {"its __typename is not OrderCreated"}
    assert {letter.event for letter in letters} == {Event.ORDER_CREATED}


async def replayed(door: Door, path: Path) -> tuple[int, str]:
    """Post a captured delivery to the path of its event, or of ORDER_CREATED."""
    delivery = json.loads(path.read_text())
    headers = {name.lower(): value for name, value in delivery["request"]["headers"]}
    event = Event.parse(headers["saleor-event"]) or Event.ORDER_CREATED
    return await door.post(
        delivery["body"].encode(),
        headers["saleor-signature"],
        path=f"/webhooks/{PIPELINE_ID}/{event}",
        Saleor_Api_Url=headers["saleor-api-url"],
    )
