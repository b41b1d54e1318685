"""What the API server's answers raise, sorted by what the caller does about it.

::

    ApiError
    ├── Unanswered   no answer to go by, 401, 429 or 5xx: try again, after .retry_after if given
    │   └── Unserved     404 for a whole type or path: a CRD is missing, or the server is starting
    ├── Forbidden    403: the ServiceAccount lacks a permission; the message names it
    │   └── Terminating  the namespace is being deleted and takes nothing new
    ├── Missing      404 where the object has to be there
    ├── Conflict     409: it exists already, or has changed since it was read
    ├── Expired      410: what was asked to go on from is too old; list anew
    └── Refused      another 4xx: the request itself is not acceptable
"""


class ApiError(Exception):
    """Base of what the API server makes us raise; the message is the server's, and names things."""


class Unanswered(ApiError):  # noqa: N818 - it says what happened
    """Raised when there is no answer, or one that says to try again.

    A 401 is among them: tokens are renewed by themselves, and read anew every minute.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds the server asked us to wait, where it did."""


class Unserved(Unanswered):
    """Raised when the API server does not know what was asked for; it may come to."""


class Forbidden(ApiError):  # noqa: N818 - it says what happened
    """Raised when we may not do what was asked."""


class Terminating(Forbidden):
    """Raised when something is to be made in a namespace that is being deleted."""


class Missing(ApiError):  # noqa: N818 - it says what happened
    """Raised when an object that has to be there is not."""


class Conflict(ApiError):  # noqa: N818 - it says what happened
    """Raised when an object exists already, or is not as it was when it was read."""


class Expired(ApiError):  # noqa: N818 - it says what happened
    """Raised when a resource version is too old to go on from."""


class Refused(ApiError):  # noqa: N818 - it says what happened
    """Raised when the API server does not accept the request as it is."""
