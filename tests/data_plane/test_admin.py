"""The private listener: health, metrics, and what the operator asks."""

import json
from io import BytesIO
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST

from saleor_segment_server.bodies import LARGEST_BODY
from saleor_segment_server.contract import Event
from tests.data_plane.receiving import PIPELINE_ID, Door, Shop, body, pipeline
from tests.signing import Signer


async def test_it_is_ready_once_the_pipelines_are_read(tmp_path: Path) -> None:
    async with Door(tmp_path) as door:
        assert await door.get("/healthz") == (200, "ok\n")
        assert await door.get("/readyz") == (503, "the Pipelines are not read yet\n")
        await door.table.replace([])
        assert await door.get("/readyz") == (200, "ok\n")


async def test_a_journal_that_has_ended_is_neither_ready_nor_alive(door: Door) -> None:
    await door.journal.__aexit__(None, None, None)
    assert await door.get("/healthz") == (503, "the journal has ended\n")
    assert (await door.get("/readyz"))[0] == 503


async def test_a_draining_process_is_unready_and_still_accepts(door: Door, signer: Signer) -> None:
    door.receiver.draining = True
    assert await door.get("/readyz") == (503, "shutting down\n")
    data = body()
    assert (await door.post(data, signer.sign(data)))[0] == 200


async def test_it_tells_what_it_holds(door: Door, shop: Shop, signer: Signer) -> None:
    for data in (body(), body(order={"id": "2"}), body(__typename="OrderUpdated")):
        await door.post(data, signer.sign(data))
    door.parked[PIPELINE_ID] = "Segment answers 401"
    status, text = await door.get("/internal/v1/pipelines")
    assert status == 200
    assert json.loads(text) == {
        "pipelines": [
            {
                "id": PIPELINE_ID,
                "hash": pipeline(shop.url + "/graphql/").fingerprint(),
                "state": "Active",
                "pending": 2,
                "dead": 1,
                "deadWhy": "its __typename is not OrderCreated",
                "delivered": 0,
                "heard": True,
                "oldestPendingSince": "2026-11-18T11:06:40+00:00",
                "lastDeliveredAt": None,
                "parked": "Segment answers 401",
                "waiting": None,
            }
        ]
    }


async def test_it_tells_of_one_pipeline_where_one_is_asked_for(door: Door) -> None:
    for asked, told in ((PIPELINE_ID, [PIPELINE_ID]), ("another", []), ("", [])):
        _, text = await door.get(f"/internal/v1/pipelines?id={asked}")
        assert [one["id"] for one in json.loads(text)["pipelines"]] == told


async def test_dead_letters_are_told_by_reason_and_not_by_body(door: Door, signer: Signer) -> None:
    for data in (body(__typename="OrderUpdated"), body(recipient={"id": "QXBwOjY="})):
        await door.post(data, signer.sign(data))
    status, text = await door.get(f"/internal/v1/pipelines/{PIPELINE_ID}/dead-letters")
    assert status == 200
    newest, oldest = json.loads(text)["deadLetters"]
    assert newest["why"] == "it was meant for another app"
    assert oldest == {
        "seq": 1,
        "event": "ORDER_CREATED",
        "receivedAt": "2026-11-18T11:06:40+00:00",
        "why": "its __typename is not OrderCreated",
    }


async def test_pending_events_are_buried_on_demand(door: Door, signer: Signer) -> None:
    data = body()
    await door.post(data, signer.sign(data))
    url = f"{door.private.url}/internal/v1/pipelines/{PIPELINE_ID}/bury"
    for expected in ({"buried": 1}, {"buried": 0}):
        async with door.client.post(url) as response:
            assert await response.json() == expected
    (letter,) = await door.journal.dead_letters(PIPELINE_ID)
    assert (letter.event, letter.why) == (Event.ORDER_CREATED, "the integration was deleted")
    async with door.client.post(url.replace("5bcfe642", "00000000")) as response:
        assert response.status == 404


async def test_a_token_opens_the_internal_api_and_nothing_else_does(tmp_path: Path) -> None:
    async with Door(tmp_path, token="open-sesame") as door:
        path = "/internal/v1/pipelines"
        assert (await door.get(path))[0] == 401
        assert (await door.get(path, Authorization="Bearer open-sesam"))[0] == 401
        assert (await door.get(path, Authorization="open-sesame"))[0] == 401
        assert (await door.get(path, Authorization="Bearer open-sesame"))[0] == 200
        async with door.client.post(f"{door.private.url}{path}/{PIPELINE_ID}/bury") as response:
            assert response.status == 401
        assert (await door.get("/metrics"))[0] == 200


