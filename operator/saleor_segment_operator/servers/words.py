"""What servers say of the Pipelines they hold. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all servers together have of one Pipeline's events."""

    pending: int
    """Events accepted and not yet sent."""
    dead: int
    """Events that could not be sent and are kept."""
    delivered: int
    """Events that Segment accepted."""
    dead_why: str | None = None
    """Why the newest of the dead could not be sent, where there is one."""
    oldest_pending_since: datetime | None = None
    """When the oldest event that waits was accepted."""
    last_delivered_at: datetime | None = None
    """When Segment last accepted a batch."""
    parked: str | None = None
    """Why sending has stopped until key or spec change, where it has."""
    waiting: str | None = None
    """Why Segment is tried again, where its last answer was none to go on with."""
    received: bool = False
    """Whether Saleor itself brought any, rather than the operator."""


@dataclass(frozen=True, slots=True)
class Report:
    """One server's word on one Pipeline."""

    fingerprint: str
    """Of the Pipeline as the server holds it."""
    totals: Totals
    """What the server has of its events."""

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Report":
        """Read it as the private API tells it.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        totals = Totals(
            pending=int(document["pending"]),
            dead=int(document["dead"]),
            delivered=int(document["delivered"]),
            oldest_pending_since=_time(document["oldestPendingSince"]),
            last_delivered_at=_time(document["lastDeliveredAt"]),
            parked=document["parked"],
            waiting=document.get("waiting"),
            dead_why=document.get("deadWhy"),
            received=bool(document.get("heard")),
        )
        return cls(str(document["hash"]), totals)


@dataclass(frozen=True, slots=True)
class Word:
    """What every ready server says of one Pipeline; ``None`` where one does not hold it."""

    _reports: tuple[Report | None, ...]

    def held(self, fingerprint: str) -> bool:
        """Tell whether all hold it with this ``fingerprint``."""
        return all(one is not None and one.fingerprint == fingerprint for one in self._reports)

    def totals(self) -> Totals:
        """Add up what all have of its events.

        Raises:
            Unavailable: One does not hold it: what that one has is not known then.
        """
        known = [report.totals for report in self._reports if report is not None]
        if len(known) < len(self._reports):
            raise Unavailable(
                Reason.PIPELINE_PENDING, "A server does not hold the Pipeline yet: asked again."
            )
        return _sum(known)


@dataclass(frozen=True, slots=True)
class Words:
    """What every ready server says of all Pipelines."""

    _servers: tuple[Mapping[str, Report], ...]

    def of(self, pipeline_id: str) -> Word:
        """Return what they say of one."""
        return Word(tuple(each.get(pipeline_id) for each in self._servers))


def _sum(all_totals: Sequence[Totals]) -> Totals:
    waits = [one.oldest_pending_since for one in all_totals if one.oldest_pending_since]
    deliveries = [one.last_delivered_at for one in all_totals if one.last_delivered_at]
    return Totals(
        pending=sum(one.pending for one in all_totals),
        dead=sum(one.dead for one in all_totals),
        delivered=sum(one.delivered for one in all_totals),
        oldest_pending_since=min(waits, default=None),
        last_delivered_at=max(deliveries, default=None),
        parked=next((one.parked for one in all_totals if one.parked), None),
        waiting=next((one.waiting for one in all_totals if one.waiting), None),
        received=any(one.received for one in all_totals),
        dead_why=next((one.dead_why for one in all_totals if one.dead_why), None),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
