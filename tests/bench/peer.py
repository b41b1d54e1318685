"""The peer: Segment's official client sending the same messages. Run with the peer's Python.

``peer.py HOST WRITE_KEY MESSAGES``: MESSAGES holds one Segment message a line, as we send it.
Set up for throughput: large batches, gzip, a queue that holds all.
"""

import json
import sys
from datetime import datetime
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
            user_id=event.get("userId"),
            anonymous_id=event.get("anonymousId"),
            event=event["event"],
            properties=event["properties"],
            timestamp=datetime.fromisoformat(event["timestamp"]),
            message_id=event["messageId"],
            context=event["context"],
        )
    client.flush()
    client.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
