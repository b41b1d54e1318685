"""Checks the tree against its layout; ``make lint`` runs it as a module."""

import os
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = frozenset(
    {"__pycache__", "build", "dist", "*.egg-info", "saleor-segment-data", "my-shop"}
)
"""Names that tools and the README's commands leave behind; git ignores them too."""
LAYOUT = {
    ".": (
        {"operator", "webhook_server", "tests", "docs", "examples"}
        | {"Makefile", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
        | {"crds", "charts", "Dockerfile", "requirements*.txt", "requirements*.in"}
    ),
    "operator": {"saleor_segment_operator"},
    "webhook_server": {"saleor_segment_server"},
    "tests": (
        {"__init__.py", "conftest.py", "control_plane", "data_plane", "twins", "ports", "system"}
        | {"chart", "cluster", "fault", "bench", "agreement", "fixtures", "signing.py"}
    ),
}


def main() -> None:
    """Print a line for each deviation and exit with 1 where there is one."""
    found = list(deviations(ROOT))
    for line in found:
        sys.stderr.write(line + "\n")
    sys.exit(bool(found))


def deviations(root: Path) -> Iterator[str]:
    """Yield a line for each entry under ``root`` that is not where the layout puts it."""
    yield from _shadows(root)
    for folder, expected in LAYOUT.items():
        yield from _strangers(root / folder, expected, root)


def _shadows(root: Path) -> Iterator[str]:
    for folder, below, files in os.walk(root):
        below[:] = [name for name in below if not _is_skipped(name)]
        if Path(folder).name == "operator" and "__init__.py" in files:
            path = (Path(folder) / "__init__.py").relative_to(root)
            yield f"{path}: remove it: it shadows the standard library's module 'operator'"


def _strangers(folder: Path, expected: set[str], root: Path) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        if _is_skipped(entry.name) or any(fnmatch(entry.name, known) for known in expected):
            continue
        path = entry.relative_to(root)
        yield f"{path}: is not part of the layout: move it, or add it to tests/agreement/layout.py"


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or any(fnmatch(name, pattern) for pattern in GENERATED)


if __name__ == "__main__":
    main()
