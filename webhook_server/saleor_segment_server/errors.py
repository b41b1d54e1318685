"""Everything the server raises, sorted by what the caller does about it.

::

    ServerError
    ├── StartError            the process cannot start: print message and remedy, exit 2
    ├── DocumentUnreadable    a file is broken: keep the last good state of it, say so
    ├── Rejected              answer the request with .status; one middleware does
    │   ├── Malformed             400
    │   ├── Unauthorized          401
    │   ├── NotFound              404
    │   ├── TooLarge              413
    │   ├── NotJson               415
    │   └── TryLater              503: Saleor retries only 5xx, so all that may heal is this
    │       ├── QuotaReached          the pipeline's share of the journal is used up
    │       └── JournalUnavailable    the disk is full or failing, or the journal is closed
    └── Unmappable            bury the event with the reason

What Segment answers is no error but a value: ``segment.retry.Verdict``.
"""

from collections.abc import Mapping
from typing import Any


class ServerError(Exception):
    """Base of the server's errors."""


class StartError(ServerError):
    """Raised when the process cannot start and only its user can mend it.

    The message is one line that names the object and the remedy.
    """


class DocumentUnreadable(ServerError):  # noqa: N818 - it says what is the matter
    """Raised when a YAML file breaks a rule; the message names file, line and field, no value."""


class Rejected(ServerError):  # noqa: N818 - it is the answer's name
    """Raised to answer a request with ``status``; the message is sent and holds no secret."""

    status = 500

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        """A short constant for metrics and logs, like ``signature_wrong``."""


class Malformed(Rejected):
    """Raised when a request or a body is not what Saleor sends."""

    status = 400


class Unauthorized(Rejected):
    """Raised when a signature is missing or wrong."""

    status = 401


class NotFound(Rejected):
    """Raised when nothing is or will be at this address."""

    status = 404


class TooLarge(Rejected):
    """Raised when a body exceeds the limit."""

    status = 413


class NotJson(Rejected):
    """Raised when the body is not said to be plain JSON."""

    status = 415


class TryLater(Rejected):
    """Raised when the same delivery may be accepted later."""

    status = 503


class QuotaReached(TryLater):
    """Raised when a pipeline's share of the journal is used up; other pipelines go on."""


class JournalUnavailable(TryLater):
    """Raised when the journal cannot make anything durable now."""


class Unmappable(ServerError):  # noqa: N818 - it says what is the matter
    """Raised when a body cannot become a message; the message names the field, never its value."""

    def __init__(self, message: str, within: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.within = within
        """The object whose field it is, where the message begins with the field's name."""
