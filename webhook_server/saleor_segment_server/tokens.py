"""The bearer token of the private API, in a file that may be changed under a running process."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from saleor_segment_server.errors import StartError

_FORMER = 300.0
"""Seconds for which the token before counts too: a kubelet takes up to two minutes to write a
changed Secret into a pod, and both sides are not told at once."""

log = structlog.get_logger(__name__)


class TokenFile:
    """Tells the token as it is now; a mounted Secret changes without a restart.

    Args:
        path: The file; ``None`` where the private API asks for no token.
        clock: Seconds on a clock that is never set.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._last: str | None = None
        self._former: str | None = None
        self._changed = 0.0
        self._problem: str | None = None

    async def load(self) -> None:
        """Read it for the first time.

        Raises:
            StartError: It cannot be read, or holds nothing.
        """
        self._last = await asyncio.to_thread(read_token, self._path)

    async def valid(self) -> tuple[str, ...]:
        """Return the token, and behind it the one before where that changed some minutes ago.

        While the file is unreadable, which is logged, the last good one is the token.
        """
        try:
            self._take(await asyncio.to_thread(read_token, self._path))
            self._problem = None
        except StartError as error:
            if self._problem != str(error):
                log.warning("internal_token_unreadable", problem=str(error))
            self._problem = str(error)
        is_recent = self._clock() - self._changed < _FORMER
        return tuple(each for each in (self._last, self._former if is_recent else None) if each)

    def _take(self, token: str | None) -> None:
        if token != self._last:
            self._last, self._former, self._changed = token, self._last, self._clock()
            log.info("internal_token_changed")


def read_token(path: Path | None) -> str | None:
    """Return the private API's token, if a file for it is named.

    Raises:
        StartError: It cannot be read, or holds nothing.
    """
    if path is None:
        return None
    try:
        token = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is no text"
        raise StartError(
            f"{path}: cannot be read ({cause}): name a file that holds the internal token"
        ) from None
    if not token:
        raise StartError(f"{path}: is empty: put the internal token there")
    return token
