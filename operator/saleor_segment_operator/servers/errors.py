"""Why the servers cannot be asked now; what is said stands in every integration's status."""

from saleor_segment_operator.errors import Unavailable
from saleor_segment_operator.resource import Reason


def nobody() -> Unavailable:
    """Return that no server is there to be asked."""
    return unreachable("No server is ready: see the servers' pods and logs.")


def token_refused() -> Unavailable:
    """Return that a server has another token than we."""
    return unreachable("A server refuses our token: give both sides the same one.")


def unreachable(message: str) -> Unavailable:
    """Return that a server gives no answer we can use."""
    return Unavailable(Reason.SERVERS_UNREACHABLE, message)
