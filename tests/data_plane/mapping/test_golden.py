"""Every captured delivery maps to its golden file.

A wanted change: ``python -m tests.data_plane.mapping.regenerate``, then review the difference.
"""

import pytest

from tests.data_plane.mapping.deliveries import of_our_events
from tests.data_plane.mapping.golden import FOLDER, golden_path, rendered


@pytest.fixture(scope="module")
def mapped() -> dict[str, str]:
    return dict(rendered())


@pytest.mark.parametrize("name", [one.name for one in of_our_events("webhooks2")])
def test_a_delivery_maps_to_its_golden_file(name: str, mapped: dict[str, str]) -> None:
    assert mapped[name] == golden_path(name).read_text(), f"{name}: regenerate if it was meant"


def test_no_golden_file_is_left_without_its_delivery(mapped: dict[str, str]) -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(mapped)
    assert len(mapped) > 100
