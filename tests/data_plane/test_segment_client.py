"""The client hands batches to Segment as its newest clients do, and tells what became of them."""

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from saleor_segment_server.contract import SegmentTarget
from saleor_segment_server.message import Message
from saleor_segment_server.outbound import Guard
from saleor_segment_server.segment import Answer, NoAnswer, SegmentClient
from tests.twins.segment import Fault, SegmentTwin

KEY = "a-write-key-the-twin-knows-0001"
NOW = 1_790_000_000.123


def messages(*numbers: int, **properties: Any) -> list[Message]:
    return [
        Message(f"{number:064}", orjson.dumps(item(number) | {"properties": properties}))
        for number in numbers
    ]


def item(number: int) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Saleor Order Created",
        "userId": "user-1",
        "messageId": f"{number:064}",
        "timestamp": "2026-09-21T14:00:00.000Z",
    }


@pytest.fixture
async def twin() -> AsyncIterator[SegmentTwin]:
    async with SegmentTwin(keys=[KEY], clock=lambda: NOW) as twin:
        yield twin


@pytest.fixture
async def client() -> AsyncIterator[SegmentClient]:
    async with SegmentClient(clock=lambda: NOW, timeout=5) as client:
        yield client


def target(endpoint: str, key: str | None = KEY) -> SegmentTarget:
    return SegmentTarget.model_validate({"endpoint": endpoint, "writeKey": key})


async def test_a_batch_arrives_as_it_was_sent(twin: SegmentTwin, client: SegmentClient) -> None:
    answer = await client.send(target(twin.url), messages(1, 2))
    assert isinstance(answer, Answer)
    assert answer.status == 200
    first, second = twin.inbox.messages()
    assert (first["messageId"], second["messageId"]) == (f"{1:064}", f"{2:064}")
    assert first["sentAt"] == "2026-09-21T14:13:20.123Z"
    assert first["timestamp"] == "2026-09-21T14:00:00.000Z"


async def test_the_key_goes_into_header_and_body_and_a_first_attempt_counts_nothing(
    twin: SegmentTwin, client: SegmentClient
) -> None:
    await client.send(target(twin.url), messages(1))
    headers = twin.seen[0].headers
    assert headers["Authorization"] == aiohttp.encode_basic_auth(KEY, "")
    assert next(twin.inbox.messages())["writeKey"] == KEY
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("saleor-segment-operator/")
    assert "X-Retry-Count" not in headers


async def test_a_retry_says_which_it_is(twin: SegmentTwin, client: SegmentClient) -> None:
    await client.send(target(twin.url), messages(1), attempt=3)
    assert twin.seen[0].headers["X-Retry-Count"] == "3"


async def test_a_batch_of_full_size_arrives(twin: SegmentTwin, client: SegmentClient) -> None:
    answer = await client.send(target(twin.url), messages(*range(14), note="x" * 31_000))
    assert isinstance(answer, Answer)
    assert (answer.status, len(twin.inbox)) == (200, 14)
    assert twin.seen[0].size > 430_000


async def test_a_path_below_the_endpoint_is_kept(client: SegmentClient) -> None:
    async with SegmentTwin(keys=[KEY]) as twin:
        answer = await client.send(target(f"{twin.url}/proxy/"), messages(1))
    assert isinstance(answer, Answer)
    assert answer.status == 404


async def test_status_headers_and_the_beginning_of_a_refusal_are_told(
    twin: SegmentTwin, client: SegmentClient
) -> None:
    twin.faults.add(Fault(status=429, retry_after=7, body="x" * 100_000))
    answer = await client.send(target(twin.url), messages(1))
    assert isinstance(answer, Answer)
    assert (answer.status, answer.headers["retry-after"]) == (429, "7")
    assert answer.body == b"x" * 4096


async def test_a_redirect_is_not_followed(twin: SegmentTwin, client: SegmentClient) -> None:
    twin.faults.add(Fault("login"))
    answer = await client.send(target(twin.url), messages(1))
    assert isinstance(answer, Answer)
    assert answer.status == 302
    assert [seen.path for seen in twin.seen] == ["/v1/batch"]


