"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-cluster",
        action="store_true",
        help="fail the cluster tests, rather than skip them, where there is no control plane",
    )
