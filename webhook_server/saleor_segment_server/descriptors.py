"""How many connections the process may have open, as the system counts them: by descriptors."""

import structlog

try:
    import resource
except ImportError:  # no Unix
    resource = None  # type: ignore[assignment]

_OTHERS = 512  # the private listener, Segment, the journal's files

log = structlog.get_logger(__name__)


def allowed(connections: int) -> int:
    """Raise the soft limit of open files as needed; return how many connections that allows.

    Many systems start a process with 1,024: strangers' connections would use them up, and then no
    file could be opened and nothing sent.
    """
    limit = _raised(connections + _OTHERS)
    if limit >= connections + _OTHERS:
        return connections
    fewer = max(limit - _OTHERS, limit // 2)
    log.warning("fewer_connections", most=fewer, remedy="raise the hard limit of open files")
    return min(fewer, connections)


def _raised(wanted: int) -> int:
    """Return how many files may be open, having asked for so many."""
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
