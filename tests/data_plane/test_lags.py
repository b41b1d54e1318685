"""The histogram of lags: what a scrape shows of it."""

from prometheus_client import CollectorRegistry, generate_latest

from saleor_segment_server.lags import Lags


def _scraped(lags: Lags) -> set[str]:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(lags)
    return set(generate_latest(registry).decode().splitlines())


def test_a_lag_counts_in_every_bucket_from_its_own_on() -> None:
    lags = Lags("lag_seconds", "How long")

    lags.observe("one", [0.004, 0.01, 2.0])
    lags.observe("one", [9999.0])

    assert {
        'lag_seconds_bucket{le="0.01",pipeline="one"} 2.0',
        'lag_seconds_bucket{le="0.025",pipeline="one"} 2.0',
        'lag_seconds_bucket{le="2.5",pipeline="one"} 3.0',
        'lag_seconds_bucket{le="3600.0",pipeline="one"} 3.0',
        'lag_seconds_bucket{le="+Inf",pipeline="one"} 4.0',
        'lag_seconds_count{pipeline="one"} 4.0',
        'lag_seconds_sum{pipeline="one"} 10001.014',
    } <= _scraped(lags)


def test_pipelines_are_counted_apart_and_none_that_sent_nothing() -> None:
    lags = Lags("lag_seconds", "How long")

    lags.observe("one", [1.0])
    lags.observe("other", [])

    counts = {line for line in _scraped(lags) if line.startswith("lag_seconds_count")}
    assert counts == {'lag_seconds_count{pipeline="one"} 1.0'}
