"""``docs/failure-modes.md`` and ``tests/fault`` speak of the same faults."""

import ast
import re
from pathlib import Path

import pytest

from saleor_segment_operator.operate.metrics import Metrics as OperatorMetrics
from saleor_segment_operator.resource import ConditionType, Reason
from saleor_segment_server.metrics import Metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "failure-modes.md").read_text(encoding="utf-8")
FIELDS = ["Symptom", "Condition", "Metric", "By itself", "To do", "Test"]
ENTRIES = {
    title: dict(
        re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=\n- \*\*|\Z)", text, re.MULTILINE | re.DOTALL)
    )
    for title, text in (
        part.split("\n", 1)
        for part in re.split(
            r"^### ", re.sub(r"^## .*$", "", PAGE, flags=re.MULTILINE), flags=re.MULTILINE
        )[1:]
    )
}
TESTS = {
    f"tests/fault/{file.name}::{node.name}"
    for file in (ROOT / "tests" / "fault").glob("test_*.py")
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")
}


def test_it_has_entries() -> None:
    assert ENTRIES


@pytest.mark.parametrize("title", ENTRIES)
def test_an_entry_says_all_that_is_asked(title: str) -> None:
    assert list(ENTRIES[title]) == FIELDS


@pytest.mark.parametrize("title", ENTRIES)
def test_conditions_and_reasons_are_real(title: str) -> None:
    known = {*ConditionType, *Reason}
    named = re.findall(r"`([A-Za-z]+)(?:=(?:True|False|Unknown))?`", ENTRIES[title]["Condition"])
    assert set(named) <= known


@pytest.mark.parametrize("title", ENTRIES)
def test_metrics_are_real(title: str) -> None:
    shown = (Metrics().render() + OperatorMetrics().render()).decode() + _gauges()
    for name in re.findall(r"`(saleor_segment_\w+)", ENTRIES[title]["Metric"]):
        assert re.search(rf"\b{name}\b", shown), name


def _gauges() -> str:
    """Return the names of what is only shown once something is read."""
    files = (
        "webhook_server/saleor_segment_server/metrics.py",
        "operator/saleor_segment_operator/operate/metrics.py",
    )
    prefixes = ("saleor_segment", "saleor_segment_operator")
    return "".join(
        f" {prefix}_{name} {prefix}_{name}_total"
        for prefix, file in zip(prefixes, files, strict=True)
        for name in re.findall(r'"(\w+)"', (ROOT / file).read_text(encoding="utf-8"))
    )


def test_every_test_stands_with_a_fault_and_the_other_way_round() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py::test_\w+)`", PAGE))
    assert {each for each in named if each.startswith("tests/fault/")} == TESTS
    for each in named - TESTS:
        file, _, name = each.partition("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), each
