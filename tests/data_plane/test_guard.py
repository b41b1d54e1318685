"""Which addresses are called, judged as they are connected to."""

import aiohttp
import pytest

from saleor_segment_server.outbound import AddressRefused, Guard, api_server
from tests.data_plane.receiving import Shop


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "168.63.129.16",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
    ],
)
def test_what_is_internal_to_a_host_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match=address.partition("%")[0]):
        Guard().check(address)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd12::1", "100.64.0.1"])
def test_private_ranges_are_let_through_unless_forbidden(address: str) -> None:
    Guard().check(address)
    with pytest.raises(AddressRefused, match="--forbid-private"):
        Guard(forbid_private=True).check(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_let_through(address: str) -> None:
    Guard(forbid_private=True).check(address)


def test_the_api_server_is_refused() -> None:
    with pytest.raises(AddressRefused, match="API server"):
        Guard(refused=["10.96.0.1"]).check("::ffff:10.96.0.1")


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("10.96.0.1", ("10.96.0.1",)), ("fd00::1", ("fd00::1",)), ("api.example.com", ()), ("", ())],
)
def test_a_pod_is_told_where_its_api_server_is(host: str, addresses: tuple[str, ...]) -> None:
    assert api_server({"KUBERNETES_SERVICE_HOST": host}) == addresses
    assert api_server({}) == ()


def test_loopback_is_let_through_where_told() -> None:
    Guard(allow_loopback=True, forbid_private=True).check("::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_connection_is_refused_by_number_and_by_name(shop: Shop, host: str) -> None:
    url = shop.url.replace("127.0.0.1", host) + "/.well-known/jwks.json"
    async with aiohttp.ClientSession(connector=Guard().connector()) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="--allow-loopback"):
            await session.get(url)
    assert shop.asked == 0
    connector = Guard(allow_loopback=True).connector()
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        assert response.status == 200
