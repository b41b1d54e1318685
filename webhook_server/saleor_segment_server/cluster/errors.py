"""What the API server's answers raise, sorted by what the caller does about it.

::

    ApiError
    ├── Unanswered   no answer, 429 or 5xx: try again, after .retry_after where it said so
    ├── Forbidden    401, 403: the ServiceAccount lacks a permission; the message names it
    ├── Missing      404 where the object has to be there
    ├── Conflict     409: it exists already, or has changed since it was read
    ├── Expired      410: what was asked to go on from is too old; list anew
    └── Refused      another 4xx: the request itself is not acceptable
"""


class ApiError(Exception):
    """Base of what the API server makes us raise; the message is the server's, and names things."""


class Unanswered(ApiError):  # noqa: N818 - it says what happened
    """Raised when there is no answer, or one that says to try again."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the server asked us to wait, where it did."""


class Forbidden(ApiError):  # noqa: N818 - it says what happened
    """Raised when we may not do what was asked."""


class Missing(ApiError):  # noqa: N818 - it says what happened
    """Raised when an object that has to be there is not."""


class Conflict(ApiError):  # noqa: N818 - it says what happened
    """Raised when an object exists already, or is not as it was when it was read."""


class Expired(ApiError):  # noqa: N818 - it says what happened
    """Raised when a resource version is too old to go on from."""


class Refused(ApiError):  # noqa: N818 - it says what happened
    """Raised when the API server does not accept the request as it is."""
