"""Maps delivery after delivery with what is remembered, as the forwarder does, in memory."""

import json
from dataclasses import dataclass, field

from saleor_segment_server.contract import Event, Pipeline
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import ledger_keys, map_event, parse
from saleor_segment_server.message import Message
from tests.data_plane.mapping.deliveries import PIPELINE, Json


@dataclass
class Forwarded:
    """A pipeline, and what its events became."""

    pipeline: Pipeline = PIPELINE
    rows: dict[str, LedgerRow] = field(default_factory=dict)
    sent: list[Json] = field(default_factory=list)

    def take(self, event: Event, body: bytes | Json) -> list[Json]:
        """Map one delivery; return its messages, decoded."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        messages = [json.loads(message.payload) for message in self.map(event, raw)]
        self.sent += messages
        return messages

    def map(self, event: Event, body: bytes) -> tuple[Message, ...]:
        """Map one delivery; return its messages as they are sent."""
        parsed = parse(event, body)
        keys = ledger_keys(parsed, self.pipeline)
        order = self.rows.get(keys.order or "")
        user = self.rows.get(keys.user or "")
        mapped = map_event(parsed, self.pipeline, order, user=user)
        for key, row in zip(keys, (mapped.ledger, mapped.user), strict=True):
            if row is not None:
                assert key is not None, "a row changed that plays no part"
                self.rows[key] = LedgerRow.from_json(row.to_json())
        return mapped.messages

    def names(self, event: Event, body: bytes | Json) -> list[str]:
        """Map one delivery; return what its messages are called, or their type."""
        messages = self.take(event, body)
        return [str(message.get("event", message["type"])) for message in messages]
