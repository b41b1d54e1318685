"""How long to wait before something is tried again."""

from collections.abc import Callable


def backoff(troubles: int, *, first: float, cap: float, spread: Callable[[], float]) -> float:
    """Return seconds to wait after so many troubles in a row; they double with each.

    Half of it is certain, so that a crowd spreads and none comes back at once.

    Args:
        troubles: How many there were, this one included.
        first: At most so many seconds after the first.
        cap: At most so many at all.
        spread: Random numbers from 0 to 1.
    """
    limit = min(cap, first * 2.0 ** min(max(troubles - 1, 0), 16))
    return limit * (0.5 + 0.5 * spread())