async def test_answers_are_counted_and_strangers_leave_no_label(door: Door, signer: Signer) -> None:
    data = body()
    await door.post(data, signer.sign(data))
    await door.post(data, signer.sign(data))
    await door.post(data, None)
    await door.post(data, None, path="/webhooks/00000000-0000-4000-8000-00000000abcd/order_created")
    async with door.client.get(door.private.url + "/metrics") as response:
        text = await response.text()
        assert response.headers["Content-Type"] == CONTENT_TYPE_LATEST
    name = "saleor_segment_received_total"
    assert f'{name}{{outcome="accepted",pipeline="{PIPELINE_ID}"}} 1.0' in text
    assert f'{name}{{outcome="duplicate",pipeline="{PIPELINE_ID}"}} 1.0' in text
    assert f'{name}{{outcome="signature_missing",pipeline="{PIPELINE_ID}"}} 1.0' in text
    assert f'{name}{{outcome="pipeline_unknown",pipeline=""}} 1.0' in text
    assert "00000000-0000-4000-8000-00000000abcd" not in text
    assert f'saleor_segment_pending{{pipeline="{PIPELINE_ID}"}} 1.0' in text


# Deliveries that Saleor gave up, handed in by the operator.


HAND_IN = f"/internal/v1/pipelines/{PIPELINE_ID}/deliveries/order_created"


async def hand_in(
    door: Door, data: bytes, signature: str | None, path: str = HAND_IN, **headers: str
) -> tuple[int, dict[str, str]]:
    sent = {"Content-Type": "application/json"} | headers
    if signature is not None:
        sent["Saleor-Signature"] = signature
    async with door.client.post(
        door.private.url + path, data=BytesIO(data), headers=sent
    ) as response:
        return response.status, await response.json()


async def test_what_is_handed_in_comes_through_saleors_door(door: Door, signer: Signer) -> None:
    data = body()
    assert await hand_in(door, data, signer.sign(data)) == (200, {"outcome": "accepted"})
    assert await hand_in(door, data, signer.sign(data)) == (200, {"outcome": "duplicate"})
    assert not door.receiver.heard(PIPELINE_ID)  # not by Saleor
    assert (await door.post(data, signer.sign(data)))[0] == 200
    assert door.receiver.heard(PIPELINE_ID)
    (pending,) = await door.journal.take(PIPELINE_ID)
    assert (pending.event, pending.body) == (Event.ORDER_CREATED, data)
    assert door.woken == [PIPELINE_ID]


async def test_what_is_handed_in_is_judged_as_saleors_is(door: Door, signer: Signer) -> None:
    data, unwanted = body(), body(__typename="OrderUpdated")
    wrong = signer.sign(data + b" ")
    assert await hand_in(door, unwanted, signer.sign(unwanted)) == (200, {"outcome": "buried"})
    for signature in (None, "a..b", wrong):
        status, answer = await hand_in(door, data, signature)
        assert (status, answer["error"].partition("_")[0]) == (401, "signature")
    status, answer = await hand_in(door, data, signer.sign(data), HAND_IN.replace("5bc", "000"))
    assert (status, answer["error"]) == (503, "pipeline_unknown")
    status, answer = await hand_in(door, data, signer.sign(data), HAND_IN + "s")
    assert (status, answer["error"]) == (404, "path_unknown")
    assert not await door.journal.take(PIPELINE_ID)


async def test_what_is_handed_in_may_be_as_large_as_saleors(door: Door, signer: Signer) -> None:
    small = len(body(order={"id": ""}))
    for size, status in ((LARGEST_BODY, 200), (LARGEST_BODY + 1, 413)):
        data = body(order={"id": "x" * (size - small)})
        assert len(data) == size
        assert (await hand_in(door, data, signer.sign(data)))[0] == status


async def test_only_the_operator_hands_in(tmp_path: Path, shop: Shop, signer: Signer) -> None:
    async with Door(tmp_path, token="open-sesame") as door:
        await door.table.replace([pipeline(shop.url + "/graphql/")])
        data = body()
        status, answer = await hand_in(door, data, signer.sign(data))
        assert (status, answer["error"]) == (401, "token_wrong")
        told = {"Authorization": "Bearer open-sesame"}
        assert (await hand_in(door, data, signer.sign(data), **told))[0] == 200
