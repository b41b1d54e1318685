"""Everything the operator raises, sorted by what the caller does about it.

::

    OperatorError
    ├── StartError      the process cannot start: print the line, exit 2
    ├── Blocked         the user must change something: a condition with reason and remedy, no retry
    │                   before a change or the resync
    ├── Unavailable     it may heal by itself: a condition, and a retry with backoff
    └── Lost            the process may not or cannot go on: print the line, exit 1, start it again
"""


class OperatorError(Exception):
    """Base of the operator's errors."""


class StartError(OperatorError):
    """Raised when the process cannot start and only its user can mend it, in one line."""


class Blocked(OperatorError):  # noqa: N818 - it is the state it leaves
    """Raised when reconciling cannot go on before the user changes something."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """A value of ``resource.conditions.Reason``."""


class Unavailable(OperatorError):  # noqa: N818 - it is the state it leaves
    """Raised when something did not answer as it should and may do so later."""

    def __init__(self, reason: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        """A value of ``resource.conditions.Reason``."""
        self.retry_after = retry_after
        """Seconds the other side asked us to wait, where it did."""


class Lost(OperatorError):  # noqa: N818 - it is what has happened
    """Raised when leadership or a watch is lost: a fresh process gets it back."""
