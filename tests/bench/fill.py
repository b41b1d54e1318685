"""Fills a journal as a receiver would.

``python -m tests.bench.fill PIPELINE FOLDER COUNT MESSAGES``: PIPELINE is a file with a Pipeline as
JSON. The messages that the forwarder will make of it go to the file MESSAGES, one a line, so that
another client can send the very same.
"""

import argparse
import asyncio
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import uvloop

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.delivery import Entry, accept_key
from saleor_segment_server.journal import Limits, SqliteJournal
from saleor_segment_server.mapping import map_event, parse
from tests.bench.deliveries import bodies
from tests.bench.subjects import APP_ID

EVENT = Event.ORDER_CREATED
AT_ONCE = 500


def entries(pipeline: Pipeline, count: int) -> Iterator[Entry]:
    """Yield as many distinct deliveries of one event."""
    issued_at = datetime.now(UTC).isoformat()
    for body in bodies(range(count), issued_at=issued_at, app_id=APP_ID):
        key = accept_key(pipeline.id, EVENT, body)
        yield Entry(key, pipeline.id, EVENT, body, received_at=time.time())


async def main(pipeline: Pipeline, folder: Path, count: int, messages: Path) -> None:
    """Accept the deliveries, and write down what becomes of them."""
    waiting = entries(pipeline, count)
    journal = SqliteJournal(folder / "journal.db", limits=Limits(), clock=time.time)
    with messages.open("wb") as lines:
        async with journal:
            while group := list(islice(waiting, AT_ONCE)):
                await asyncio.gather(*map(journal.accept, group))
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
    parser.add_argument("messages", type=Path)
    given = parser.parse_args()
    held = Pipeline.model_validate_json(given.pipeline.read_bytes())
    uvloop.run(main(held, given.folder, given.count, given.messages))
