"""The bearer token of the private API, in a file that may be changed under a running process."""

import asyncio
from pathlib import Path

import structlog

from saleor_segment_server.errors import StartError

log = structlog.get_logger(__name__)


class TokenFile:
    """Tells the token as it is now; a mounted Secret changes without a restart.

    Args:
        path: The file; ``None`` where the private API asks for no token.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._last: str | None = None
        self._problem: str | None = None

    async def load(self) -> None:
        """Read it for the first time.

        Raises:
            StartError: It cannot be read, or holds nothing.
        """
        self._last = await asyncio.to_thread(read_token, self._path)

    async def current(self) -> str | None:
        """Return the token; the last good one while the file is unreadable, which is logged."""
        try:
            self._last = await asyncio.to_thread(read_token, self._path)
            self._problem = None
        except StartError as error:
            if self._problem != str(error):
                log.warning("internal_token_unreadable", problem=str(error))
            self._problem = str(error)
        return self._last


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
