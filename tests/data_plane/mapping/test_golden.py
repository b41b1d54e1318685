"""Every captured delivery maps to its golden files.

A wanted change: ``python -m tests.data_plane.mapping.regenerate``, then review the difference.
"""

import pytest

from tests.data_plane.mapping.golden import FOLDER, golden_names, golden_path, rendered


@pytest.fixture(scope="module")
def mapped() -> dict[str, str]:
    return dict(rendered())


@pytest.mark.parametrize("name", golden_names())
def test_a_delivery_maps_to_its_golden_file(name: str, mapped: dict[str, str]) -> None:
    assert mapped[name] == golden_path(name).read_text(), f"{name}: regenerate if it was meant"


def test_no_golden_file_is_left_without_its_delivery(mapped: dict[str, str]) -> None:
    found = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("**/*.json")}
    assert found == set(mapped) == set(golden_names())
    assert len(mapped) > 400
