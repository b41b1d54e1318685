"""How long deliveries took to reach Segment, counted by the window.

prometheus_client's own histogram takes one observation at a time, and showed in what a message
cost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
_NAMES = (*(str(float(bound)) for bound in _BOUNDS), "+Inf")


class Lags(Collector):
    """A histogram of seconds for each pipeline."""

    def __init__(self, name: str, text: str) -> None:
        self._name, self._text = name, text
        self._counts: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(_NAMES))
        self._sums: defaultdict[str, float] = defaultdict(float)

    def observe(self, pipeline: str, seconds: Iterable[float]) -> None:
        """Count what became of one pipeline's deliveries."""
        for each in seconds:
            self._counts[pipeline][bisect_left(_BOUNDS, each)] += 1
            self._sums[pipeline] += each

    def collect(self) -> Iterator[Metric]:
        """Yield the histogram, as a registry asks for it."""
        family = HistogramMetricFamily(self._name, self._text, labels=["pipeline"])
        for pipeline, counts in self._counts.items():
            buckets = list(zip(_NAMES, accumulate(counts), strict=True))
            family.add_metric([pipeline], buckets, self._sums[pipeline])
        yield family
