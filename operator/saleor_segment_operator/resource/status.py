"""The status of an integration: what the operator found and did."""

from typing import Annotated, Any

from pydantic import AwareDatetime, Field, ValidationError

from saleor_segment_operator.resource.conditions import Condition, ConditionType
from saleor_segment_operator.resource.text import Address, Prose, Short
from saleor_segment_server.contract import Event
from saleor_segment_server.contract.model import Model

Count = Annotated[int, Field(ge=0)]


class WebhookStatus(Model):
    """A webhook of ours in Saleor."""

    event: Event
    """The event it is for."""
    id: Short
    """Its global id in Saleor."""
    active: bool
    """Whether it is enabled in Saleor, so that deliveries come."""


class SaleorStatus(Model):
    """What stands for the integration in Saleor."""

    version: Short | None = None
    """Saleor's version, as in ``3.23.28``."""
    app_id: Short | None = None
    """The app's global id in Saleor."""
    app_name: Short | None = None
    """The app's name in Saleor's dashboard."""
    webhooks: tuple[WebhookStatus, ...] = ()
    """The operator's webhooks, one per event, in the order of ``spec.events``."""


class SegmentStatus(Model):
    """Where events go."""

    endpoint: Address | None = None
    """Base address of the Tracking API in use."""
    write_key_fingerprint: Short | None = None
    """First 8 hex digits of SHA-256 of a secret salt and the write key: tells keys apart, and
    nothing else about them."""
    rotated_at: AwareDatetime | None = None
    """When another write key was last taken into use."""


class DeliveryStatus(Model):
    """Totals over all servers; absent while one of them cannot be asked."""

    pending: Count
    """How many events are accepted and not yet sent."""
    dead_lettered: Count
    """How many events could not be sent and are kept for a person to look at."""
    oldest_pending_since: AwareDatetime | None = None
    """When the oldest event that still waits was accepted."""
    last_delivered_at: AwareDatetime | None = None
    """When Segment last accepted a batch."""


class RecoveryStatus(Model):
    """What became of deliveries that Saleor gave up: it tries for 310 s, and keeps them 14 days."""

    checked_at: AwareDatetime | None = None
    """When Saleor was last asked for what it gave up, and all of that was seen to."""
    recovered: Count = 0
    """How many deliveries were brought back since the integration began."""
    resending: Count = 0
    """How many deliveries Saleor is sending again, because their signatures no longer verify."""
    missing: Count = 0
    """How many deliveries could not be brought back, of those that Saleor still keeps."""
    open_since: AwareDatetime | None = None
    """When the oldest delivery was made that is missing or being sent again; none is older."""
    why: Prose | None = None
    """Why deliveries are missing, and what to do about it."""
    hindrance: Prose | None = None
    """Why the last look could not be finished, where it could not."""


class Status(Model):
    """What the operator found and did."""

    observed_generation: Count | None = None
    """The generation of the spec that the operator last acted on."""
    last_handled_reconcile_at: Short | None = None
    """The last ``saleor-segment.io/reconcile-at`` annotation that was obeyed."""
    webhook_url: Address | None = None
    """Base of the URLs that Saleor calls; the event's name is appended."""
    conditions: tuple[Condition, ...] = ()
    """What holds and what does not, one condition per type; Ready sums up. Each message says what
    to do."""
    saleor: SaleorStatus = Field(default_factory=SaleorStatus)
    """What stands for the integration in Saleor."""
    segment: SegmentStatus = Field(default_factory=SegmentStatus)
    """Where events go."""
    delivery: DeliveryStatus | None = None
    """Totals over all servers; absent while one of them cannot be asked."""
    recovery: RecoveryStatus | None = None
    """What became of deliveries that Saleor gave up; absent until Saleor was first asked."""

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