async def test_cookies_are_not_kept(twin: SegmentTwin, client: SegmentClient) -> None:
    twin.faults.add(Fault(status=200, headers={"Set-Cookie": "session=1"}))
    for _ in range(2):
        await client.send(target(twin.url), messages(1))
    assert "Cookie" not in twin.seen[1].headers


async def test_a_kept_alive_connection_found_dead_is_replaced_at_once(
    twin: SegmentTwin, client: SegmentClient
) -> None:
    await client.send(target(twin.url), messages(1))
    twin.faults.add(Fault("reset"))
    answer = await client.send(target(twin.url), messages(2))
    assert isinstance(answer, Answer)
    assert (answer.status, len(twin.inbox)) == (200, 2)
    assert [seen.status for seen in twin.seen] == [200, None, 200]


async def test_but_only_once(twin: SegmentTwin, client: SegmentClient) -> None:
    await client.send(target(twin.url), messages(1))
    twin.faults.add(Fault("reset", times=2))
    assert await client.send(target(twin.url), messages(2)) == NoAnswer("connection broken")
    assert [seen.status for seen in twin.seen] == [200, None, None]


async def test_a_fresh_connection_that_breaks_is_no_answer(
    twin: SegmentTwin, client: SegmentClient
) -> None:
    twin.faults.add(Fault("reset"))
    assert await client.send(target(twin.url), messages(1)) == NoAnswer("connection broken")
    assert len(twin.seen) == 1


async def test_a_success_cut_short_is_no_answer(twin: SegmentTwin, client: SegmentClient) -> None:
    twin.faults.add(Fault("truncate", accept=True))
    assert await client.send(target(twin.url), messages(1)) == NoAnswer("answer cut short")


async def test_a_hanging_endpoint_is_given_up(twin: SegmentTwin) -> None:
    twin.faults.add(Fault("hang"))
    async with SegmentClient(clock=lambda: NOW, timeout=0.1) as client:
        assert await client.send(target(twin.url), messages(1)) == NoAnswer("timeout")


async def test_nobody_listening_is_known_to_have_got_nothing(client: SegmentClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    answer = await client.send(target(f"http://127.0.0.1:{port}"), messages(1))
    assert answer == NoAnswer("not reachable", reached=False)


async def test_tls_that_fails_is_known_to_have_got_nothing(
    twin: SegmentTwin, client: SegmentClient
) -> None:
    answer = await client.send(target(twin.url.replace("http:", "https:")), messages(1))
    assert answer == NoAnswer("TLS failed", reached=False)


def self_signed() -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem + certificate.public_bytes(Encoding.PEM))
        file.flush()
        context.load_cert_chain(file.name)
    return context


async def test_a_certificate_nobody_vouches_for_is_refused(client: SegmentClient) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=self_signed())
    async with server:
        port = server.sockets[0].getsockname()[1]
        answer = await client.send(target(f"https://127.0.0.1:{port}"), messages(1))
    assert answer == NoAnswer("certificate refused", reached=False)


class NoNames(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(f"no such name: {host}")

    async def close(self) -> None:
        pass


async def test_a_name_that_does_not_resolve_is_known_to_have_got_nothing() -> None:
    def connector() -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(resolver=NoNames())

    async with SegmentClient(clock=lambda: NOW, connector=connector) as client:
        answer = await client.send(target("https://api.segment.example"), messages(1))
    assert answer == NoAnswer("name not resolved", reached=False)


async def test_an_address_the_guard_refuses_gets_nothing(twin: SegmentTwin) -> None:
    async with SegmentClient(clock=lambda: NOW, connector=Guard().connector) as client:
        answer = await client.send(target(twin.url), messages(1))
    assert (answer, len(twin.seen)) == (NoAnswer("address refused", reached=False), 0)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", NoAnswer("no HTTP answer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", NoAnswer("answer cut short")),
        (b"", NoAnswer("connection broken")),
    ],
)
async def test_what_does_not_speak_http_to_the_end_is_no_answer(
    client: SegmentClient, said: bytes, failure: NoAnswer
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await client.send(target(f"http://127.0.0.1:{port}"), messages(1)) == failure


async def test_a_refusal_sent_before_all_was_read_is_still_heard(client: SegmentClient) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await client.send(target(f"http://127.0.0.1:{port}"), messages(*range(100)))
    assert isinstance(answer, Answer)
    assert answer.status == 413
