"""Options of the whole suite."""

import pytest
from hypothesis import settings

settings.register_profile("soak", max_examples=1000)  # the default has 100


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-cluster",
        action="store_true",
        help="fail the cluster tests, rather than skip them, where there is no control plane",
    )
