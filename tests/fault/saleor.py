"""What the faults of Saleor share: a stand whose shop can fail, and deliveries made by hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.data_plane.receiving import PIPELINE_ID, body
from tests.fault.key_sets import FaultyShop
from tests.signing import Signer
from tests.system.serving import KEY, Serving, Stand
from tests.twins.segment import SegmentTwin


@dataclass
class FaultyStand(Stand):
    """A stand whose shop's key set can go wrong."""

    @property
    def keys(self) -> FaultyShop:
        """The shop, as the one that shows the key set."""
        assert isinstance(self.shop, FaultyShop)
        return self.shop


@asynccontextmanager
async def standing(folder: Path, signer: Signer) -> AsyncIterator[FaultyStand]:
    """Have shop and Segment up, and a file with one Pipeline."""
    async with (
        FaultyShop(signer).serving() as shop,
        SegmentTwin(keys=[KEY]) as segment,
        aiohttp.ClientSession() as client,
    ):
        stand = FaultyStand(folder, shop, segment, client)
        stand.write()
        yield stand


def issued(ago: timedelta = timedelta(0)) -> str:
    """Return the moment so long ago, or before us, as Saleor writes it."""
    return (datetime.now(UTC) - ago).isoformat()


def order(order_id: str, **changes: Any) -> bytes:
    """Return the body of an order's creation now; ``changes`` replace whole fields."""
    told = {"issuedAt": issued(), "order": {"id": order_id, "lines": []}}
    return body(**(told | changes))


async def deliver(
    serving: Serving, signature: str, data: bytes, *, event: str = "order_created", **headers: str
) -> tuple[int, str]:
    """Post a delivery; return the status and the error code in the answer, if any."""
    sent = {"Content-Type": "application/json", "Saleor-Signature": signature}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"{serving.url}/webhooks/{PIPELINE_ID}/{event}"
    async with serving.stand.client.post(url, data=data, headers=sent) as response:
        text = await response.text()
        return response.status, orjson.loads(text)["error"] if text.startswith("{") else ""
