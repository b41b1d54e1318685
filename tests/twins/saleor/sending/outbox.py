"""The deliveries of every event: made for the webhooks that hear it, and remembered for good."""

from collections import Counter
from collections.abc import Callable
from itertools import count

from tests.twins.saleor.apps import Apps, Webhook
from tests.twins.saleor.clock import Timekeeper
from tests.twins.saleor.ids import Names, key_of
from tests.twins.saleor.sending.deliveries import Delivery, Subject

_GONE = {"acknowledged", "dropped"}


class Outbox:
    """Every delivery there was. Saleor itself forgets those that succeed."""

    def __init__(
        self,
        *,
        apps: Apps,
        time: Timekeeper,
        names: Names,
        send: Callable[[Delivery], None],
    ) -> None:
        self.log: list[Delivery] = []
        """Every delivery, oldest first."""
        self._apps = apps
        self._time = time
        self._names = names
        self._send = send
        self._pks = count(1)
        self._open: list[Delivery] = []

    def emit(self, event: str, subject: Subject) -> None:
        """Make a delivery for each webhook that hears this event."""
        for webhook in self._apps.webhooks():
            if webhook.hears(event):
                self.deliver(webhook, event, subject)

    def deliver(self, webhook: Webhook, event: str, subject: Subject) -> Delivery:
        """Make one delivery and hand it to the workers."""
        delivery = Delivery(
            pk=next(self._pks),
            event=event,
            webhook=webhook,
            subject=subject,
            created_at=self._time.now(),
            task_id=self._names.uuid(),
        )
        self.log.append(delivery)
        self._dispatch(delivery)
        return delivery

    def retry(self, delivery: Delivery) -> None:
        """Start a new series of attempts (``eventDeliveryRetry``), unless one is under way."""
        if delivery.outcome == "pending":
            return
        delivery.outcome, delivery.tries, delivery.task_id = "pending", 0, self._names.uuid()
        self._dispatch(delivery)

    def drop(self, webhook: Webhook) -> None:
        """Forget the deliveries of a webhook that is deleted."""
        for delivery in self.kept(webhook):
            delivery.outcome = "dropped"

    def kept(self, webhook: Webhook) -> list[Delivery]:
        """The deliveries Saleor still shows for a webhook: all that have not succeeded."""
        return [d for d in self.log if d.webhook is webhook and d.outcome not in _GONE]

    def find(self, node_id: str) -> Delivery | None:
        """Return a delivery Saleor still shows, by its global id."""
        key = key_of(node_id, "EventDelivery")
        return next((d for d in self.log if str(d.pk) == key and d.outcome not in _GONE), None)

    @property
    def is_settled(self) -> bool:
        """Whether nothing is on its way."""
        while self._open and not self._open[-1].is_under_way:
            self._open.pop()
        return not self._open

    def counts(self) -> dict[str, dict[str, int]]:
        """How many deliveries there were per event, and how many ended how."""
        counts = dict[str, Counter[str]]()
        for delivery in self.log:
            tally = counts.setdefault(delivery.event, Counter())
            tally["emitted"] += 1
            tally[delivery.outcome] += 1
            tally["attempts"] += len(delivery.attempts)
        names = ("emitted", "acknowledged", "failed", "pending", "stuck", "dropped", "attempts")
        return {event: {name: tally[name] for name in names} for event, tally in counts.items()}

    def _dispatch(self, delivery: Delivery) -> None:
        self._open.append(delivery)
        self._send(delivery)
