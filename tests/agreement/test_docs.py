"""What the pages say is there is there."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from saleor_segment_server.contract import Event, Tracking
from saleor_segment_server.contract.tracking import ORDER_COMPLETED, Naming
from saleor_segment_server.mapping.names import NAMES, completes

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
GOLDEN = ROOT / "tests/fixtures/golden"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)\b(?=[`\s#]|$)", _code(page.read_text())))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


def test_folders_of_the_readme_exist() -> None:
    table = (ROOT / "README.md").read_text().split("| where | what |")[1]
    rows = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    places = [place for row in rows for place in row.strip("`").split("` `")]
    assert len(places) >= 4
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_parts_of_the_readme_exist() -> None:
    for line in (ROOT / "README.md").read_text().splitlines():
        if not (found := re.match(r"\| `([a-z_]+/saleor_segment_[a-z]+)/` \| (.*) \|", line)):
            continue
        package = ROOT / found[1]
        for name in re.findall(r"`([a-z_]+)`", found[2]):
            assert (package / name).is_dir() or (package / f"{name}.py").exists(), name


def test_the_mapping_page_names_every_event_and_its_message() -> None:
    page = (ROOT / "docs/mapping.md").read_text()
    by_spec = Tracking(naming=Naming.SPEC)
    for event in Event:
        names = NAMES.get(event)
        spec = names and (f"{ORDER_COMPLETED}*" if completes(event, by_spec) else names.spec)
        row = f"{names.saleor} | {spec} |" if names else "an `identify` | an `identify` |"
        assert f"| {event} | {row}" in page


def test_the_mapping_page_has_every_option_and_its_default() -> None:
    page = (ROOT / "docs/mapping.md").read_text()
    for name, field in Tracking.model_fields.items():
        option = field.alias or name
        row = re.search(rf"^\| `{option}` \| ([^|]+) \|", page, re.MULTILINE)
        assert row, option
        if isinstance(field.default, str | bool):
            assert row[1].startswith(f"**{json.dumps(field.default).strip(chr(34))}**"), option


def test_every_property_that_is_sent_is_on_the_mapping_page() -> None:
    page = (ROOT / "docs/mapping.md").read_text()
    documented = set(re.findall(r"`([a-z_]+)(?:\[\])?`", page))
    assert {key for message in _golden_messages() for key in message["properties"]} <= documented


def test_the_twins_know_neither_package() -> None:
    for folder in ("saleor", "segment"):
        for path in (ROOT / "tests/twins" / folder).rglob("*.py"):
            names = _imports(ast.parse(path.read_text()))
            assert not [n for n in names if n.startswith("saleor_segment")], path


def _code(text: str) -> str:
    return "\n".join(re.findall(r"`[^`]+`|^\$ .*$", text, re.MULTILINE))


def _golden_messages() -> Iterator[dict[str, dict[str, object]]]:
    for path in GOLDEN.rglob("*.json"):
        yield from _messages(json.loads(path.read_text()))


def _messages(found: object) -> Iterator[dict[str, dict[str, object]]]:
    if isinstance(found, dict):
        if "messageId" in found and "properties" in found:
            yield found
        for value in found.values():
            yield from _messages(value)
    elif isinstance(found, list):
        for value in found:
            yield from _messages(value)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
