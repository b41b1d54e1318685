"""Socket addresses, as settings write them and as URLs."""


def host_and_port(address: str) -> tuple[str, int]:
    """Take a ``HOST:PORT`` apart; an IPv6 address in it stands in brackets.

    Raises:
        ValueError: It is none.
    """
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def http_url(host: str, port: int) -> str:
    """Return the base URL of what listens there."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
