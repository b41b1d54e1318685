"""The captured deliveries, and what the tests map them with."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.contract.tracking import Tracking
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import map_event, parse

FIXTURES = Path(__file__).parents[2] / "fixtures"

PIPELINE = Pipeline.model_validate(
    {
        "id": "5bcfe642-0000-4000-8000-000000000001",
        "saleor": {"apiUrl": "https://shop.example.com/graphql/"},
        "events": list(Event),
        "segment": {"writeKey": "not-a-real-key"},
        "salt": "00112233445566778899aabbccddeeff",
        # The orders of both captures are younger.
        "since": datetime(2026, 11, 1, tzinfo=UTC),
    }
)

Json = dict[str, Any]


def with_options(**tracking: Any) -> Pipeline:
    """Return the pipeline with these options of ``spec.tracking``."""
    return PIPELINE.model_copy(update={"tracking": Tracking.model_validate(tracking)})


@dataclass(frozen=True)
class Captured:
    """A delivery that a real Saleor sent."""

    name: str
    event_name: str
    """As Saleor spells it, which need not be one of ours."""
    body: bytes

    @property
    def event(self) -> Event:
        return Event[self.event_name]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@cache
def captured(folder: str) -> tuple[Captured, ...]:
    """Return every delivery of a capture, by name."""
    return tuple(_read(path) for path in sorted((FIXTURES / "saleor" / folder).glob("*.json")))


def of_our_events(folder: str) -> list[Captured]:
    return [one for one in captured(folder) if one.event_name in Event.__members__]


def _read(path: Path) -> Captured:
    stored = json.loads(path.read_text())
    headers = {name.lower(): value for name, value in stored["request"]["headers"]}
    event = headers["saleor-event"].upper()
    return Captured(path.stem, event, stored["body"].encode())


def refund_series() -> dict[str, list[Captured]]:
    """Return the ORDER_REFUNDED deliveries of each refunded order, as they were issued."""
    refunds = [one for one in of_our_events("webhooks2") if one.event is Event.ORDER_REFUNDED]
    series: dict[str, list[Captured]] = {}
    for one in sorted(refunds, key=lambda one: one.document["issuedAt"]):
        series.setdefault(one.document["order"]["id"], []).append(one)
    return series


def messages_of(
    event: Event,
    body: bytes | Json,
    ledger: LedgerRow | None = None,
    pipeline: Pipeline = PIPELINE,
    epoch: int = 0,
) -> tuple[list[Json], LedgerRow | None]:
    """Map a delivery; return the messages decoded, and the ledger row after it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    mapped = map_event(parse(event, raw), pipeline, ledger, epoch=epoch)
    return [json.loads(message.payload) for message in mapped.messages], mapped.ledger


def message_of(event: Event, body: bytes | Json, pipeline: Pipeline = PIPELINE) -> Json:
    """Map a delivery that makes one message."""
    (message,), _ = messages_of(event, body, pipeline=pipeline)
    return message
