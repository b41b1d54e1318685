"""What was measured, as a table, a picture and a page: docs/benchmarks.md is written by it."""

import json
import platform
import sqlite3
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "saleor-segment"  # the same picture for the same numbers

Points = Sequence[tuple[float, float]]


@dataclass
class Measure:
    """One comparison or one bound, over its rounds."""

    name: str
    unit: str
    target: str
    ours: list[float]
    other: list[float] = field(default_factory=list)
    other_name: str = ""
    notes: str = ""
    higher_is_better: bool = True

    @property
    def ratios(self) -> list[float]:
        """Ours against the other's, round by round."""
        return [a / b for a, b in zip(self.ours, self.other, strict=False)]

    def row(self) -> str:
        """Return it as a row of the page's table."""
        ours = _spread(self.ours)
        other = f"{_spread(self.other)} ({self.other_name})" if self.other else "-"
        ratio = f"**{statistics.median(self.ratios):.2f}**" if self.other else "-"
        return f"| {self.name} | {ours} {self.unit} | {other} | {ratio} | {self.target} |"


def _spread(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    text = f"{middle:,.0f}" if middle >= 100 else f"{middle:.1f}"
    if len(values) < 2:
        return text
    low, high = min(values), max(values)
    form = "{:,.0f} … {:,.0f}" if middle >= 100 else "{:.1f} … {:.1f}"
    return f"{text} ({form.format(low, high)})"


def machine() -> str:
    """Describe what it ran on, without naming it."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    parts = [
        model,
        f"{len(set(Path('/sys/devices/system/cpu').glob('cpu[0-9]*')))} cores",
        f"Linux {platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"SQLite {sqlite3.sqlite_version}",
        *(f"{name} {version(name)}" for name in ("aiohttp", "uvloop", "orjson", "cryptography")),
    ]
    return ", ".join(parts)


def write(folder: Path, measures: Sequence[Measure], series: Mapping[str, Points]) -> None:
    """Write results.json, the pictures and ../benchmarks.md."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {"machine": machine(), "measures": [asdict(m) for m in measures], "series": series}
    (folder / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    _plot_ratios(folder / "ratios.svg", [m for m in measures if m.other])
    for name, points in series.items():
        _plot_series(folder / f"{name}.svg", name, points)
    (folder.parent / "benchmarks.md").write_text(_page(measures, series))


def _plot_ratios(path: Path, measures: Sequence[Measure]) -> None:
    figure, axes = plt.subplots(figsize=(8, 1 + 0.7 * len(measures)), layout="constrained")
    for place, measure in enumerate(reversed(measures)):
        middle = statistics.median(measure.ratios)
        axes.barh(place, middle, color="#52bd94", height=0.5)
        axes.plot(measure.ratios, [place] * len(measure.ratios), "k.", markersize=4)
        axes.text(middle, place + 0.3, f"{middle:.2f}", va="bottom", ha="right", fontsize=9)
    axes.axvline(1, color="#999999", linewidth=0.8)
    labels = [f"{m.name}\nagainst {m.other_name}" for m in reversed(measures)]
    axes.set_yticks(range(len(measures)), labels)
    axes.set_xlabel("ratio within one run (bar: median, dots: rounds)")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _plot_series(path: Path, name: str, points: Points) -> None:
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    axes.plot([x for x, _ in points], [y for _, y in points], color="#52bd94")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds")
    axes.set_ylabel(name.replace("-", " "))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _page(measures: Sequence[Measure], series: Mapping[str, Points]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Medians over the rounds, with the lowest and the",
        "highest; a ratio compares two programs that ran one after the other in the same round.",
        "",
        f"Machine: {machine()}.",
        "",
        "| what | ours | against | ratio | target |",
        "| --- | --- | --- | --- | --- |",
        *(measure.row() for measure in measures),
        "",
        "![Ratios](bench/ratios.svg)",
        "",
        *(f"![{name}](bench/{name}.svg)\n" for name in series),
        *(f"- **{m.name}**: {m.notes}" for m in measures if m.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"
