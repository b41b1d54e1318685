"""What Segment's CDN says of a write key, and what proves nothing."""

import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from saleor_segment_server.contract.pipeline import EU_ENDPOINT, US_ENDPOINT
from saleor_segment_server.outbound.write_key import WriteKeyProbe, WriteKeyVerdict

KEY = "a/write key?0123456789abcdef#1"
UNKNOWN_KEY = "Invalid path or write key provided."


def settings(api_host: object) -> dict[str, object]:
    return {"integrations": {"Segment.io": {"apiKey": KEY, "apiHost": api_host}}}


@dataclass
class Cdn:
    """A CDN that answers as told."""

    answer: web.Response = field(default_factory=lambda: web.json_response(settings(None)))
    url: str = ""
    asked: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.raw_path)
        answer = self.answer
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


@pytest.fixture
async def cdn() -> AsyncIterator[Cdn]:
    cdn = Cdn()
    app = web.Application()
    app.router.add_get("/{path:.*}", cdn.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    cdn.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield cdn
    await runner.cleanup()


@pytest.fixture
async def probe(cdn: Cdn) -> AsyncIterator[WriteKeyProbe]:
    async with WriteKeyProbe(cdn=cdn.url) as probe:
        yield probe


@pytest.mark.parametrize(
    ("endpoint", "api_host", "verdict"),
    [
        (US_ENDPOINT, "api.segment.io/v1", WriteKeyVerdict.VALID),
        (EU_ENDPOINT, "events.eu1.segmentapis.com/v1", WriteKeyVerdict.VALID),
        (US_ENDPOINT, "events.eu1.segmentapis.com/v1", WriteKeyVerdict.OTHER_REGION),
        (EU_ENDPOINT, "api.segment.io/v1", WriteKeyVerdict.OTHER_REGION),
        (EU_ENDPOINT, "https://api.segment.io/v1", WriteKeyVerdict.OTHER_REGION),
        (US_ENDPOINT, "events.shop.example.com/v1", WriteKeyVerdict.VALID),  # a custom domain
        (US_ENDPOINT, None, WriteKeyVerdict.VALID),
        (US_ENDPOINT, 7, WriteKeyVerdict.VALID),
        (US_ENDPOINT, "[", WriteKeyVerdict.VALID),
    ],
)
async def test_a_known_key_tells_its_region(
    cdn: Cdn, probe: WriteKeyProbe, endpoint: str, api_host: object, verdict: WriteKeyVerdict
) -> None:
    cdn.answer = web.json_response(settings(api_host))
    assert await probe.verdict(endpoint, KEY) is verdict
    assert cdn.asked == ["/v1/projects/a%2Fwrite%20key%3F0123456789abcdef%231/settings"]


@pytest.mark.parametrize("integrations", [{}, [], None, {"Segment.io": True}])
async def test_settings_without_a_region_are_still_a_sources(
    cdn: Cdn, probe: WriteKeyProbe, integrations: object
) -> None:
    cdn.answer = web.json_response({"integrations": integrations})
    assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.VALID


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_a_key_that_segment_says_it_does_not_know_is_invalid(
    cdn: Cdn, probe: WriteKeyProbe, status: int
) -> None:
    cdn.answer = web.Response(status=status, text=UNKNOWN_KEY)
    assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.INVALID


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=403, text="Blocked by the egress policy"),
        web.Response(status=404, text="<html>Not Found</html>"),
        web.Response(status=429),
        web.Response(status=502, text=UNKNOWN_KEY),
        web.Response(status=302, headers={"Location": "/login"}),
        web.Response(text="<html>Log in</html>"),
        web.Response(body=b"\xff\xfe"),
        web.json_response(None),
        web.json_response([]),
        web.json_response({"success": True}),
    ],
)
async def test_what_is_not_segments_own_word_proves_nothing(
    cdn: Cdn, probe: WriteKeyProbe, answer: web.Response
) -> None:
    cdn.answer = answer
    assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.UNKNOWN
    assert len(cdn.asked) == 1


@pytest.mark.parametrize(
    "endpoint",
    ["https://events.shop.example.com", "http://127.0.0.1:8080", "https://api.segment.io.evil.com"],
)
async def test_no_key_is_shown_to_segment_that_is_meant_for_others(
    cdn: Cdn, probe: WriteKeyProbe, endpoint: str
) -> None:
    assert await probe.verdict(endpoint, KEY) is WriteKeyVerdict.UNKNOWN
    assert cdn.asked == []


async def test_no_connection_proves_nothing() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        async with WriteKeyProbe(cdn=url) as probe:
            assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.UNKNOWN


async def test_silence_ends_and_proves_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        async with WriteKeyProbe(cdn=url, timeout=0.05) as probe:
            assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.UNKNOWN


@pytest.mark.parametrize("key", ["x" * 100_000, "\n", "ключ", ".."])
async def test_a_strange_key_proves_nothing(cdn: Cdn, probe: WriteKeyProbe, key: str) -> None:
    cdn.answer = web.Response(status=500)
    assert await probe.verdict(US_ENDPOINT, key) is WriteKeyVerdict.UNKNOWN


async def test_our_log_does_not_show_the_key(
    cdn: Cdn,
    probe: WriteKeyProbe,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    cdn.answer = web.Response(status=500, text=KEY)
    with caplog.at_level(logging.INFO, logger="saleor_segment_server"):
        await probe.verdict(US_ENDPOINT, KEY)
    printed = capsys.readouterr()
    assert "write_key_not_verified" in printed.out + printed.err + caplog.text
    assert "0123456789abcdef" not in printed.out + printed.err + caplog.text


async def test_nobody_is_asked_where_that_is_switched_off() -> None:
    async with WriteKeyProbe(cdn=None) as probe:
        assert await probe.verdict(US_ENDPOINT, KEY) is WriteKeyVerdict.UNKNOWN
