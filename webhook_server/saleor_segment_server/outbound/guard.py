"""The guard: refuses connections to addresses a user of the cluster must not reach through us.

It judges the resolved address at the moment of connecting, so that neither a name that resolves
to something internal nor a name that changes its mind after a check gets through.
"""

import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import aiohttp

_CARRIERS = tuple(  # IPv6 networks whose last 32 bits are an IPv4 address
    ipaddress.ip_network(network) for network in ("64:ff9b::/96", "::/96")
)
_METADATA = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
    )
)
_DNS_SECONDS = 60  # Segment asks that its name be resolved anew within a day; pods move sooner


class AddressRefused(OSError):  # noqa: N818 - it is what happened
    """Raised when a name resolves to an address that may not be called."""

    def __init__(self, message: str) -> None:
        """Carry the message where aiohttp looks for it."""
        super().__init__(errno.EACCES, message)


class Guard:
    """A policy on the addresses that may be connected to.

    Args:
        allow_loopback: Let loopback through: standalone runs, development, tests.
        forbid_private: Refuse private ranges too (RFC 1918, RFC 4193, RFC 6598).
        refused: Further addresses, such as the API server's.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        forbid_private: bool = False,
        refused: Iterable[str] = (),
    ) -> None:
        self._allow_loopback = allow_loopback
        self._forbid_private = forbid_private
        self._refused = frozenset(ipaddress.ip_address(address) for address in refused)

    def check(self, address: str) -> None:
        """Judge a numeric address.

        Raises:
            AddressRefused: It may not be called; the message names it and the setting, if any.
        """
        found = _innermost(ipaddress.ip_address(address.partition("%")[0]))
        if found in _METADATA or found.is_link_local:
            raise AddressRefused(f"{address} is a link-local or metadata address, never called")
        if found in self._refused:
            raise AddressRefused(f"{address} is the cluster's API server, never called for a user")
        if found.is_unspecified or found.is_multicast:
            raise AddressRefused(f"{address} is no address of a host")
        if found.is_loopback:
            if not self._allow_loopback:
                raise AddressRefused(f"{address} is on loopback: --allow-loopback lets it through")
        elif self._forbid_private and not found.is_global:
            raise AddressRefused(f"{address} is private, and --forbid-private is set")

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """Return a connector that checks each address before it connects to it.

        Args:
            **options: Further options of ``aiohttp.TCPConnector``.
        """
        settings: dict[str, Any] = {
            "limit": 0,  # a hundred that hang, and nobody would be called
            "ttl_dns_cache": _DNS_SECONDS,
            "socket_factory": self._socket,
        } | options
        return aiohttp.TCPConnector(**settings)

    def _socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, where = address
        self.check(where[0])
        return socket.socket(family=family, type=kind, proto=protocol)


def _innermost(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Unwrap IPv4 carried in IPv6: mapped, 6to4, NAT64 and the old compatible form."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and any(address in network for network in _CARRIERS):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def api_server(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the API server's address as Kubernetes tells it to a pod; none outside a cluster."""
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:  # not told, or a public name, which is no way into the cluster
        return ()
