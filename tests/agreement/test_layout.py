from pathlib import Path

import pytest

from tests.agreement.layout import deviations


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for folder in ("operator/saleor_segment_operator", "webhook_server", "tests/twins"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def test_a_package_named_operator_is_found_at_any_depth(tree: Path) -> None:
    for folder in ("operator", "tests/twins/operator", ".venv/operator"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
        (tree / folder / "__init__.py").touch()
    found = [line for line in deviations(tree) if "shadows" in line]
    assert [line.partition(":")[0] for line in found] == [
        "operator/__init__.py",
        "tests/twins/operator/__init__.py",
    ]


def test_strangers_are_named_and_what_tools_leave_behind_is_not(tree: Path) -> None:
    for name in ("scripts", "dist", ".venv", "webhook_server/x.egg-info", "tests/operator"):
        (tree / name).mkdir()
    found = [line.partition(":")[0] for line in deviations(tree)]
    assert found == ["scripts", "tests/operator"]
