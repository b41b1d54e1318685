"""What an error of SQLite means for the journal, and whether it can be relied on.

* full: accepting stops, settling goes on with the ballast's bytes, until there is room again;
* failing: after some groups in a row the journal is unhealthy, and is probed until it is not;
* corrupt: nothing is done any more, and the next start reads every page. SQLite calls corrupt also
  what the disk does not give to read, so it is looked at twice: that is failing.
"""

import errno
import sqlite3
from enum import StrEnum
from pathlib import Path

import structlog

from saleor_segment_server.errors import JournalUnavailable
from saleor_segment_server.journal.files import mark_suspect, read_error
from saleor_segment_server.journal.room import Room, disk_is_full
from saleor_segment_server.journal.schema import damage

_log = structlog.get_logger(__name__)

_FAILURES = 3
"""Transactions that fail in a row before the journal counts as failing."""


class Trouble(StrEnum):
    """Why nothing could be made durable; the value is the reason that answers carry."""

    FULL = "journal_full"
    FAILING = "journal_failing"
    CORRUPT = "journal_corrupt"

    @classmethod
    def of(cls, error: Exception, folder: Path) -> "Trouble":
        """Judge an error."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest is detail
        if code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            return cls.CORRUPT
        if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC:
            return cls.FULL
        if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN} and disk_is_full(folder):
            return cls.FULL
        return cls.FAILING

    def answer(self) -> JournalUnavailable:
        """Return the error for one waiter."""
        return JournalUnavailable(self.value, _MESSAGES[self])


_MESSAGES = {
    Trouble.FULL: "The journal is full; try again later.",
    Trouble.FAILING: "The journal cannot write now; try again later.",
    Trouble.CORRUPT: "The journal is damaged; try again later.",
}


class Health:
    """Keeps account of errors. Used by the writer's thread; ``good`` is read by any."""

    def __init__(self, db: sqlite3.Connection, path: Path, room: Room) -> None:
        self._db = db
        self._path = path
        self._room = room
        self._failures = 0
        self.corrupt = False
        """Whether damage was met: nothing may touch the file any more."""

    @property
    def failing(self) -> bool:
        """Whether transactions have failed one after the other."""
        return self._failures >= _FAILURES

    @property
    def good(self) -> bool:
        """Whether an event that is accepted now would be made durable."""
        return not (self.corrupt or self.failing or self._room.full)

    @property
    def wants_care(self) -> bool:
        """Whether trying again may mend it."""
        return (self.failing or self._room.full) and not self.corrupt

    def succeeded(self) -> None:
        """Note a transaction that was committed."""
        if self.failing:
            _log.info("journal_writes_again", path=str(self._path))
        self._failures = 0
        if not self._room.full and self._room.outgrown:
            self._room.give_up()
            _log.error(
                "journal_log_held",
                path=str(self._path),
                remedy="end what else has the journal open, a backup or a shell",
            )

    def failed(self, error: Exception) -> Trouble:
        """Note an error, do what it asks for, and say what it was."""
        trouble = Trouble.of(error, self._path.parent)
        if trouble is Trouble.CORRUPT and not self._is_damaged():
            trouble = Trouble.FAILING
        if trouble is Trouble.CORRUPT:
            self._condemn(error)
        elif trouble is Trouble.FULL and not self._room.full:
            self._room.give_up()
            self.report()
        else:
            self._count(error)
        return trouble

    def report(self) -> None:
        """Log that accepting has stopped, if it has."""
        if self._room.full:
            _log.error(
                "journal_full",
                path=str(self._path),
                remedy="see what fails to send, free space on its volume or raise --journal-size",
            )

    def care(self) -> None:
        """Go back to accepting where there is room again."""
        if self._room.full and self._room.regain():
            _log.info("journal_has_room_again", path=str(self._path))

    def _is_damaged(self) -> bool:
        """Look again: SQLite calls damaged also what the disk fails to read, for a moment even."""
        if read_error(self._path):
            return False
        try:
            return damage(self._db) is not None
        except sqlite3.Error:
            return True

    def _condemn(self, error: Exception) -> None:
        self.corrupt = True
        mark_suspect(self._path)
        _log.error(
            "journal_corrupt", path=str(self._path), error=str(error), remedy="restart to check it"
        )

    def _count(self, error: Exception) -> None:
        self._failures += 1
        if self._failures in {1, _FAILURES}:  # once as it begins, once as it is taken seriously
            _log.error(
                "journal_failing" if self.failing else "journal_transaction_failed",
                path=str(self._path),
                error=str(error),
                exc_info=None if isinstance(error, sqlite3.Error) else error,
            )
