"""Options of the whole suite."""

from pathlib import Path

import pytest
from hypothesis import settings

_HERE = Path(__file__).parent
_LONG = {"bench", "chart", "cluster", "fault", "system"}

settings.register_profile("soak", max_examples=1000)  # the default has 100


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-cluster",
        action="store_true",
        help="fail the cluster tests, rather than skip them, where there is no control plane",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: at the end no worker waits for another's last module."""
    items.sort(key=lambda item: item.path.relative_to(_HERE).parts[0] not in _LONG)
