"""The benches on a real control plane, with little to do: that they run and say what is asked."""

import os
from pathlib import Path

import pytest

from tests.bench.bench import Bench
from tests.bench.cold_start import ColdStart
from tests.bench.fleet import Fleet
from tests.bench.rotation import Rotation
from tests.cluster.plane import build

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True, scope="module")
def control_plane(pytestconfig: pytest.Config) -> None:
    try:
        build.find(os.environ)
    except build.Missing as missing:
        if pytestconfig.getoption("--require-cluster"):
            pytest.fail(f"no control plane: {missing}", pytrace=False)
        pytest.skip(f"no control plane: {missing}")


def measured(bench: Bench) -> dict[str, float]:
    """Run one round; return what was found by name."""
    assert bench.obstacle() is None
    bench.prepare()
    bench.round(0)
    return {measure.name: measure.ours[0] for measure in bench.measures()}


def test_some_integrations_become_ready_within_bounds(tmp_path: Path) -> None:
    found = measured(Fleet(tmp_path, integrations=3, resync=5))
    assert found["3 integrations, all Ready"] > 0
    assert 20 < found["integrations, most memory"] < 150
    assert 10 < found["integrations, API calls until Ready"] < 60
    assert found["integrations, idle API calls"] > 0


def test_a_changed_write_key_is_soon_in_use(tmp_path: Path) -> None:
    found = measured(Rotation(tmp_path, changes=2))
    assert 0 < found["Secret change in use, p50"] < 2000


def test_programs_become_ready_after_what_they_import(tmp_path: Path) -> None:
    bench = ColdStart(tmp_path)
    assert min(measured(bench).values()) > 0
    assert all(measure.ratio > 1 for measure in bench.measures())
