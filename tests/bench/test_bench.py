"""The bench's own parts: what is sent, what is counted, what is written."""

import json
from pathlib import Path

from aiohttp import web

from saleor_segment_server.contract import Event
from saleor_segment_server.mapping import map_event, parse
from tests.bench import forwarding_floor
from tests.bench.deliveries import Signed, bodies, request
from tests.bench.load import drive
from tests.bench.page import write
from tests.bench.report import Measure, Report
from tests.bench.subjects import APP_ID, pipeline
from tests.signing import Signer

ISSUED_AT = "2026-11-18T11:06:40+00:00"


def test_every_body_becomes_a_message_of_its_own() -> None:
    held = pipeline(Signer.new(), endpoint="https://api.segment.io")
    found = list(bodies(range(3), issued_at=ISSUED_AT, app_id=APP_ID))

    mapped = [map_event(parse(Event.ORDER_CREATED, body), held, None) for body in found]

    assert {len(body) for body in found} <= set(range(2000, 4000))
    assert len({message.id for one in mapped for message in one.messages}) == 3


def test_the_forwarders_floor_sends_what_we_do() -> None:
    held = pipeline(Signer.new(), endpoint="https://api.segment.io")
    for body in bodies(range(3), issued_at="2026-11-18T11:06:40.123456+00:00", app_id=APP_ID):
        (ours,) = map_event(parse(Event.ORDER_CREATED, body), held, None).messages
        assert forwarding_floor.message(body) == ours.payload


async def test_load_sends_every_request_once_and_counts_the_answers() -> None:
    came: list[tuple[str, bytes]] = []

    async def receive(incoming: web.Request) -> web.Response:
        came.append((incoming.headers["Saleor-Signature"], await incoming.read()))
        return web.Response(status=503 if came[-1][1] == b"0" else 200)

    app = web.Application()
    app.router.add_post("/here", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    signed = [Signed(str(number).encode(), f"of {number}") for number in range(9)]

    sent = [request(one, path="/here", host="here") for one in signed]
    load = await drive(host, port, sent, connections=4)
    await runner.cleanup()

    assert sorted(came) == [(one.signature, one.body) for one in signed]
    assert load.statuses == {200: 8, 503: 1}
    assert len(load.latencies) == 9
    assert 0 < load.percentile(0.5) <= load.percentile(0.99) <= load.seconds


def test_page_shows_medians_spread_and_the_ratio_by_rounds(tmp_path: Path) -> None:
    rate = Measure(
        name="door",
        unit="/s",
        target="≥ 2",
        ours=[10, 30, 20],
        other=[5, 10, 10],
        other_name="sill",
    )
    profile = {"saleor_segment_server.mapping.money:total": 3, "aiohttp.web:_run": 1}
    report = Report([rate], {"memory-MB": [(0.0, 1.0), (1.0, 2.0)]}, {"door": profile})

    page = write(tmp_path, report, disk=tmp_path).read_text()

    assert "| door | 20.0 (10.0 … 30.0) /s | 10.0 (5.0 … 10.0) (sill) | **2.00** | ≥ 2 |" in page
    assert "| 75% | mapping |" in page
    assert {path.name for path in (tmp_path / "bench").iterdir()} == {
        *("memory-MB.svg", "ratios.svg", "results.json"),
    }
    results = json.loads((tmp_path / "bench" / "results.json").read_text())
    assert results["measures"][0]["ours"] == [10, 30, 20]
