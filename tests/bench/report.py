"""What was measured: numbers by round, series over time, profiles."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Points = Sequence[tuple[float, float]]
Profile = Mapping[str, int]
"""Function → how often the event loop was seen there, most often first."""


@dataclass
class Measure:
    """One comparison or one bound, over its rounds."""

    name: str
    unit: str
    ours: list[float]
    other: list[float] = field(default_factory=list)
    other_name: str = ""
    target: str = ""
    notes: str = ""
    more_is_better: bool = True

    @property
    def ratios(self) -> list[float]:
        """Ours against the other's, round by round."""
        return [a / b for a, b in zip(self.ours, self.other, strict=False)]

    @property
    def ratio(self) -> float:
        """The median of them."""
        return statistics.median(self.ratios)

    def row(self) -> str:
        """Return it as a row of the page's table."""
        ours = _spread(self.ours)
        other = f"{_spread(self.other)} ({self.other_name})" if self.other else "-"
        ratio = f"**{self.ratio:.2f}**" if self.other else "-"
        return f"| {self.name} | {ours} {self.unit} | {other} | {ratio} | {self.target} |"


def _spread(values: Sequence[float]) -> str:
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    if len(values) < 2:
        return f"{middle:,.{digits}f}"
    return f"{middle:,.{digits}f} ({min(values):,.{digits}f} … {max(values):,.{digits}f})"


@dataclass
class Report:
    """All that was found."""

    measures: list[Measure] = field(default_factory=list)
    series: dict[str, Points] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """What could not be measured here, and why."""
