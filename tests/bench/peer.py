"""The peer: Segment's official client sending the same events. Run with the peer's Python.

``peer.py HOST WRITE_KEY MESSAGES``: MESSAGES holds one Segment message a line, as we send it.
Set up for throughput: large batches, gzip, a queue that holds all.
"""

import json
import sys
from pathlib import Path

from segment.analytics.client import Client


def main(host: str, write_key: str, messages: Path) -> None:
    """Send every message of the file and return once all are flushed."""
    events = [json.loads(line) for line in messages.read_text().splitlines()]
    client = Client(
        write_key, host=host, max_queue_size=len(events) + 1, upload_size=500, gzip=True
    )
    for event in events:
        client.track(
            user_id=event["userId"],
            event=event["event"],
            properties=event["properties"],
            message_id=event["messageId"],
            context=event.get("context"),
        )
    client.flush()
    client.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
