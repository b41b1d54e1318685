import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from saleor_segment_operator.errors import Lost
from saleor_segment_operator.kube.lease import Lease
from saleor_segment_server.cluster import Api
from tests.control_plane.kube.little_api import LittleApi
from tests.system.programs import until

PATH = "/apis/coordination.k8s.io/v1/namespaces/release/leases/shop-operator"
SECONDS = 1.0


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


@pytest.fixture
async def server() -> AsyncIterator[LittleApi]:
    async with LittleApi() as server:
        yield server


@pytest.fixture
async def api(server: LittleApi, tmp_path: Path) -> AsyncIterator[Api]:
    async with server.client(tmp_path) as api:
        yield api


def a_lease(api: Api, identity: str, *, clock: Callable[[], float] = time.monotonic) -> Lease:
    return Lease(
        api,
        namespace="release",
        name="shop-operator",
        identity=identity,
        duration=SECONDS,
        clock=clock,
        spread=lambda: 0.5,
    )


@asynccontextmanager
async def kept(lease: Lease) -> AsyncIterator["asyncio.Task[None]"]:
    """Hold a Lease, and renew it for the time of a ``with``."""
    await asyncio.wait_for(lease.acquire(), 5)
    keeping = asyncio.create_task(lease.keep())
    try:
        yield keeping
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


def spec(server: LittleApi) -> dict[str, Any]:
    found: dict[str, Any] = server.objects[PATH]["spec"]
    return found


async def test_the_first_makes_it_and_is_named_in_it(server: LittleApi, api: Api) -> None:
    lease = a_lease(api, "one")
    await lease.acquire()
    assert lease.held
    assert spec(server)["holderIdentity"] == "one"
    assert spec(server)["leaseDurationSeconds"] == SECONDS
    assert spec(server)["leaseTransitions"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spec(server)["renewTime"])


async def test_it_is_renewed(server: LittleApi, api: Api) -> None:
    async with kept(a_lease(api, "one")):
        first = spec(server)
        await until(lambda: server.version >= 4)
        assert spec(server)["renewTime"] > first["renewTime"]
        assert spec(server)["acquireTime"] == first["acquireTime"]


async def test_a_second_waits_for_as_long_as_the_first_renews(
    server: LittleApi, api: Api, logs: list[Any]
) -> None:
    async with kept(a_lease(api, "one")):
        second = a_lease(api, "two")
        waiting = asyncio.create_task(second.acquire())
        await until(lambda: server.version >= 8)  # longer than the duration
        assert not waiting.done()
        assert not second.held
        waiting.cancel()
    waits = [each for each in logs if each["event"] == "waiting_for_leadership"]
    assert [each["holder"] for each in waits] == ["one"]


async def test_once_given_up_it_is_taken_at_once(server: LittleApi, api: Api) -> None:
    first, second = a_lease(api, "one"), a_lease(api, "two")
    await first.acquire()
    await first.release()
    assert not first.held
    assert "holderIdentity" not in spec(server)
    began = time.monotonic()
    await second.acquire()
    assert time.monotonic() - began < SECONDS / 2
    assert spec(server)["leaseTransitions"] == 2


@pytest.mark.parametrize("renewed", ["2001-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
async def test_a_dead_holders_is_taken_after_its_duration_whatever_the_clocks_say(
    server: LittleApi, api: Api, renewed: str
) -> None:
    dead = {"holderIdentity": "dead", "leaseDurationSeconds": 1, "renewTime": renewed}
    server.put(PATH, {"metadata": {"name": "shop-operator"}, "spec": dead})
    began = time.monotonic()
    await asyncio.wait_for(a_lease(api, "one").acquire(), 5)
    assert time.monotonic() - began >= SECONDS


async def test_when_the_api_server_hangs_it_is_lost_before_another_could_take_it(
    server: LittleApi, api: Api
) -> None:
    lease = a_lease(api, "one")
    async with kept(lease) as keeping:
        await until(lambda: server.version >= 3)
        server.hangs, silent = True, time.monotonic()
        with pytest.raises(Lost, match="in time"):
            await asyncio.wait_for(keeping, 5)
        assert time.monotonic() - silent < SECONDS
        assert not lease.held


async def test_it_is_lost_once_another_has_taken_it(server: LittleApi, api: Api) -> None:
    lease = a_lease(api, "one")
    async with kept(lease) as keeping:
        server.put(PATH, server.objects[PATH] | {"spec": spec(server) | {"holderIdentity": "x"}})
        with pytest.raises(Lost, match="x has taken"):
            await asyncio.wait_for(keeping, 5)
        assert not lease.held


async def test_a_renewal_whose_answer_got_lost_costs_nothing(server: LittleApi, api: Api) -> None:
    async with kept(a_lease(api, "one")) as keeping:
        server.deaf, before = True, server.version
        await until(lambda: server.version > before)
        server.deaf, before = False, server.version
        await until(lambda: server.version >= before + 2)
        assert not keeping.done()


async def test_a_process_that_slept_does_not_think_it_leads(api: Api) -> None:
    now = 0.0
    lease = a_lease(api, "one", clock=lambda: now)
    await lease.acquire()
    now = SECONDS / 2
    assert lease.held
    now = SECONDS * 0.7
    assert not lease.held


async def test_what_the_api_server_says_against_it_is_logged_and_waited_out(
    server: LittleApi, api: Api, logs: list[Any]
) -> None:
    server.fails = 403
    waiting = asyncio.create_task(a_lease(api, "one").acquire())
    await until(lambda: [each for each in logs if "planned 403" in str(each.get("why"))])
    server.fails = None
    await asyncio.wait_for(waiting, 5)


async def test_that_it_cannot_be_given_up_is_logged_only(
    server: LittleApi, api: Api, logs: list[Any]
) -> None:
    lease = a_lease(api, "one")
    await lease.acquire()
    server.hangs = True
    await lease.release()
    assert not lease.held
    assert logs[-1]["event"] == "lease_unanswered"
