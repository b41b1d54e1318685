"""The status of an integration: what the operator found and did."""

from typing import Any

from pydantic import AwareDatetime, Field, ValidationError

from saleor_segment_operator.resource.conditions import Condition, ConditionType
from saleor_segment_server.contract import Event
from saleor_segment_server.contract.model import Model


class WebhookStatus(Model):
    """A webhook of ours in Saleor."""

    event: Event
    """The event it is for."""
    id: str
    """Its global id in Saleor."""
    active: bool
    """Whether Saleor delivers to it."""


class SaleorStatus(Model):
    """What stands for the integration in Saleor."""

    version: str | None = None
    """Saleor's version, as in ``3.23.28``."""
    app_id: str | None = None
    """The app's global id."""
    app_name: str | None = None
    """The app's name in the dashboard."""
    webhooks: tuple[WebhookStatus, ...] = ()
    """Our webhooks, in the order of ``spec.events``."""


class SegmentStatus(Model):
    """Where events go."""

    endpoint: str | None = None
    """Base of the Tracking API in use."""
    write_key_fingerprint: str | None = None
    """First 8 hex digits of SHA-256 of a secret salt and the write key: tells keys apart, and
    nothing else about them."""
    rotated_at: AwareDatetime | None = None
    """When another write key was last taken into use."""


class DeliveryStatus(Model):
    """Totals over all servers; absent while one of them cannot be asked."""

    pending: int
    """Events accepted and not yet sent."""
    dead_lettered: int
    """Events that could not be sent and are kept for a person to look at."""
    oldest_pending_since: AwareDatetime | None = None
    """When the oldest event that waits was accepted."""
    last_delivered_at: AwareDatetime | None = None
    """When Segment last accepted a batch."""


class Status(Model):
    """The status subresource."""

    observed_generation: int | None = None
    """The generation the operator last acted on."""
    last_handled_reconcile_at: str | None = None
    """The last ``saleor-segment.io/reconcile-at`` annotation that was obeyed."""
    webhook_url: str | None = None
    """Base of the URLs that Saleor calls; the event's name is appended."""
    conditions: tuple[Condition, ...] = ()
    """One per type."""
    saleor: SaleorStatus = Field(default_factory=SaleorStatus)
    """What stands for the integration in Saleor."""
    segment: SegmentStatus = Field(default_factory=SegmentStatus)
    """Where events go."""
    delivery: DeliveryStatus | None = None
    """Totals over all servers."""

    @classmethod
    def parse(cls, document: Any) -> "Status":
        """Read a stored status; one of another version counts as none, and is written anew."""
        try:
            return cls.model_validate(document or {})
        except ValidationError:
            return cls()

    def document(self) -> dict[str, Any]:
        """Return it as plain data, absent values left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)

    def condition(self, name: ConditionType) -> Condition | None:
        """Return the condition of this type."""
        return next((found for found in self.conditions if found.type is name), None)
