"""The pictures of the report."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from tests.bench.report import Measure, Points

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "saleor-segment"  # the same picture for the same numbers


def plot_ratios(path: Path, measures: Sequence[Measure]) -> None:
    figure, axes = plt.subplots(figsize=(8, 1 + 0.7 * len(measures)), layout="constrained")
    for place, measure in enumerate(reversed(measures)):
        middle = measure.ratio
        axes.barh(place, middle, color="#52bd94", height=0.5)
        axes.plot(measure.ratios, [place] * len(measure.ratios), "k.", markersize=4)
        axes.text(0.02, place, f"{middle:.2f}", va="center", color="white", weight="bold")
    axes.axvline(1, color="#999999", linewidth=0.8)
    labels = [f"{m.name}\nagainst {m.other_name}" for m in reversed(measures)]
    axes.set_yticks(range(len(measures)), labels)
    axes.set_xlabel("ratio within one run (bar: median, dots: rounds)")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def plot_series(path: Path, name: str, points: Points) -> None:
    figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
    axes.plot([x for x, _ in points], [y for _, y in points], color="#52bd94")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds")
    axes.set_ylabel(name.replace("-", " "))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
