"""Segment's official client, sending one of everything. Run with the peer's Python.

``official_client.py HOST WRITE_KEY TRACKS [gzip]`` prints the errors it was told of, a line each.
"""

import sys
from datetime import UTC, datetime

from segment.analytics.client import Client


def main(host: str, write_key: str, tracks: int, *, gzip: bool) -> None:
    client = Client(write_key, host=host, gzip=gzip, upload_interval=0.1, on_error=report)
    client.identify("user-1", {"email": "buyer@example.com"})
    client.page("user-1", "Shop", "Cart")
    client.screen("user-1", "App", "Cart")
    client.group("user-1", "company-1", {"name": "Company"})
    client.alias("anonymous-1", "user-1")
    for number in range(tracks):
        client.track(
            user_id=f"user-{number}",
            event="Order Completed",
            properties={"order_id": f"order-{number}", "total": 27.5, "note": "żółć"},
            message_id=f"message-{number}",
            timestamp=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        )
    client.flush()
    client.shutdown()


def report(error: Exception, _: object) -> None:
    sys.stdout.write(f"{error}\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), gzip="gzip" in sys.argv[4:])
