"""Many shops in one process: ``python -m tests.bench.shops COUNT``, until it is interrupted.

Each is a twin on a port of its own. They have one private key, as a new one takes a tenth of a
second; what makes shops different for an operator is their address.
"""

import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack

import uvloop

from tests.twins.saleor import SaleorTwin
from tests.twins.saleor.keys import SigningKey

EMAIL, PASSWORD = "staff@example.com", "password"


async def main(count: int) -> None:
    """Run so many shops, and say where they are."""
    stop, key = asyncio.Event(), SigningKey.generate()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        urls = []
        for seed in range(count):
            shop = await stack.enter_async_context(SaleorTwin(seed=seed, key=key, workers=1))
            shop.staff(EMAIL, PASSWORD)
            urls.append(shop.api_url)
        sys.stdout.write(json.dumps({"event": "shops", "urls": urls}) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
