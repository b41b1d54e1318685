"""How long is waited, and how addresses are written."""

import pytest

from saleor_segment_server.addresses import host_and_port, http_url
from saleor_segment_server.backoff import backoff


def test_it_doubles_up_to_a_cap() -> None:
    waits = [backoff(n, first=1.0, cap=60.0, spread=lambda: 1.0) for n in (1, 2, 3, 6, 7, 10_000)]
    assert waits == [1.0, 2.0, 4.0, 32.0, 60.0, 60.0]


def test_half_of_it_is_certain() -> None:
    assert backoff(3, first=1.0, cap=60.0, spread=lambda: 0.0) == 2.0


@pytest.mark.parametrize(
    ("address", "parts", "url"),
    [
        ("0.0.0.0:8080", ("0.0.0.0", 8080), "http://0.0.0.0:8080"),
        ("[::1]:8081", ("::1", 8081), "http://[::1]:8081"),
        ("localhost:0", ("localhost", 0), "http://localhost:0"),
    ],
)
def test_an_address_is_taken_apart_and_written(
    address: str, parts: tuple[str, int], url: str
) -> None:
    assert host_and_port(address) == parts
    assert http_url(*parts) == url
