"""A shop, a Segment and a file of manifests, around ``saleor-segment run`` in this very process."""

import asyncio
import functools
import io
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from saleor_segment_operator import errors as operator_errors
from saleor_segment_operator.standalone import RunSettings
from saleor_segment_operator.standalone.run import run_standalone
from saleor_segment_server import errors as server_errors
from tests.agreement.layout import ROOT
from tests.twins.saleor import SaleorTwin
from tests.twins.saleor.keys import SigningKey
from tests.twins.segment import SegmentTwin

EXAMPLES = ROOT / "examples/standalone"
KEY, NEXT_KEY = "planted-first-key".ljust(32, "k"), "planted-next-key".ljust(32, "k")
EMAIL, PASSWORD = "planted@example.com", "planted-password"
PLANTED = "planted"
"""In every secret: what is printed or logged must not hold it."""

START_ERRORS = (operator_errors.StartError, server_errors.StartError)

_MIB = 2**20
_SECONDS = 15.0


class Talker(Protocol):
    """Something whose lines can be waited for."""

    async def said(self, test: Callable[[str], bool], *, since: int = 0) -> str:
        """Wait for a line that passes ``test``."""


async def condition(
    talker: Talker, name: str, status: str, *, reason: str = "", since: int = 0
) -> str:
    """Wait until a condition is printed; return its message."""
    words = [name, status, *([reason] if reason else [])]
    line = await talker.said(lambda line: line.split()[2 : 2 + len(words)] == words, since=since)
    return line.split(maxsplit=5)[-1]


class Run(io.StringIO):
    """``run_standalone`` as a task, read by the line."""

    def __init__(self, settings: RunSettings) -> None:
        super().__init__()
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(run_standalone(settings, self._stop, out=self))
        self.task.add_done_callback(lambda _: self._news.set())

    def write(self, text: str) -> int:
        self._news.set()
        return super().write(text)

    @property
    def lines(self) -> list[str]:
        """What it printed so far."""
        return self.getvalue().splitlines()

    async def said(self, test: Callable[[str], bool], *, since: int = 0) -> str:
        async with asyncio.timeout(_SECONDS):
            while True:
                self._news.clear()
                for line in self.lines[since:]:
                    if test(line):
                        return line
                if self.task.done():
                    raise AssertionError("it ended") from self.task.exception()
                await self._news.wait()

    async def end(self) -> None:
        """Stop it as a signal would, and wait until it has drained."""
        self._stop.set()
        async with asyncio.timeout(_SECONDS):
            await self.task


@dataclass
class Stand:
    """What stands around it."""

    folder: Path
    saleor: SaleorTwin
    segment: SegmentTwin
    documents: list[dict[str, Any]] = field(default_factory=list)

    def load(self, name: str) -> None:
        """Take an example, pointed at the twins and with credentials that work."""
        self.documents = list(yaml.safe_load_all((EXAMPLES / name).read_text()))
        self.spec["saleor"]["apiUrl"] = self.saleor.api_url
        self.spec["segment"].pop("region", None)
        self.spec["segment"]["endpoint"] = self.segment.url
        self.secret("segment")["writeKey"] = KEY

    @property
    def spec(self) -> dict[str, Any]:
        """The integration's spec, to be changed."""
        spec: dict[str, Any] = self.documents[0]["spec"]
        return spec

    @property
    def secrets(self) -> list[dict[str, Any]]:
        """The manifests without the integration."""
        return self.documents[1:]

    def secret(self, name: str) -> dict[str, str]:
        """What a Secret says, to be changed."""
        found: dict[str, str] = next(
            document["stringData"]
            for document in self.secrets
            if document["metadata"]["name"] == name
        )
        return found

    @property
    def file(self) -> Path:
        """The file of manifests."""
        return self.folder / "in.yaml"

    def save(self, documents: list[dict[str, Any]] | None = None) -> None:
        """Write the manifests, all unless others are given."""
        fresh = self.file.with_suffix(".new")
        text = yaml.safe_dump_all(self.documents if documents is None else documents)
        fresh.write_text(f"# manifests\n{text}")
        fresh.replace(self.file)

    def settings(self, **changes: Any) -> RunSettings:
        """What it is told."""
        told: dict[str, Any] = {
            "files": [self.file],
            "data_dir": self.folder / "data",
            "listen": "127.0.0.1:0",
            "private_listen": "127.0.0.1:0",
            "ballast": _MIB,
        }
        return RunSettings(**(told | changes))

    @asynccontextmanager
    async def running(self, **changes: Any) -> AsyncIterator[Run]:
        """Run it, and drain it at the end."""
        run = Run(self.settings(**changes))
        try:
            yield run
        finally:
            await run.end()

    async def refused(self, **changes: Any) -> str:
        """Run it on what it cannot run on; return the line that says so."""
        try:
            await asyncio.wait_for(
                run_standalone(self.settings(**changes), asyncio.Event(), out=io.StringIO()), 5
            )
        except START_ERRORS as error:
            line = str(error)
        assert "\n" not in line
        assert PLANTED not in line
        return line

    def order(self) -> str:
        """Place an order; return its id."""
        return self.saleor.shop.place_order().id

    def arrived(self, *, key: str | None = None) -> set[str]:
        """Return the orders that Segment has messages of, with this write key."""
        return {
            message["properties"]["order_id"]
            for message in self.segment.inbox.messages()
            if message["type"] == "track" and key in {None, message["writeKey"]}
        }

    async def arrives(self, *orders: str, key: str | None = None) -> None:
        """Wait until Segment has messages of these orders, with this write key."""
        async with asyncio.timeout(_SECONDS):
            while not self.arrived(key=key) >= set(orders):
                await self.segment.inbox.until(len(self.segment.inbox) + 1, seconds=_SECONDS)

    def webhooks(self) -> list[bool]:
        """Return of each webhook whether it is active."""
        return [hook.is_active for hook in self.saleor.state.apps.webhooks()]


@asynccontextmanager
async def standing(
    folder: Path,
    *,
    version: str = "3.23.28",
    shop_url: str | None = None,
    time_scale: float = 20,
    **shop: Any,
) -> AsyncIterator[Stand]:
    """Put up a stand with the first example.

    Args:
        folder: Where its files lie.
        version: Saleor's version.
        shop_url: What Saleor calls itself.
        time_scale: Shortens the shop's retries.
        shop: What else the shop's twin is told.
    """
    async with (
        SaleorTwin(
            version=version,
            time_scale=time_scale,
            key=_signing_key(),
            public_url=shop_url,
            **shop,
        ) as saleor,
        SegmentTwin(keys=[KEY, NEXT_KEY]) as segment,
    ):
        saleor.staff(EMAIL, PASSWORD)
        stand = Stand(folder, saleor, segment)
        stand.load("integration.yaml")
        stand.secret("saleor-staff").update(email=EMAIL, password=PASSWORD)
        stand.save()
        yield stand


@functools.cache
def _signing_key() -> SigningKey:
    """Return a key for all shops: to make one takes a tenth of a second."""
    return SigningKey.generate()


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
