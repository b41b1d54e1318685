"""What is counted, for Prometheus; nothing in it names a person or a secret."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from saleor_segment_server.journal import Tally
from saleor_segment_server.lags import Lags

_PREFIX = "saleor_segment"


class Metrics:
    """The server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        """Where they are registered."""
        self._received = self._counter(
            "received", "Deliveries answered, by what became of them", "pipeline", "outcome"
        )
        self._received_as = cache(self._received.labels)  # which is slow to find them
        self._sent = self._counter("messages_sent", "Messages Segment acknowledged", "pipeline")
        self._batches = self._counter(
            "batches", "Batches sent, by what Segment's answer means", "pipeline", "outcome"
        )
        self._buried = self._counter(
            "buried", "Events that became dead letters, by the kind of reason", "pipeline", "reason"
        )
        self._resent_late = self._counter(
            "resent_late",
            "Events delivered over 24 h after an attempt without a clear answer: maybe doubled",
            "pipeline",
        )
        self._dropped = self._counter(
            "connections_dropped",
            "Connections of senders that waited, closed to make room for others, by what was full",
            "reason",
        )
        self._lags = Lags(
            f"{_PREFIX}_delivery_seconds",
            "From the receipt of a delivery to Segment's acknowledgement",
        )
        self.registry.register(self._lags)
        self.pipelines_broken = Gauge(
            f"{_PREFIX}_pipelines_unreadable",
            "1 while the source of Pipelines is broken and the last good ones are in force",
            registry=self.registry,
        )
        """Whether the source of Pipelines is broken."""

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)

    def received(self, pipeline: str, outcome: str) -> None:
        """Count an answered delivery; ``pipeline`` is empty where it is none we know."""
        self._received_as(pipeline, outcome).inc()

    def sent(self, pipeline: str, messages: int) -> None:
        """Count messages that Segment acknowledged."""
        self._sent.labels(pipeline).inc(messages)

    def batch(self, pipeline: str, outcome: str) -> None:
        """Count a batch by the verdict on Segment's answer."""
        self._batches.labels(pipeline, outcome).inc()

    def buried(self, pipeline: str, reason: str, count: int = 1) -> None:
        """Count events that became dead letters; ``reason`` is a short constant."""
        self._buried.labels(pipeline, reason).inc(count)

    def dropped(self, reason: str) -> None:
        """Count a connection that was closed for another; ``reason`` is a short constant."""
        self._dropped.labels(reason).inc()

    def delivered(self, pipeline: str, seconds: Iterable[float]) -> None:
        """Observe the times from receipt to acknowledgement."""
        self._lags.observe(pipeline, seconds)

    def resent_late(self, pipeline: str) -> None:
        """Count an event that Segment may hold twice: it remembers a messageId for 24 hours."""
        self._resent_late.labels(pipeline).inc()

    def watch(
        self, tallies: Callable[[], Mapping[str, Tally]], parked: Callable[[str], str | None]
    ) -> None:
        """Have the journal's counts and the parked pipelines read at each scrape."""
        self.registry.register(_Journal(tallies, parked))

    def render(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)


@dataclass(frozen=True)
class _Journal(Collector):
    """Gauges that are read from elsewhere when somebody asks."""

    tallies: Callable[[], Mapping[str, Tally]]
    parked: Callable[[str], str | None]

    def collect(self) -> Iterator[Metric]:
        gauges = {
            name: GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=["pipeline"])
            for name, text in (
                ("pending", "Events accepted and not yet settled"),
                ("dead_letters", "Events that will not be sent unless replayed"),
                ("stored_bytes", "Bytes of bodies held"),
                ("oldest_pending_timestamp_seconds", "When the oldest pending event was received"),
                ("parked", "1 while sending has stopped until the key or the spec changes"),
            )
        }
        for pipeline, tally in self.tallies().items():
            label = [pipeline]
            gauges["pending"].add_metric(label, tally.pending)
            gauges["dead_letters"].add_metric(label, tally.dead)
            gauges["stored_bytes"].add_metric(label, tally.stored_bytes)
            if tally.oldest_pending_at is not None:
                oldest = gauges["oldest_pending_timestamp_seconds"]
                oldest.add_metric(label, tally.oldest_pending_at)
            gauges["parked"].add_metric(label, self.parked(pipeline) is not None)
        yield from gauges.values()
