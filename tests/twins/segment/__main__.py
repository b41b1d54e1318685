"""Run the twin by itself: ``python -m tests.twins.segment --listen 127.0.0.1:8099 --key KEY``."""

import argparse
import asyncio
import signal
import sys

import uvloop

from tests.twins.segment.twin import SegmentTwin


async def main(arguments: argparse.Namespace) -> None:
    host, _, port = arguments.listen.rpartition(":")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    twin = SegmentTwin(
        keys=arguments.key,
        region=arguments.region,
        host=host,
        port=int(port),
        keep=not arguments.counting,
    )
    async with twin:
        sys.stdout.write(f"Segment twin listens on {twin.url}\n")
        sys.stdout.flush()
        await stop.wait()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.twins.segment", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:0", metavar="HOST:PORT")
    parser.add_argument("--key", action="append", default=[], help="a write key that is known")
    parser.add_argument("--region", choices=("us", "eu"), default="us")
    parser.add_argument("--counting", action="store_true", help="count messages, keep none")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(parse()))
