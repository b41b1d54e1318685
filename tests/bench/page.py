"""The report as files: docs/benchmarks.md, its pictures, and every number as JSON."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench.machine import machine
from tests.bench.plots import plot_ratios, plot_series
from tests.bench.report import Profile, Report

HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. It needs Linux and two cores, takes about half an hour, and
leaves out what runs in a cluster where there is no control plane (`make control-plane`).

## How to read it

Every round measures ours and what it is compared with one after the other, in turns as to which
goes first; a **ratio** is ours divided by the other in the same round. Each number is the median of
the rounds, with the lowest and the highest. Of times and costs less is better, so is their ratio.
Rates depend on the machine; ratios hardly do.

What is measured runs on one core, whatever drives it or takes its messages on the other. Nothing is
mocked: real sockets, real signatures, a real file on a disk that is waited for.

- **receiver**: deliveries per second that are verified, judged, durable and answered 200, sent over
  so many connections with one request in flight on each. The *floor* is a receiver of the same
  libraries without our code: aiohttp on uvloop, the same verification, one SQLite row for each
  delivery, committed in groups. It has no limits, no routing by integration and parses nothing.
- **journal**: events per second through the journal by itself, 64 accepted at once, then 500 taken
  and settled at once. *Plain SQLite* is a table of keys and one of bodies, written by the
  thread that asks: no pipelines, states, counts, quotas or bounds, and no event loop to keep free.
- **forwarder**: messages per second from a full journal through the mapping into Segment's twin;
  `segment-analytics-python` sends the very same messages from memory, set up for throughput. The
  *floor* is written straight with the same libraries for this one payload: rows of SQLite, one
  literal from order to message, batches, gzip, the rows deleted in a transaction. It has no
  options, checks nothing, adds up rounded floats, tries nothing again and keeps no key of an event;
  its messages are ours to the byte.
- **backlog**: the same with many more events, watching the memory of the server. It is judged after
  the first three seconds: half of what lies between least and most.
- **end to end**: deliveries are sent over 64 connections to a server that forwards them meanwhile,
  until Segment's twin has the last message; against the time that the receiver's floor takes for
  the same deliveries and the forwarder's floor for what is in them, one after the other.
- **idle latency**: from the first byte of a delivery, on a new connection, until Segment's twin has
  its message; one at a time.
- **aiohttp as client**: why batches are sent with it.

The rest runs against a real API server (etcd, kube-apiserver and kube-controller-manager on the
same machine), with the chart's own rights and on all cores: the control plane and the shops take
their part of them.

- **cold start**: from the start of a process until `/readyz` answers 200, beside what Python takes
  to import the library that weighs most. It is how long a rollout or a new leader takes.
- **Secret change in use**: from the API server's answer to a changed write key until the server
  sends with it, one change at a time. Segment's CDN is not asked about the key; in real life that
  takes as long as its answer does.
- **integrations**: so many are applied at once, each with two Secrets and a shop of its own, until
  all are Ready. The *API calls* are all that the operator makes meanwhile, by the audit log; *idle*
  ones are what it makes once nothing happens, for as long as a resync, in which each integration is
  compared with its shop once.
"""

LEARNT = """\
## Where the time goes

Processor time of the event loop by module, sampled every few milliseconds of it in a round of its
own. Time in C counts where Python called it. The journal's thread, and those that compress batches,
are not in it: what they cost stands above.

In the receiver the floor pays for HTTP, the signature and the hand-over to the journal as well;
judging the body and counting come on top, aiohttp's router and its answers come off. In the
forwarder nearly all is the mapping.
"""

DOES = {
    "aiohttp": "HTTP, in and out",
    "asyncio": "tasks and timeouts; what uvloop does by itself",
    "prometheus_client": "counting",
    "yarl": "the address of a request",
    "acknowledgement": "the answer to a delivery",
    "app": "the answer to what is refused",
    "bodies": "what bodies take in memory",
    "connections": "who waits and who is answered",
    "contract": "the integration and its events",
    "delivery": "decoding and judging the body, its accept key (SHA-256)",
    "forwarder": "windows: taking, mapping, sending, settling",
    "journal": "handing over to the journal's thread and back",
    "jwks": "finding the key",
    "mapping": "from an order to a message: decoding, checking, money, encoding",
    "message": "messages, encoded",
    "metrics": "counting",
    "receiver": "headers, the order of the steps",
    "segment": "batches: encoding, compressing small ones, HTTP",
    "signature": "the detached JWS: RSA, in C",
}
"""What our modules and the libraries do there."""


def write(folder: Path, report: Report, *, disk: Path) -> Path:
    """Write bench/ and benchmarks.md to a folder; return the page's path.

    Args:
        folder: Where to.
        report: What was found.
        disk: A folder on the disk that the journals lay on.
    """
    data = folder / "bench"
    data.mkdir(parents=True, exist_ok=True)
    for old in data.glob("*.svg"):
        old.unlink()
    on = machine(disk)
    results = {"machine": on, **asdict(report)}
    (data / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    plot_ratios(data / "ratios.svg", [m for m in report.measures if m.other and m.more_is_better])
    for name, points in report.series.items():
        plot_series(data / f"{name}.svg", name, points)
    page = folder / "benchmarks.md"
    page.write_text("\n".join(_lines(report, on)).rstrip() + "\n")
    return page


def _lines(report: Report, on: str) -> Iterator[str]:
    yield HEAD
    yield "## Results\n"
    yield f"{on}\n"
    yield "| what | ours | against | ratio | target |\n| --- | --- | --- | --- | --- |"
    yield from (measure.row() for measure in report.measures)
    yield ""
    yield from (f"- **{m.name}**: {m.notes}" for m in report.measures if m.notes)
    yield from (f"- **{name}** was not measured: {why}" for name, why in report.skipped.items())
    yield "\n![Ratios](bench/ratios.svg)\n"
    yield from (f"![{name}](bench/{name}.svg)\n" for name in report.series)
    yield LEARNT
    for name, profile in report.profiles.items():
        yield f"### {name}\n"
        yield from _shares(profile)
        yield ""


def _shares(profile: Profile) -> Iterator[str]:
    """Yield a table of modules, as far as they matter."""
    seen: Counter[str] = Counter()
    for place, count in profile.items():
        seen[_module(place)] += count
    yield "| share | module | what it does |\n| --- | --- | --- |"
    total = seen.total()
    for module, count in seen.most_common():
        if count / total < 0.01:
            break
        yield f"| {count / total:.0%} | {module} | {DOES.get(module, '')} |"


def _module(place: str) -> str:
    module = place.partition(":")[0]
    return module.removeprefix("saleor_segment_server.").partition(".")[0]
