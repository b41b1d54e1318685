"""What a look at the deliveries that Saleor gave up comes to: pure.

Saleor keeps them for 14 days, whether they were brought back or not. So a look goes back to where
the last one began, and somewhat further: a delivery is given up minutes after it was made.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from saleor_segment_operator.reconcile.ports import Announcement
from saleor_segment_operator.resource import Reason, RecoveryStatus
from saleor_segment_server.contract import Pipeline

KEPT = timedelta(days=14)
"""How long Saleor keeps what it gave up."""
OVERLAP = timedelta(hours=1)
"""How much of the last look is looked at again: Saleor tries for 310 s, for 7 minutes where no
answer comes, and longer where its workers are behind or its clock is not ours."""
_MOST_REASONS = 3


@dataclass(slots=True)
class Result:
    """What came of a look so far."""

    brought: int = 0
    """Deliveries that the servers did not have before."""
    counted: int = 0
    """Those of them that the status counts already."""
    first: datetime | None = None
    """When the oldest of them was made."""
    last: datetime | None = None
    """When the newest of them was made."""
    missing: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    """By id, deliveries that cannot be brought back: when they were made, and why."""

    def bring(self, created_at: datetime) -> None:
        """Count one that was brought back."""
        self.brought += 1
        self.first = min(self.first or created_at, created_at)
        self.last = max(self.last or created_at, created_at)


@dataclass(frozen=True, slots=True)
class Eras:
    """Which Pipeline was in force when: the integration's own, and before it those of its name.

    A backup brings an integration with another uid, and so another Pipeline. What came before that
    is handed in for the Pipeline it was meant for: that one's journal knows what it had already,
    messages keep their ids, and its ledger the refunds. Under the new id all that was recovered
    within 14 days would be sent once more.
    """

    own: str
    """Id of the integration's Pipeline."""
    since: datetime | None
    """When that began, if it is known."""
    former: tuple[tuple[datetime, str], ...] = ()
    """When earlier ones began, with their ids; the oldest first."""

    @classmethod
    def of(cls, uid: str, own: Pipeline | None, others: Iterable[Pipeline]) -> "Eras":
        """Return those of an integration, of whose name ``others`` are still stored."""
        since = None if own is None else own.since
        if own is None or since is None:
            return cls(uid, since)
        former = (
            (other.since, other.id)
            for other in others
            if other.since is not None
            and other.since < since
            and other.saleor.api_url == own.saleor.api_url
        )
        return cls(uid, since, tuple(sorted(former)))

    @property
    def began(self) -> datetime | None:
        """When the first of them began; what is older was not for any."""
        return self.former[0][0] if self.former else self.since

    def at(self, moment: datetime) -> str:
        """Return the id of the Pipeline that was in force then."""
        if self.since is None or moment >= self.since or not self.former:
            return self.own
        begun = [pipeline_id for since, pipeline_id in self.former if since <= moment]
        return begun[-1] if begun else self.former[0][1]


def is_past(moment: datetime | None, status: RecoveryStatus | None) -> bool:
    """Tell whether no later look goes back to before ``moment``, for what it may hand in."""
    if moment is None:
        return True
    if status is None or status.checked_at is None:
        return False
    return min(status.checked_at - OVERLAP, status.open_since or status.checked_at) >= moment


def look_from(now: datetime, *, before: RecoveryStatus | None, began: datetime | None) -> datetime:
    """Return how far back to look.

    Args:
        now: The present.
        before: What the last look came to, if there was one.
        began: When the integration began, if that is known: what is older was not for it.
    """
    earliest = max(now - KEPT, (began or now - KEPT) - OVERLAP)
    if before is None or before.checked_at is None:
        return earliest
    last = min(before.checked_at, now)  # a clock may have been put back
    return max(earliest, min(last - OVERLAP, before.open_since or last))


def progress(before: RecoveryStatus | None, result: Result) -> RecoveryStatus:
    """Return the status in the midst of a look: what was brought back counts already."""
    status = before or RecoveryStatus()
    return status.model_copy(
        update={"recovered": status.recovered + result.brought - result.counted, "hindrance": None}
    )


def hindered(before: RecoveryStatus | None, result: Result, why: str) -> RecoveryStatus:
    """Return the status where a look could not go on."""
    return progress(before, result).model_copy(update={"hindrance": why})


def concluded(
    before: RecoveryStatus | None,
    result: Result,
    *,
    began: datetime,
    resent: Collection[datetime],
) -> RecoveryStatus:
    """Return the status at the end of a look.

    Args:
        before: The status in its midst.
        result: What came of it.
        began: When it began.
        resent: When those were made that Saleor is sending again.
    """
    made = [*resent, *(created_at for created_at, _ in result.missing.values())]
    return progress(before, result).model_copy(
        update={
            "checked_at": began.replace(microsecond=0),
            "resending": len(resent),
            "missing": len(result.missing),
            "open_since": min(made).replace(microsecond=0) if made else None,
            "why": _why(result) if result.missing else None,
        }
    )


def announcements(before: RecoveryStatus | None, result: Result) -> tuple[Announcement, ...]:
    """Return what a person would want to know of a look that has ended."""
    told = []
    if result.brought and result.first is not None and result.last is not None:
        span = _span(result.first, result.last)
        message = f"{_deliveries(result.brought)} that Saleor had given up {span} {_were(result)}."
        told.append(Announcement("Normal", Reason.RECOVERED, message))
    if len(result.missing) > (before.missing if before else 0):
        told.append(
            Announcement(
                "Warning", Reason.DELIVERIES_MISSING, missing(len(result.missing), _why(result))
            )
        )
    return tuple(told)


def missing(count: int, why: str | None) -> str:
    """Say how many could not be brought back, and why."""
    return f"{_deliveries(count)} that Saleor gave up could not be brought back: {why}."


def _were(result: Result) -> str:
    return "was brought back" if result.brought == 1 else "were brought back"


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count} deliveries"


def _span(first: datetime, last: datetime) -> str:
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    start, end = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    if start == end:
        return f"at {start} UTC"
    if first.date() == last.date():
        end = f"{last:%H:%M}"
    return f"between {start} and {end} UTC"


def _why(result: Result) -> str:
    """Return the most frequent reasons, with their numbers where there are several."""
    counts = Counter(why for _, why in result.missing.values())
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{count} because {why}" for why, count in counts.most_common(_MOST_REASONS))
