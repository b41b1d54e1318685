"""The Segment twin is as strict as the documentation, and takes all the official client sends."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.twins.segment import Fault, SegmentTwin

KEY = "a-write-key-the-twin-knows-0001"
OTHER = "another-write-key-the-twin-knows"
HERE = Path(__file__).parent
PEER = HERE.parents[1] / ".venv" / "peer" / "bin" / "python"


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(1_790_000_000.0)


@pytest.fixture
async def twin(clock: Clock) -> AsyncIterator[SegmentTwin]:
    async with SegmentTwin(keys=[KEY, OTHER], clock=clock) as twin:
        yield twin


@pytest.fixture
async def http(twin: SegmentTwin) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(twin.url) as session:
        yield session


def track(number: int = 1, **fields: Any) -> dict[str, Any]:
    known = {"type": "track", "event": "Order Completed", "userId": "user-1"}
    return {**known, "messageId": f"message-{number}", **fields}


async def post(http: aiohttp.ClientSession, *items: Any, **body: Any) -> tuple[int, Any]:
    document = {"batch": list(items), "writeKey": KEY, **body}
    async with http.post("/v1/batch", json=document) as answer:
        return answer.status, json.loads(await answer.read())


def reasons(twin: SegmentTwin) -> list[str]:
    return [dropped.reason for dropped in twin.inbox.dropped]


# What it takes in


@pytest.mark.parametrize("path", ["batch", "import"])
async def test_takes_a_batch_and_answers_in_segments_21_bytes(
    twin: SegmentTwin, http: aiohttp.ClientSession, path: str
) -> None:
    body = {"batch": [track(1), track(2)], "writeKey": KEY}
    async with http.post(f"/v1/{path}", json=body) as answer:
        assert (answer.status, len(await answer.read())) == (200, 21)
    assert [message["messageId"] for message in twin.inbox.messages()] == ["message-1", "message-2"]


@pytest.mark.parametrize(
    ("call", "fields"),
    [
        ("track", {"event": "Order Completed"}),
        ("identify", {}),
        ("page", {"name": "Cart"}),
        ("screen", {"name": "Cart"}),
        ("group", {"groupId": "company-1"}),
        ("alias", {"previousId": "anonymous-1"}),
    ],
)
async def test_takes_each_single_call(
    twin: SegmentTwin, http: aiohttp.ClientSession, call: str, fields: dict[str, str]
) -> None:
    body = {"userId": "user-1", "writeKey": KEY, **fields}
    async with http.post(f"/v1/{call}", json=body) as answer:
        assert answer.status == 200
    (message,) = twin.inbox.messages()
    assert message["type"] == call


async def test_takes_the_key_from_the_header_and_gzip(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    headers = {
        "Authorization": aiohttp.encode_basic_auth(KEY, ""),
        "Content-Encoding": "gzip",
        "Content-Type": "application/json",
    }
    data = gzip.compress(json.dumps({"batch": [track()]}).encode())
    async with http.post("/v1/batch", data=data, headers=headers) as answer:
        assert answer.status == 200
    assert [message["writeKey"] for message in twin.inbox.messages()] == [KEY]


async def test_merges_what_stands_above_the_batch_into_each_item(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    item = track(context={"ip": "0.0.0.0"})
    await post(http, item, context={"channel": "server"}, integrations={"All": True})
    (message,) = twin.inbox.messages()
    assert message["context"] == {"channel": "server", "ip": "0.0.0.0"}
    assert message["integrations"] == {"All": True}


async def test_takes_the_senders_clock_out_of_the_timestamp(
    twin: SegmentTwin, http: aiohttp.ClientSession, clock: Clock
) -> None:
    clock.now = 1_767_225_600.0  # 2026-01-01T00:00:00Z
    item = track(timestamp="2025-12-31T22:00:00Z")
    await post(http, item, sentAt="2026-01-01T00:10:00.000Z")  # ten minutes ahead
    (message,) = twin.inbox.messages()
    assert message["timestamp"] == "2025-12-31T21:50:00.000Z"
    assert message["originalTimestamp"] == "2025-12-31T22:00:00Z"


# What it refuses


@pytest.mark.parametrize(
    ("items", "body"),
    [
        pytest.param([track(note="x" * 33_000)], {}, id="a message over 32 KB"),
        pytest.param([track(n, note="x" * 30_000) for n in range(18)], {}, id="over 500 KB"),
        pytest.param([track()], {"batch": "none"}, id="a batch that is no array"),
        pytest.param([track()], {"writeKey": ""}, id="an empty key"),
        pytest.param([track()], {"writeKey": "abc123"}, id="a very short key"),
        pytest.param([track()], {"writeKey": None}, id="no key"),
    ],
)
async def test_answers_400_and_takes_nothing(
    twin: SegmentTwin, http: aiohttp.ClientSession, items: list[Any], body: dict[str, Any]
) -> None:
    status, answer = await post(http, *items, **body)
    assert (status, answer["success"]) == (400, False)
    assert (len(twin.inbox), reasons(twin)) == (0, [])


async def test_names_the_write_key_it_refuses(http: aiohttp.ClientSession) -> None:
    _, answer = await post(http, track(), writeKey="abc")
    assert answer["message"] == "An invalid write key was provided"


@pytest.mark.parametrize(
    ("data", "content_type"),
    [(b"{", "application/json"), (b"[]", "application/json"), (b"{}", "text/plain")],
)
async def test_answers_400_to_what_is_not_json(
    http: aiohttp.ClientSession, data: bytes, content_type: str
) -> None:
    headers = {"Content-Type": content_type}
    async with http.post("/v1/batch", data=data, headers=headers) as answer:
        assert answer.status == 400


async def test_answers_400_to_what_is_no_gzip(http: aiohttp.ClientSession) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with http.post("/v1/batch", data=b"nonsense", headers=headers) as answer:
        assert answer.status == 400


# What it answers 200 to and drops


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"type": "track", "event": "Order Completed"}, "missing_id"),
        ({"type": "track", "userId": "user-1"}, "missing_event"),
        ({"type": "group", "userId": "user-1"}, "missing_groupId"),
        ({"type": "order", "userId": "user-1"}, "unknown_type"),
        ("text", "unknown_type"),
        (track(messageId="m" * 100), "message_id_too_long"),
        (track(userId="suppressed"), "suppressed"),
    ],
)
async def test_drops_one_message_silently_and_keeps_its_siblings(
    twin: SegmentTwin, http: aiohttp.ClientSession, item: Any, reason: str
) -> None:
    twin.suppressed.add("suppressed")
    status, _ = await post(http, track(1), item, track(2))
    assert (status, len(twin.inbox), reasons(twin)) == (200, 2, [reason])


async def test_drops_all_of_an_unknown_a_revoked_or_a_foreign_regions_key(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    twin.add_key("a-write-key-of-the-eu-workspace", "eu")
    twin.revoke_key(OTHER)
    for key in ("a-write-key-nobody-has-ever-made", OTHER, "a-write-key-of-the-eu-workspace"):
        status, _ = await post(http, track(), writeKey=key)
        assert status == 200
    assert reasons(twin) == ["unknown_key", "unknown_key", "wrong_region"]


async def test_drops_all_of_a_batch_of_more_than_2500(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    status, _ = await post(http, *(track(number) for number in range(2501)))
    assert (status, len(twin.inbox), set(reasons(twin))) == (200, 0, {"too_many_events"})
    await post(http, *(track(number) for number in range(2500)))
    assert len(twin.inbox) == 2500


async def test_drops_a_message_id_seen_within_24_hours_whatever_its_source(
    twin: SegmentTwin, http: aiohttp.ClientSession, clock: Clock
) -> None:
    await post(http, track())
    clock.now += 24 * 3600 - 1
    await post(http, track(), writeKey=OTHER)
    assert twin.inbox.totals() | {"events": {}} == {
        "arrived": 1,
        "doubled": 0,
        "deduplicated": 1,
        "dropped": {"duplicate": 1},
        "events": {},
    }
    clock.now += 1
    await post(http, track())
    assert (len(twin.inbox), twin.inbox.totals()["doubled"]) == (2, 1)


# The settings of the CDN


async def test_settings_tell_a_known_key_and_its_region(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    twin.add_key("a-write-key-of-the-eu-workspace", "eu")
    for key, host in (
        (KEY, "api.segment.io/v1"),
        ("a-write-key-of-the-eu-workspace", "events.eu1.segmentapis.com/v1"),
    ):
        async with http.get(f"/v1/projects/{key}/settings") as answer:
            settings = await answer.json()
        assert settings["integrations"]["Segment.io"]["apiHost"] == host
    async with http.get("/v1/projects/nobody/settings") as answer:
        assert (answer.status, await answer.text()) == (404, "Invalid path or write key provided.")


# Faults


async def test_a_fault_strikes_so_often_and_then_the_twin_is_well(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    twin.faults.add(Fault(status=503, times=2), Fault(status=429, retry_after=7))
    answers = []
    for _ in range(4):
        async with http.post("/v1/batch", json={"batch": [track()], "writeKey": KEY}) as answer:
            answers.append((answer.status, answer.headers.get("Retry-After")))
    assert answers == [(503, None), (503, None), (429, "7"), (200, None)]
    assert len(twin.inbox) == 1


async def test_retry_after_can_be_a_date_of_the_twins_clock(
    twin: SegmentTwin, http: aiohttp.ClientSession, clock: Clock
) -> None:
    clock.now = 1_767_225_600.0
    twin.faults.add(Fault(status=429, retry_after=90, retry_as_date=True))
    async with http.post("/v1/batch", json={}) as answer:
        assert answer.headers["Retry-After"] == "Thu, 01 Jan 2026 00:01:30 GMT"
        assert answer.headers["Date"] == "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.mark.parametrize("kind", ["reset", "break", "truncate"])
@pytest.mark.parametrize("accept", [True, False])
async def test_a_connection_breaks_before_or_after_the_messages_were_taken(
    twin: SegmentTwin, http: aiohttp.ClientSession, kind: Any, *, accept: bool
) -> None:
    twin.faults.add(Fault(kind, accept=accept))
    with pytest.raises(aiohttp.ClientError):
        await post(http, track())
    assert len(twin.inbox) == int(accept)
    assert [seen.status for seen in twin.seen][:1] == [None]


async def test_a_hanging_request_does_not_hold_up_the_twins_end() -> None:
    async with aiohttp.ClientSession() as http, SegmentTwin(keys=[KEY]) as twin:
        twin.faults.add(Fault("hang"))
        hanging = asyncio.create_task(http.post(f"{twin.url}/v1/batch", json={}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(hanging), 0.1)
    with pytest.raises(aiohttp.ClientError):
        await hanging


async def test_a_redirect_leads_to_a_page_that_says_200(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    twin.faults.add(Fault("login"))
    async with http.post("/v1/batch", json={"batch": [track()], "writeKey": KEY}) as answer:
        assert (answer.status, len(twin.inbox)) == (200, 0)
    assert [(seen.method, seen.path) for seen in twin.seen] == [
        ("POST", "/v1/batch"),
        ("GET", "/login"),
    ]


async def test_a_fault_can_concern_only_bodies_that_hold_a_text(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    twin.faults.add(Fault(status=400, times=None, containing="poison"))
    assert (await post(http, track(1)))[0] == 200
    assert (await post(http, track(2, note="poison")))[0] == 400
    assert (await post(http, track(3)))[0] == 200


# The control API


async def test_messages_are_read_in_pages_and_as_lines(http: aiohttp.ClientSession) -> None:
    await post(http, *(track(number) for number in range(5)))
    async with http.get("/_twin/messages?after=2&limit=2") as answer:
        page = await answer.json()
    assert ([m["messageId"] for m in page["messages"]], page["next"]) == (
        ["message-2", "message-3"],
        4,
    )
    async with http.get("/_twin/messages.jsonl") as answer:
        lines = (await answer.text()).splitlines()
    assert [json.loads(line)["messageId"] for line in lines] == [f"message-{n}" for n in range(5)]


async def test_totals_and_drops_are_shown_and_forgotten(http: aiohttp.ClientSession) -> None:
    await post(http, track(1), track(1), {"type": "track", "event": "Lost", "messageId": "m"})
    async with http.get("/_twin/totals") as answer:
        assert await answer.json() == {
            "arrived": 1,
            "doubled": 0,
            "deduplicated": 1,
            "dropped": {"duplicate": 1, "missing_id": 1},
            "events": {"Order Completed": 1},
        }
    async with http.get("/_twin/dropped") as answer:
        assert (await answer.json())[1] == {
            "reason": "missing_id",
            "id": "m",
            "event": "Lost",
            "write_key": KEY,
        }
    await http.delete("/_twin/messages")
    async with http.get("/_twin/totals") as answer:
        assert (await answer.json())["arrived"] == 0


async def test_keys_users_and_faults_are_set_from_outside(
    twin: SegmentTwin, http: aiohttp.ClientSession
) -> None:
    await http.put("/_twin/keys/a-write-key-made-from-outside?region=eu")
    await http.delete(f"/_twin/keys/{OTHER}")
    async with http.get("/_twin/keys") as answer:
        assert await answer.json() == {KEY: "us", "a-write-key-made-from-outside": "eu"}
    async with http.put("/_twin/keys/short") as answer:
        assert answer.status == 400
    await http.put("/_twin/suppressed/user-1")
    await post(http, track())
    assert reasons(twin) == ["suppressed"]
    await http.post("/_twin/faults", json=[{"status": 503}, {"kind": "hang", "times": None}])
    async with http.get("/_twin/faults") as answer:
        assert [(f["kind"], f["status"]) for f in await answer.json()] == [
            ("answer", 503),
            ("hang", None),
        ]
    async with http.post("/_twin/faults", json={"nonsense": 1}) as answer:
        assert answer.status == 400
    await http.delete("/_twin/faults")
    assert twin.faults.waiting == []


async def test_requests_are_shown_without_their_keys(http: aiohttp.ClientSession) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(KEY, "")}
    async with http.post("/v1/batch", json={"batch": []}, headers=headers) as answer:
        assert answer.status == 200
    async with http.get("/_twin/requests") as answer:
        (seen,) = await answer.json()
    assert (seen["path"], seen["status"]) == ("/v1/batch", 200)
    assert "Authorization" not in seen["headers"]


# The official client


async def official(twin: SegmentTwin, tracks: int, *options: str) -> str:
    script = HERE / "official_client.py"
    isolated = "-P"  # the script's folder has a `segment` of its own
    command = [str(PEER), isolated, str(script), twin.url, KEY, str(tracks), *options]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


@pytest.mark.parametrize("options", [(), ("gzip",)])
async def test_takes_everything_the_official_client_sends(options: tuple[str, ...]) -> None:
    async with SegmentTwin(keys=[KEY]) as twin:
        assert await official(twin, 250, *options) == ""
        messages = list(twin.inbox.messages())
    assert [m["type"] for m in messages[:5]] == ["identify", "page", "screen", "group", "alias"]
    assert [m["messageId"] for m in messages[5:]] == [f"message-{n}" for n in range(250)]
    assert {m["properties"]["note"] for m in messages[5:]} == {"żółć"}
    assert {m["timestamp"][:14] for m in messages[5:]} == {"2026-01-02T03:"}
    assert len(twin.seen) >= 3
    assert twin.inbox.totals()["dropped"] == {}
    encodings = {seen.headers.get("Content-Encoding") for seen in twin.seen}
    assert encodings == {"gzip" if options else None}


async def test_the_official_client_obeys_its_429() -> None:
    async with SegmentTwin(keys=[KEY]) as twin:
        twin.faults.add(Fault(status=429, retry_after=1), Fault(status=500))
        assert await official(twin, 3) == ""
        assert len(twin.inbox) == 8
        assert [seen.status for seen in twin.seen] == [429, 500, 200]
        assert twin.seen[1].at - twin.seen[0].at >= 1


async def test_the_official_client_is_told_of_a_400() -> None:
    async with SegmentTwin(keys=[KEY]) as twin:
        twin.faults.add(Fault(status=400))
        assert "400" in await official(twin, 1)


# By itself


async def test_runs_as_a_process_and_ends_on_sigterm() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.twins.segment", "--key", KEY, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().split()[-1]
    async with aiohttp.ClientSession(url) as http:
        assert (await post(http, track()))[0] == 200
        async with http.get("/_twin/totals") as answer:
            assert (await answer.json())["arrived"] == 1
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 5) == 0
