"""Fills a journal by its own store, without the door in front of it.

``python -m tests.bench.fill PIPELINE FOLDER COUNT``: PIPELINE is a file with a Pipeline as JSON.
With ``--messages FILE`` the messages that the forwarder will make of it are written down, one a
line, so that another client can send the very same.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.delivery import Entry, accept_key
from saleor_segment_server.journal import Limits
from saleor_segment_server.journal.opening import opened
from saleor_segment_server.mapping import map_event, parse
from tests.bench.deliveries import bodies
from tests.bench.subjects import APP_ID

EVENT = Event.ORDER_CREATED
AT_ONCE = 500
NO_BOUND = 2**40
"""Bytes: a backlog may be larger than what a shop may have by default."""


def entries(pipeline: Pipeline, count: int) -> Iterator[Entry]:
    """Yield as many distinct deliveries of one event."""
    issued_at = datetime.now(UTC).isoformat()
    for body in bodies(range(count), issued_at=issued_at, app_id=APP_ID):
        key = accept_key(pipeline.id, EVENT, body)
        yield Entry(key, pipeline.id, EVENT, body, received_at=time.time())


def main(pipeline: Pipeline, folder: Path, count: int, messages: Path | None) -> None:
    """Store the deliveries, and write down what becomes of them."""
    waiting = entries(pipeline, count)
    limits = Limits(quota=NO_BOUND, size=NO_BOUND)
    with opened(folder / "journal.db", limits=limits, clock=time.time) as store:
        while group := list(islice(waiting, AT_ONCE)):
            with store.transaction():
                store.accept(group)
            if messages is not None:
                with messages.open("ab") as lines:
                    lines.writelines(_lines(pipeline, group))


def _lines(pipeline: Pipeline, group: Iterable[Entry]) -> Iterator[bytes]:
    for entry in group:
        for message in map_event(parse(EVENT, entry.body), pipeline, None).messages:
            yield message.payload + b"\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fill")
    parser.add_argument("pipeline", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("count", type=int)
    parser.add_argument("--messages", type=Path)
    given = parser.parse_args()
    held = Pipeline.model_validate_json(given.pipeline.read_bytes())
    main(held, given.folder, given.count, given.messages)
