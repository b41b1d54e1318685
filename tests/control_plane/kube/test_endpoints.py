import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.kube.endpoints import ServerAddresses
from saleor_segment_operator.resource import Reason
from tests.control_plane.kube.little_api import LittleApi

PATH = "/apis/discovery.k8s.io/v1/namespaces/release/endpointslices"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def endpoint(address: str, *, pod: str | None = None, ready: bool | None = True) -> dict[str, Any]:
    found: dict[str, Any] = {"addresses": [address], "conditions": {"ready": ready}}
    return found | ({} if pod is None else {"targetRef": {"kind": "Pod", "uid": pod}})


def a_slice(*endpoints: dict[str, Any], family: str = "IPv4") -> dict[str, Any]:
    ports = [{"name": "webhooks", "port": 8080}, {"name": "private", "port": 8081}]
    metadata = {"name": f"server-{family.lower()}"}
    found = {"metadata": metadata, "addressType": family}
    return found | {"endpoints": list(endpoints), "ports": ports}


@pytest.fixture
async def server() -> AsyncIterator[LittleApi]:
    async with LittleApi() as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def addresses(
    server: LittleApi, tmp_path: Path, clock: Clock
) -> AsyncIterator[ServerAddresses]:
    async with server.client(tmp_path) as api:
        yield ServerAddresses(api, namespace="release", service="shop-server", clock=clock)


def store(server: LittleApi, *slices: dict[str, Any]) -> None:
    server.objects[PATH] = {"metadata": {"resourceVersion": "1"}, "items": list(slices)}


async def test_ready_servers_are_found_at_their_private_port(
    server: LittleApi, addresses: ServerAddresses
) -> None:
    known = endpoint("10.0.0.1", pod="a"), endpoint("10.0.0.2", pod="b", ready=False)
    store(server, a_slice(*known), a_slice(endpoint("10.0.0.3", pod="c", ready=None)))
    assert await addresses() == ("http://10.0.0.1:8081", "http://10.0.0.3:8081")


async def test_a_server_of_two_address_families_is_one(
    server: LittleApi, addresses: ServerAddresses
) -> None:
    six = a_slice(endpoint("fd00::1", pod="a"), endpoint("fd00::2", pod="b"), family="IPv6")
    store(server, six, a_slice(endpoint("10.0.0.1", pod="a")))
    assert await addresses() == ("http://10.0.0.1:8081", "http://[fd00::2]:8081")


async def test_without_slices_there_is_none(server: LittleApi, addresses: ServerAddresses) -> None:
    store(server, a_slice() | {"endpoints": None, "ports": None})
    assert await addresses() == ()


async def test_hundreds_that_ask_at_once_are_one_call(
    server: LittleApi, addresses: ServerAddresses, clock: Clock
) -> None:
    store(server, a_slice(endpoint("10.0.0.1")))
    await asyncio.gather(*(addresses() for _ in range(300)))
    assert len(server.calls) == 1
    clock.now = 1.0
    store(server, a_slice(endpoint("10.0.0.9")))
    assert await addresses() == ("http://10.0.0.9:8081",)


async def test_no_answer_is_not_taken_for_no_server(
    server: LittleApi, addresses: ServerAddresses
) -> None:
    server.fails = 500
    with pytest.raises(Unavailable, match="planned 500") as raised:
        await addresses()
    assert raised.value.reason == Reason.SERVERS_UNREACHABLE
