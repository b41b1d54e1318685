"""Every captured delivery maps to its golden files.

A wanted change: ``python -m tests.data_plane.mapping.regenerate``, then review the difference.
"""

import json

import pytest

from tests.data_plane.mapping.digests import complaint
from tests.data_plane.mapping.golden import (
    FOLDER,
    OPTION_SETS,
    digest_names,
    golden_names,
    golden_path,
    rendered,
)


@pytest.fixture(scope="module")
def mapped() -> dict[str, str]:
    return dict(rendered())


@pytest.mark.parametrize("name", golden_names())
def test_a_delivery_maps_to_its_golden_file(name: str, mapped: dict[str, str]) -> None:
    assert mapped[name] == golden_path(name).read_text(), f"{name}: regenerate if it was meant"


@pytest.mark.parametrize("option", OPTION_SETS)
def test_every_delivery_maps_to_its_digest_with_each_option(
    option: str, mapped: dict[str, str]
) -> None:
    name = f"digests/{option}"
    stored, found = json.loads(golden_path(name).read_text()), json.loads(mapped[name])
    assert stored == found, complaint(option, OPTION_SETS[option], stored, found)


def test_a_difference_is_told_with_its_option_its_captures_and_how_to_look() -> None:
    stored = {"Saleor": {"one": "0", "two": "0"}, "Spec": {"one": "0"}}
    found = {"Saleor": {"one": "0", "two": "1"}, "Spec": {"one": "0"}}
    told = complaint("names", {"names": {}}, stored, found)
    assert told.startswith("names: digests differ\n  Saleor: two\nLook at one with\n")
    assert "saleor-segment preview" in told
    assert "regenerate" in told


def test_no_golden_file_is_left_without_its_delivery(mapped: dict[str, str]) -> None:
    found = {str(path.relative_to(FOLDER).with_suffix("")) for path in FOLDER.glob("**/*.json")}
    assert found == set(mapped) == {*golden_names(), *digest_names()}
    assert len(mapped) > 400
