"""``python -m tests.twins.saleor``: the twin as a process, until it is interrupted."""

import argparse
import asyncio
import signal
import sys

from tests.twins.saleor.twin import SaleorTwin


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.twins.saleor", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    parser.add_argument("--public-url", help="the origin it calls itself; default: as it listens")
    parser.add_argument("--version", default="3.23.28", help="the Saleor version it behaves like")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same shop")
    parser.add_argument("--time-scale", type=float, default=1.0, help="shortens retry delays")
    parser.add_argument("--staff", default="staff@example.com:password", metavar="EMAIL:PASSWORD")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    host, _, port = arguments.listen.rpartition(":")
    email, _, password = arguments.staff.partition(":")
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with SaleorTwin(
        version=arguments.version,
        seed=arguments.seed,
        time_scale=arguments.time_scale,
        host=host,
        port=int(port),
        public_url=arguments.public_url,
    ) as saleor:
        saleor.staff(email, password)
        sys.stdout.write(f"saleor {arguments.version} at {saleor.api_url}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
