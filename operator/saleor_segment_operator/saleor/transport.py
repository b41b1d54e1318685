"""What goes wrong before Saleor has its say: the address, the network, HTTP, no GraphQL."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp
from gql.transport.exceptions import TransportConnectionFailed, TransportError

from saleor_segment_operator.errors import Blocked, OperatorError, Unavailable
from saleor_segment_operator.resource import Reason
from saleor_segment_server.outbound import AddressRefused

_SPOKEN = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED})
"""The statuses that Saleor's own GraphQL answers come with."""
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
_SERVER_ERRORS = range(500, 600)
_REDIRECTS = range(300, 400)
_LONGEST_WAIT = 3600.0
_LONGEST_ANSWER = 8 * 2**20


class BoundedResponse(aiohttp.ClientResponse):
    """An answer that counts as empty where it is longer than any of Saleor's.

    The address is a user's: what answers there must not fill our memory.
    """

    async def read(self) -> bytes:
        """Return the body."""
        if self._body is None:
            body = bytearray()
            async for chunk in self.content.iter_any():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    self.close()
                    body.clear()
                    break
            self._body = bytes(body)
        return self._body


def status_check(api_url: str) -> Callable[[aiohttp.ClientResponse], Awaitable[None]]:
    """Return what raises for an answer whose status says that it is not Saleor's own."""

    async def check(response: aiohttp.ClientResponse) -> None:
        if response.status not in _SPOKEN:
            response.close()
            raise _judge_status(api_url, response)

    return check


def _judge_status(api_url: str, response: aiohttp.ClientResponse) -> OperatorError:
    status = response.status
    if status in _PASSING or status in _SERVER_ERRORS:
        return Unavailable(
            Reason.SALEOR_BUSY,
            f"Saleor at {api_url} answers HTTP {status}: tried again by itself.",
            retry_after=_retry_after(response.headers.get("Retry-After", "")),
        )
    if status in _REDIRECTS:
        return Blocked(
            Reason.NOT_SALEOR,
            f"{api_url} redirects (HTTP {status}), which is not followed: "
            "set spec.saleor.apiUrl to the address it leads to.",
        )
    if status == HTTPStatus.FORBIDDEN:
        return Blocked(
            Reason.SALEOR_REFUSED,
            f"{api_url} is forbidden to us (HTTP 403): let the operator through the gateway "
            "or firewall before Saleor.",
        )
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Blocked(
            Reason.SALEOR_REFUSED,
            f"The gateway before Saleor at {api_url} takes no request of a few KiB (HTTP 413): "
            "raise its body limit.",
        )
    return Blocked(
        Reason.NOT_SALEOR,
        f"{api_url} answers HTTP {status}: set spec.saleor.apiUrl to Saleor's API address, "
        "which ends in /graphql/ with the slash.",
    )


def _retry_after(value: str) -> float | None:
    """Read the header where it is a number of seconds; a date would need the shop's clock."""
    return min(float(value), _LONGEST_WAIT) if value.isascii() and value.isdigit() else None


def not_saleor(api_url: str) -> Blocked:
    """Return the error for an answer that is no GraphQL, or none of Saleor's."""
    return Blocked(
        Reason.NOT_SALEOR,
        f"{api_url} does not answer as Saleor does: set spec.saleor.apiUrl to Saleor's API "
        "address, which ends in /graphql/.",
    )


def judge_failure(api_url: str, error: TransportError) -> OperatorError:
    """Tell what kept a request from getting an answer that could be read."""
    cause = error.__cause__
    if isinstance(cause, OperatorError):
        return cause
    if not isinstance(error, TransportConnectionFailed):
        return not_saleor(api_url)
    if isinstance(cause, aiohttp.ClientConnectorError) and isinstance(
        cause.os_error, AddressRefused
    ):
        return Blocked(
            Reason.ADDRESS_REFUSED,
            f"{api_url}: {cause.os_error.strerror}; if that is not the shop, "
            "mend spec.saleor.apiUrl.",
        )
    if isinstance(cause, aiohttp.InvalidURL):
        return Blocked(Reason.NOT_SALEOR, f"{api_url} is no address: mend spec.saleor.apiUrl.")
    problem = next((text for kind, text in _NETWORK if isinstance(cause, kind)), None)
    if problem is None:
        return not_saleor(api_url)
    return Unavailable(Reason.SALEOR_UNREACHABLE, f"Saleor at {api_url}: {problem}.")


_NETWORK: tuple[tuple[type[Exception], str], ...] = (
    (
        aiohttp.ClientConnectorCertificateError,
        "its TLS certificate is not trusted: mend it, or the name in spec.saleor.apiUrl",
    ),
    (
        aiohttp.ClientSSLError,
        "TLS fails: check that it speaks https at this port, else write http://",
    ),
    (aiohttp.ClientConnectorDNSError, "its name is not known to DNS: check spec.saleor.apiUrl"),
    (TimeoutError, "no answer in time: check the network between the operator and it"),
    (
        aiohttp.ClientConnectorError,
        "the connection is refused: check that it runs, and the network policies",
    ),
    (aiohttp.ClientError, "the connection broke off"),
    (OSError, "the connection broke off"),
)
"""What the network does, the most telling first."""
