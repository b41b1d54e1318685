"""Room for the journal: a bound on its file, and ballast against a full disk.

A full disk also stops settling, and then nothing can be freed: a settled event needs a few pages
of the log before its body is given back. So some bytes are set aside in a file. When the disk or
the bound is reached they are given up, accepting stops, and settling goes on.

The log is used again from its start once all of it is in the file, unless somebody else reads the
journal, a backup or a shell: then it grows for as long as that lasts, so it counts as well.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from saleor_segment_server.journal.files import beside
from saleor_segment_server.journal.records import Limits

_HOPELESS = 2**20
"""Bytes free below which an I/O error is put down to a full disk."""
_LOG = 32 * 2**20
"""Bytes that the log may take beside the file: a large group, and what it keeps from before."""
_PAGES_GIVEN = 1000
"""Pages given to the disk at a time, at most: settling waits meanwhile."""
_LOG_PAGES = range(64, 1000)
"""Pages in the log at which SQLite brings it into the file: fewest and most."""


def disk_is_full(folder: Path) -> bool:
    """Tell whether the volume that ``folder`` is on has next to nothing left."""
    try:
        return _free(folder) < _HOPELESS
    except OSError:  # it fails altogether
        return False


def _free(folder: Path) -> int:
    volume = os.statvfs(folder)
    return volume.f_bavail * volume.f_frsize


class Ballast:
    """Bytes set aside in a file beside the journal."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = beside(path, ".ballast")
        self._size = size

    def take_in(self) -> bool:
        """Set the bytes aside and tell whether that could be done.

        On a tight volume as little as half is set aside: the log needs room to accept anything.
        """
        self.give_up()
        size = min(self._size, _free(self._path.parent) - self._size // 4)
        if size < self._size // 2:
            return False
        file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, max(size, 1))
        except OSError:
            self.give_up()
            return False
        finally:
            os.close(file)
        return True

    def give_up(self) -> None:
        """Give the bytes back to the volume."""
        with suppress(OSError):  # a volume that became read-only has other troubles
            self._path.unlink(missing_ok=True)


class Room:
    """Says whether the journal may grow."""

    def __init__(self, db: sqlite3.Connection, path: Path, limits: Limits) -> None:
        self._db = db
        self._path = path
        self._folder = path.parent
        self._ballast = Ballast(path, limits.ballast)
        self._limits = limits
        self._page = self._pragma("page_size")
        self.full = False
        """Whether accepting must stop; read by any thread."""
        # What is in the log must fit into the file with the ballast's bytes, or it never ends.
        fitting = limits.ballast // (2 * self._page)
        self._log_pages = min(max(fitting, _LOG_PAGES.start), _LOG_PAGES.stop)
        self._end_logs_at(self._log_pages)
        self._bound(limits.size)
        if not self._ballast.take_in():
            self.give_up()

    def give_up(self) -> None:
        """Turn to settling only: the ballast's bytes go to the disk and to the file's bound."""
        self.full = True
        self._end_logs_at(0)  # for that takes room, see there
        self._ballast.give_up()
        self._bound(self._limits.size + self._limits.ballast)

    @property
    def outgrown(self) -> bool:
        """Whether file and log together take more than they may, because the log cannot end."""
        log = self._bytes("-wal")
        return log > _LOG and log + self._bytes("") > self._limits.size + _LOG

    def _bytes(self, suffix: str) -> int:
        try:
            return beside(self._path, suffix).stat().st_size
        except OSError:  # not there, or the volume fails, which shows elsewhere
            return 0

    def regain(self) -> bool:
        """Go back to accepting if there is room again, in the file and on the disk.

        Where only the file has some, part of it goes to the disk: asking again gets there.
        """
        if self._spare() < self._limits.size // 64:
            return False
        self._end_log()
        if self.outgrown:
            return False
        if not self._ballast.take_in():
            if self._log_fits:  # else what it writes would take the last bytes as well
                self._give_pages()
            return False
        self._bound(self._limits.size)
        self._end_logs_at(self._log_pages)
        self.full = False
        return True

    def _end_log(self) -> None:
        """Bring the log into the file; readers are not waited for: settling would wait too.

        Only where all of it fits: a part would take the last bytes, free none, and settling end.
        """
        if not self._log_fits:
            return
        patience = self._pragma("busy_timeout")
        self._db.execute("PRAGMA busy_timeout = 0").fetchall()
        try:
            with suppress(sqlite3.OperationalError):  # the disk is full, as is known
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {patience}").fetchall()

    @property
    def _log_fits(self) -> bool:
        """Whether the disk has room for all by which the log makes the file grow."""
        growth = self._pragma("page_count") * self._page - self._bytes("")
        return growth <= _free(self._folder)

    def _end_logs_at(self, pages: int) -> None:
        """Have SQLite bring the log into the file at so many pages; 0: it does not by itself."""
        self._db.execute(f"PRAGMA wal_autocheckpoint = {pages}").fetchall()

    def _give_pages(self) -> None:
        """Shorten the file; what lies at its end is moved, through the log, to its free pages."""
        pages = min(_PAGES_GIVEN, _free(self._folder) // (2 * self._page))
        with suppress(sqlite3.OperationalError):
            # As a script: "execute" would end after the first page, since it returns no columns.
            self._db.executescript(f"PRAGMA incremental_vacuum({max(pages, 1)})")

    def _spare(self) -> int:
        """Return the bytes that may still be written: free pages and what the bound allows."""
        unused = self._limits.size // self._page - self._pragma("page_count")
        return (unused + self._pragma("freelist_count")) * self._page

    def _bound(self, size: int) -> None:
        self._db.execute(f"PRAGMA max_page_count = {max(size // self._page, 1)}").fetchall()

    def _pragma(self, name: str) -> int:
        value: int = self._db.execute(f"PRAGMA {name}").fetchone()[0]
        return value
