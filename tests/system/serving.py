"""A server as a process, between a shop that signs and Segment's twin."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.data_plane.receiving import APP_ID, PIPELINE_ID, Shop
from tests.signing import Signer
from tests.system.programs import Program, saleor_segment
from tests.twins.segment import SegmentTwin

KEY, NEXT_KEY = "k" * 32, "n" * 32


def document(stand: "Stand", *, key: str | None = KEY, **changes: Any) -> dict[str, Any]:
    """Return a Pipeline as the file holds it; ``changes`` replace whole top-level fields."""
    return {
        "id": PIPELINE_ID,
        "saleor": {"apiUrl": stand.shop.url + "/graphql/", "appIds": [APP_ID]},
        "events": ["ORDER_CREATED"],
        "segment": {"endpoint": stand.segment.url} | ({"writeKey": key} if key else {}),
        "salt": "00112233445566778899aabbccddeeff",
        "state": "Active",
    } | changes


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery that is ready to be posted."""

    order_id: str
    body: bytes
    signature: str


@dataclass
class Stand:
    """A shop, a Segment and a file of Pipelines, around a server that comes and goes."""

    folder: Path
    shop: Shop
    segment: SegmentTwin
    client: aiohttp.ClientSession
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**6)))
    acknowledged: set[str] = field(default_factory=set)
    """Orders of which the server said 200."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that the server sees besides ours."""
    before: Sequence[str] = ()
    """A command that runs the server, in its own place."""

    @classmethod
    @asynccontextmanager
    async def up(cls, folder: Path, signer: Signer) -> AsyncIterator["Stand"]:
        """Have shop and Segment up, and a file with one Pipeline."""
        async with (
            Shop(signer).serving() as shop,
            SegmentTwin(keys=[KEY]) as segment,
            aiohttp.ClientSession() as client,
        ):
            stand = cls(folder, shop, segment, client)
            stand.write()
            yield stand

    @property
    def file(self) -> Path:
        return self.folder / "pipelines.yaml"

    def write(self, *, key: str | None = KEY, **changes: Any) -> None:
        """Have the file hold one Pipeline."""
        self.write_all(document(self, key=key, **changes))

    def write_all(self, *documents: dict[str, Any]) -> None:
        """Have the file hold these Pipelines."""
        self.file.write_text(yaml.safe_dump({"pipelines": list(documents)}))

    def arguments(self) -> list[str]:
        return [
            *("serve", "--pipelines", str(self.file), "--data-dir", str(self.folder / "data")),
            *("--listen", "127.0.0.1:0", "--private-listen", "127.0.0.1:0"),
            *("--allow-loopback", "--ballast", "1Mi"),
        ]

    def program(self, *more: str) -> Program:
        """Return the server as a program, whether it can start or not."""
        return saleor_segment(
            *self.arguments(), *more, environment=self.environment, before=self.before
        )

    @asynccontextmanager
    async def serving(self, *more: str) -> AsyncIterator["Serving"]:
        """Run the server; ``more`` are further flags."""
        async with self.program(*more) as program:
            told = await program.logged("listening")
            yield Serving(self, program, told["public"], told["private"])

    def letter(self, signer: Signer, *, padding: int = 0) -> "Letter":
        """Return the creation of one more order, signed; ``padding`` are bytes besides."""
        order_id = f"order-{next(self.numbers)}"
        body = (
            f'{{"__typename": "OrderCreated", "issuedAt": "{datetime.now(UTC).isoformat()}",'
            f' "recipient": {{"id": "{APP_ID}"}}, "padding": "{"x" * padding}",'
            f' "order": {{"id": "{order_id}", "lines": []}}}}'
        ).encode()
        return Letter(order_id, body, signer.sign(body))

    def arrived(self) -> set[str]:
        """Return the orders that Segment holds."""
        return {m["properties"]["order_id"] for m in self.segment.inbox.messages()}


@dataclass
class Serving:
    """A server that runs."""

    stand: Stand
    program: Program
    url: str
    private: str

    async def order(self, signer: Signer, pipeline: str = PIPELINE_ID, *, padding: int = 0) -> int:
        """Deliver the creation of one more order; remember it if it was acknowledged."""
        return await self.deliver(self.stand.letter(signer, padding=padding), pipeline)

    async def deliver(self, letter: "Letter", pipeline: str = PIPELINE_ID) -> int:
        """Deliver what is signed already; remember its order if it was acknowledged."""
        headers = {"Content-Type": "application/json", "Saleor-Signature": letter.signature}
        url = f"{self.url}/webhooks/{pipeline}/order_created"
        async with self.stand.client.post(url, data=letter.body, headers=headers) as response:
            if response.status == 200:
                self.stand.acknowledged.add(letter.order_id)
            return response.status

    async def reports(self) -> dict[str, dict[str, Any]]:
        """Return what the server reports, by Pipeline."""
        async with self.stand.client.get(f"{self.private}/internal/v1/pipelines") as response:
            return {each["id"]: dict(each) for each in (await response.json())["pipelines"]}

    async def report(self) -> dict[str, Any]:
        """Return what it reports of the one Pipeline."""
        (report,) = (await self.reports()).values()
        return report

    async def ready(self) -> int:
        """Return the status of the readiness probe."""
        async with self.stand.client.get(f"{self.private}/readyz") as response:
            return response.status

    async def metrics(self) -> str:
        """Return the metrics as text."""
        async with self.stand.client.get(f"{self.private}/metrics") as response:
            return await response.text()
