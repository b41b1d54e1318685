"""Deliveries one after the other through the mapping, as the server would take them, in memory."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from saleor_segment_operator.cli.preview_fields import Differences, differences
from saleor_segment_operator.cli.preview_samples import Sample, printable
from saleor_segment_operator.resource import Spec
from saleor_segment_server.contract import (
    Pipeline,
    PipelineState,
    SaleorSource,
    SegmentTarget,
    permissions,
    subscribed,
)
from saleor_segment_server.delivery import Delivery, Verified, accept_key, objection
from saleor_segment_server.errors import Unmappable
from saleor_segment_server.ledger import LedgerRow
from saleor_segment_server.mapping import ledger_keys, map_event, parse
from saleor_segment_server.mapping.event import event_fields
from saleor_segment_server.mapping.silence import why_nothing
from saleor_segment_server.mapping.where import located
from saleor_segment_server.message import Message

_SALT = "70726576696577" + "0" * 18
_ID = str(uuid.UUID(int=0))
NOTE = (
    "messageId, anonymousId and hashed emails are made with the salt of this preview: "
    "an installation has one of its own"
)
"""What is not as it would be sent."""


@dataclass(frozen=True, slots=True)
class Previewed:
    """What a delivery would become."""

    sample: Sample
    messages: tuple[Message, ...]
    why: str | None
    """Why nothing is sent; ``None``: something is."""
    remark: str | None
    """What may keep it from being sent all the same."""
    fields: Differences
    unmappable: str | None = None
    """Why it cannot become a message, and would become a dead letter."""

    def document(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "file": self.sample.file,
            "event": self.sample.event,
            "messages": [orjson.loads(message.payload) for message in self.messages],
            "nothingIsSent": self.why,
            "cannotBeMapped": self.unmappable,
            "remark": self.remark,
            "fields": self.fields._asdict(),
        }


def pipeline_of(spec: Spec, *, since: datetime | None) -> Pipeline:
    """Return the Pipeline that the preview maps with; it needs no Secret and no shop."""
    return Pipeline(
        id=_ID,
        saleor=SaleorSource(api_url=spec.saleor.api_url, public_url=spec.saleor.public_url),
        events=subscribed(spec.events, spec.tracking),
        segment=SegmentTarget(endpoint=spec.segment.base_url),
        tracking=spec.tracking,
        salt=_SALT,
        since=since,
        state=PipelineState.PAUSED,
    )


class Previewer:
    """A pipeline that sends nothing, and what it remembers."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._held = permissions(pipeline.events)
        self._rows: dict[str, LedgerRow] = {}
        self._accepted: dict[bytes, str] = {}

    def take(self, sample: Sample) -> Previewed:
        """Map one delivery with what the earlier ones left."""
        remark, fields = self._remark(sample), self._differences(sample)
        try:
            messages, why = self._mapped(sample)
        except Unmappable as error:
            return Previewed(sample, (), None, remark, fields, located(error, sample.body))
        return Previewed(sample, messages, why, remark, fields)

    def _mapped(self, sample: Sample) -> tuple[tuple[Message, ...], str | None]:
        if (refused := self._refused(sample)) is not None:
            return (), refused
        parsed = parse(sample.event, sample.body)
        keys = ledger_keys(parsed, self._pipeline)
        order, user = self._rows.get(keys.order or ""), self._rows.get(keys.user or "")
        mapped = map_event(parsed, self._pipeline, order, user=user)
        for key, row in zip(keys, (mapped.ledger, mapped.user), strict=True):
            if key is not None and row is not None:
                self._rows[key] = row
        if mapped.messages:
            return mapped.messages, None
        return (), why_nothing(parsed, self._pipeline, order)

    def _refused(self, sample: Sample) -> str | None:
        """Say why the delivery would not be mapped at all."""
        if sample.event not in self._pipeline.events:
            return f"{sample.event} is not among spec.events"
        key = accept_key(self._pipeline.id, sample.event, sample.body)
        if (first := self._accepted.get(key)) is not None:
            return f"it is the same delivery as {first}, which is accepted once"
        self._accepted[key] = sample.file
        verified = Verified(Delivery(_ID, sample.event, sample.body, "", None), "")
        return objection(verified, self._pipeline, now=0, max_age=float("inf"))

    def _remark(self, sample: Sample) -> str | None:
        """Say whether it seems another shop's: what a shop calls itself need not be in the spec."""
        claimed, found = self._pipeline.saleor.claimed_api_url, sample.api_url
        if found is None or found.lower() == claimed.lower():
            return None
        return (
            f"it came from {printable(found)}, not {claimed}: it is sent only if that is what the "
            "shop calls itself"
        )

    def _differences(self, sample: Sample) -> Differences:
        try:
            fields = event_fields(sample.event, orjson.loads(sample.body))
        except Unmappable:  # which is told, and says more than a list of all fields
            return Differences((), (), ())
        return differences(fields, sample.event, self._pipeline.tracking, self._held)
