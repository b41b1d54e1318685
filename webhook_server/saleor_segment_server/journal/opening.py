"""Bring up the store: the lock, the database, its bounds; and what to do where that fails."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog

from saleor_segment_server.errors import StartError
from saleor_segment_server.journal.files import (
    acquit,
    is_suspect,
    locked,
    read_error,
    refuse_loss,
    set_aside,
)
from saleor_segment_server.journal.health import Health, Trouble
from saleor_segment_server.journal.records import Limits
from saleor_segment_server.journal.room import Ballast, Room
from saleor_segment_server.journal.schema import open_database
from saleor_segment_server.journal.store import Store
from saleor_segment_server.journal.tallies import Tallies

_log = structlog.get_logger(__name__)


@contextmanager
def opened(path: Path, *, limits: Limits, clock: Callable[[], float]) -> Iterator[Store]:
    """Hold the journal at ``path`` and serve its store; the thread that enters it owns it.

    Raises:
        StartError: It cannot be had; the message says why and what to do.
    """
    with locked(path):
        refuse_loss(path)
        store, db = _open(path, limits, clock)
        with closing(db):
            yield store


def _open(
    path: Path, limits: Limits, clock: Callable[[], float]
) -> tuple[Store, sqlite3.Connection]:
    try:
        try:
            return _assemble(path, limits)
        except (sqlite3.Error, OSError) as error:
            if Trouble.of(error, path.parent) is not Trouble.FULL:
                raise
            Ballast(path, limits.ballast).give_up()  # SQLite needs some room even to begin
            return _assemble(path, limits)
    except (sqlite3.Error, OSError) as error:
        raise _start_error(path, error, clock) from error


def _assemble(path: Path, limits: Limits) -> tuple[Store, sqlite3.Connection]:
    db = open_database(path, suspect=is_suspect(path))
    try:
        room = Room(db, path, limits)
        health = Health(db, path, room)
        store = Store(db, tallies=Tallies(db), room=room, health=health, quota=limits.quota)
        acquit(path)
    except BaseException:
        db.close()
        raise
    health.report()
    return store, db


def _start_error(path: Path, error: Exception, clock: Callable[[], float]) -> StartError:
    trouble = Trouble.of(error, path.parent)
    if trouble is Trouble.CORRUPT and (failure := read_error(path)):
        trouble, error = Trouble.FAILING, failure  # SQLite calls damaged what it cannot read
    if trouble is Trouble.CORRUPT:
        refusal = set_aside(path, now=clock(), damage=str(error))
        _log.error("journal_corrupt", path=str(path), error=str(error))
        return refusal
    if trouble is Trouble.FULL:
        return StartError(f"the volume of {path} is full: free some space on it")
    return StartError(
        f"{path} cannot be opened ({error}): see that its volume works and that this user may "
        "read and write it"
    )
