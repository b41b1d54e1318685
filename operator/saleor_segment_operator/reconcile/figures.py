"""What a status is known to say of delivery: while the servers say the same, nobody reads it."""

from dataclasses import dataclass

from saleor_segment_operator.reconcile.observe import Heard, silent, understood
from saleor_segment_operator.reconcile.state import Observed, Problem
from saleor_segment_operator.servers import Words


@dataclass(frozen=True, slots=True)
class Figures:
    """What was heard of one integration's Pipeline when its status said just that."""

    uid: str
    fingerprint: str | None
    """The Pipeline's as stored, where there was one."""
    heard: Heard

    @classmethod
    def of(cls, seen: Observed) -> "Figures":
        """Take them from a look at a status that needs no change."""
        fingerprint = None if seen.pipeline is None else seen.pipeline.fingerprint()
        return cls(seen.integration.uid, fingerprint, (seen.held, seen.totals))

    def hold(self, told: Words | Problem) -> bool:
        """Tell whether they are what the servers say now, or that these still are silent."""
        if self.fingerprint is None:
            return True  # a pass makes the Pipeline, and says so itself
        if isinstance(told, Problem):
            return self.heard == silent(told)
        return self.heard == understood(told.of(self.uid), self.fingerprint)
