import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from saleor_segment_operator.errors import StartError
from saleor_segment_operator.operate.health import Health, listening
from saleor_segment_operator.operate.metrics import Metrics, Sources, outcome
from tests.system.programs import until


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def health(metrics: Metrics, clock: Clock) -> Health:
    return Health(metrics, clock=clock, tick=0.01)


@pytest.fixture
async def client(health: Health, metrics: Metrics) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        listening(health, metrics, "127.0.0.1:0") as (host, port),
        httpx.AsyncClient(base_url=f"http://{host}:{port}") as client,
    ):
        yield client


async def test_it_is_alive_before_it_is_ready(health: Health, client: httpx.AsyncClient) -> None:
    assert (await client.get("/healthz")).status_code == 200
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "starting"})
    health.unready = lambda: None
    assert (await client.get("/readyz")).status_code == 200


async def test_a_loop_that_was_late_is_told_and_forgotten(
    health: Health, client: httpx.AsyncClient, clock: Clock
) -> None:
    beating = asyncio.create_task(health.beat())
    await asyncio.sleep(0)
    clock.now += 30
    await until(lambda: health.unhealthy)
    assert "30 s late" in str(health.unhealthy)
    await until(lambda: not health.unhealthy)
    assert (await client.get("/healthz")).status_code == 200
    beating.cancel()


async def test_metrics_are_read_when_they_are_asked_for(
    metrics: Metrics, client: httpx.AsyncClient
) -> None:
    ready = {"True": 2, "False": 1, "Unknown": 0}
    metrics.read(
        Sources(
            integrations=lambda: ready,
            queued=lambda: 7,
            watch_age=lambda: 12.5,
            watch_events=lambda: 40,
            watch_missed=lambda: 3,
            orphaned=lambda: 1,
        )
    )
    metrics.called("get", "secrets", 200)
    metrics.passed("settled", 0.2)
    metrics.leader.set(1)
    lines = (await client.get("/metrics")).text.splitlines()
    prefix = "saleor_segment_operator"
    for sample in (
        'integrations{ready="True"} 2.0',
        "queue_depth 7.0",
        "watch_age_seconds 12.5",
        "watch_events_total 40.0",
        "watch_missed_total 3.0",
        "orphaned_total 1.0",
        "leader 1.0",
        'reconciles_total{outcome="settled"} 1.0',
        "reconcile_seconds_count 1.0",
        'api_requests_total{code="200",resource="secrets",verb="get"} 1.0',
    ):
        assert f"{prefix}_{sample}" in lines
    ready["True"] = 5
    assert f'{prefix}_integrations{{ready="True"}} 5.0' in (await client.get("/metrics")).text


async def test_a_port_in_use_names_the_setting(
    health: Health, metrics: Metrics, client: httpx.AsyncClient
) -> None:
    taken = f"127.0.0.1:{client.base_url.port}"
    with pytest.raises(StartError, match=f"{taken}: cannot listen there .*--private-listen"):
        async with listening(health, metrics, taken):
            pass


@pytest.mark.parametrize(
    ("delay", "name"),
    [(None, "gone"), (0.0, "progress"), (0.5, "progress"), (2.0, "waiting"), (275.0, "settled")],
)
def test_a_pass_is_named_by_what_comes_next(delay: float | None, name: str) -> None:
    assert outcome(delay, 300.0) == name
