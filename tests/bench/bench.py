"""What every bench has: it is prepared once, measured in rounds, and says what it found."""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from tests.bench.report import Measure, Points, Profile


class Bench(ABC):
    """One thing that is measured."""

    most_rounds: int | None = None
    """How many rounds are enough, where each of them takes minutes."""

    def obstacle(self) -> str | None:
        """Say why it cannot be measured here; ``None``: it can."""
        return None

    @abstractmethod
    def prepare(self) -> None:
        """Make what all rounds use."""

    @abstractmethod
    def round(self, number: int) -> str:
        """Measure every subject once, in turns as to which goes first; return a line on it."""

    @abstractmethod
    def measures(self) -> list[Measure]:
        """Return what was found."""

    def series(self) -> Mapping[str, Points]:
        """Return what is plotted over time."""
        return {}

    def profile(self) -> Profile | None:
        """Measure once more under the sampler; ``None``: there is nothing to be seen."""
        return None
