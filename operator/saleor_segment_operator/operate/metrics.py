"""What the operator counts, for Prometheus: all names in one place, and no label of a person."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PREFIX = "saleor_segment_operator"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What is read when somebody asks, from the parts of a leading operator."""

    integrations: Callable[[], Mapping[str, int]]
    """Integrations by the status of their condition Ready."""
    queued: Callable[[], int]
    """Integrations that are due and wait for a worker."""
    watch_age: Callable[[], float]
    """Seconds since the stream that is silent the longest was opened."""
    watch_events: Callable[[], int]
    """Events that the watch has told."""
    watch_missed: Callable[[], int]
    """Changes that a list told before the watch did."""
    orphaned: Callable[[], int]
    """Integrations let go although Saleor could not be cleaned up."""


class Metrics:
    """The operator's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=True)
        self.leader = Gauge(
            f"{_PREFIX}_leader",
            "1 while this process holds the Lease and works",
            registry=self._registry,
        )
        """Whether this process leads."""
        self.lag = Gauge(
            f"{_PREFIX}_loop_lag_seconds",
            "By how much the event loop was late when it was last looked at",
            registry=self._registry,
        )
        """How late the event loop is."""
        self._passes = Counter(
            f"{_PREFIX}_reconciles",
            "Passes over an integration, by what comes next: settled waits for the resync, "
            "progress goes on at once, waiting looks again soon, gone was the last",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_reconcile_seconds",
            "How long a pass over an integration takes",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._calls = Counter(
            f"{_PREFIX}_api_requests",
            "Calls of the API server, by verb, resource and HTTP status (0: no answer)",
            ["verb", "resource", "code"],
            registry=self._registry,
        )
        info = Gauge(f"{_PREFIX}_build_info", "Always 1", ["version"], registry=self._registry)
        info.labels(version("saleor-segment-operator")).set(1)

    def passed(self, outcome: str, seconds: float) -> None:
        """Count a pass and its time."""
        self._passes.labels(outcome).inc()
        self._seconds.observe(seconds)

    def called(self, verb: str, resource: str, code: int) -> None:
        """Count a call of the API server."""
        self._calls.labels(verb, resource, str(code)).inc()

    def read(self, sources: Sources) -> None:
        """Have these read at each scrape."""
        self._registry.register(_Read(sources))

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)


@dataclass(frozen=True)
class _Read(Collector):
    sources: Sources

    def collect(self) -> Iterator[Metric]:
        sources = self.sources
        integrations = GaugeMetricFamily(
            f"{_PREFIX}_integrations", "Integrations by their condition Ready", labels=["ready"]
        )
        for ready, count in sources.integrations().items():
            integrations.add_metric([ready], count)
        yield integrations
        for name, text, value in (
            ("queue_depth", "Integrations that are due and wait for a worker", sources.queued),
            (
                "watch_age_seconds",
                "Since the stream that is silent the longest was opened; 450 is dead",
                sources.watch_age,
            ),
        ):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=value())
        for name, text, total in (
            ("watch_events", "Events that the watch has told", sources.watch_events),
            ("watch_missed", "Changes a list told before the watch did", sources.watch_missed),
            ("orphaned", "Integrations let go with Saleor not cleaned up", sources.orphaned),
        ):
            yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value=total())


def outcome(delay: float | None, resync: float) -> str:
    """Name what comes after a pass, by the seconds until the next."""
    if delay is None:
        return "gone"
    if delay < 1:
        return "progress"
    return "settled" if delay >= resync * 0.9 else "waiting"


def stopwatch() -> Callable[[], float]:
    """Start to measure; what is returned tells the seconds since."""
    began = time.perf_counter()
    return lambda: time.perf_counter() - began
