"""A webhook delivery: its payload, its attempts, and how it ended."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import ClassVar, Literal

from tests.twins.saleor.apps import Webhook
from tests.twins.saleor.ids import global_id
from tests.twins.saleor.shop.carts import Cart
from tests.twins.saleor.shop.catalogue import User
from tests.twins.saleor.shop.orders import Order
from tests.twins.saleor.shop.parcels import Fulfillment

Subject = Order | Fulfillment | Cart | User
"""What an event can be about."""
Outcome = Literal["pending", "acknowledged", "failed", "stuck", "dropped"]
"""Stuck: the query does not select the event, so nothing is ever sent and Saleor says PENDING
for good. Dropped: the webhook was deleted, and its deliveries with it."""


@dataclass(frozen=True)
class Attempt:
    """One HTTP request, as Saleor keeps it for the staff to see."""

    graphql_type: ClassVar = "EventDeliveryAttempt"
    pk: int
    created_at: datetime
    task_id: str
    duration: float
    """Seconds."""
    request_headers: str
    """JSON."""
    response: str
    """The first 1,024 characters of the answer, or what went wrong."""
    response_headers: str = "null"
    """JSON; ``null`` where there was no answer."""
    response_status_code: int | None = None

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("EventDeliveryAttempt", self.pk)

    @property
    def succeeded(self) -> bool:
        """Whether the receiver acknowledged with 2xx."""
        return self.response_status_code is not None and self.response_status_code // 100 == 2

    @property
    def may_be_retried(self) -> bool:
        """Whether Saleor tries again: only after a 5xx, or no answer."""
        return self.response_status_code is None or self.response_status_code >= 500

    @property
    def status(self) -> str:
        """Saleor's ``EventDeliveryStatusEnum``."""
        return "SUCCESS" if self.succeeded else "FAILED"


@dataclass(eq=False)
class Delivery:
    """One event for one webhook."""

    graphql_type: ClassVar = "EventDelivery"
    pk: int
    event: str
    """As in ``ORDER_CREATED``."""
    webhook: Webhook
    subject: Subject
    """What something happened to: an order, a parcel, a checkout, an account."""
    created_at: datetime
    task_id: str
    payload: str | None = None
    """The body; None until it is rendered."""
    attempts: list[Attempt] = field(default_factory=list)
    outcome: Outcome = "pending"
    tries: int = 0
    """Attempts of the present series; a retry by the staff starts a new one."""
    in_flight: bool = False

    @cached_property
    def id(self) -> str:
        """The global id."""
        return global_id("EventDelivery", self.pk)

    @property
    def order_id(self) -> str | None:
        """The global id of the order it is about, of a parcel too."""
        subject = self.subject
        order = subject.order if isinstance(subject, Fulfillment) else subject
        return order.id if isinstance(order, Order) else None

    @property
    def status(self) -> str:
        """Saleor's ``EventDeliveryStatusEnum``."""
        return {"acknowledged": "SUCCESS", "failed": "FAILED"}.get(self.outcome, "PENDING")

    @property
    def is_under_way(self) -> bool:
        """Whether it waits to be sent, or is being sent."""
        return self.outcome == "pending" or self.in_flight

    @property
    def body(self) -> bytes:
        """The exact bytes that are sent."""
        return (self.payload or "").encode()

    @property
    def statuses(self) -> list[int | None]:
        """The HTTP status of each attempt; None where there was no answer."""
        return [attempt.response_status_code for attempt in self.attempts]
