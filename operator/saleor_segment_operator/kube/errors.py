"""What the API server makes us raise, as the ports promise it to the reconciler."""

from collections.abc import Iterator
from contextlib import contextmanager

from saleor_segment_operator.errors import Blocked, OperatorError, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_server.cluster import (
    ApiError,
    Conflict,
    Forbidden,
    Refused,
    Terminating,
    Unanswered,
)

_RIGHTS = "the chart's RBAC and its watchNamespaces decide what the operator may do"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise ``Blocked`` or ``Unavailable`` in place of an ``ApiError``.

    Args:
        what: The object in words, as in ``Secret shop/segment``.
    """
    try:
        yield
    except ApiError as error:
        raise translation(what, error) from error


def translation(what: str, error: ApiError) -> OperatorError:
    """Return what is raised in place of ``error``; its message names verb and resource."""
    match error:
        case Terminating():
            return _passing(f"{what}: its namespace is being deleted and takes nothing new.")
        case Forbidden():
            return _lasting(f"{what} is out of reach: {error}: {_RIGHTS}.")
        case Refused():
            return _lasting(f"{what} is refused by the API server: {error}.")
        case Conflict():
            return _passing(f"{what} keeps being changed by somebody else: {error}.")
        case _:
            asked = error.retry_after if isinstance(error, Unanswered) else None
            message = f"{what}: the API server does not answer as it should: {error}."
            return _passing(message, retry_after=asked)


def _lasting(message: str) -> Blocked:
    return Blocked(Reason.STORE_REFUSED, message)


def _passing(message: str, *, retry_after: float | None = None) -> Unavailable:
    return Unavailable(Reason.STORE_UNAVAILABLE, message, retry_after=retry_after)
