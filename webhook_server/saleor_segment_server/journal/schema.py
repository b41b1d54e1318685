"""The journal's database: its tables, how it is made, opened, checked and brought up to date.

``event`` outlives its ``body``: the row is the accept key that tells a retry from news, kept long
after the body is settled, so bodies lie apart and deleting one is cheap. States are words, so that
the file can be read with a shell. A ``tally`` saves counting, which takes 70 ms at a million rows.

An event keeps the ledger state it was mapped with, so that a replay maps alike. ``ledger`` is a
JSON object: key to row, ``null`` for what was new; NULL where the ledger played no part. Earlier
releases wrote the row of the event's order there, or ``null``, without a key.

The ledger holds rows of orders, under the order's id, and of customers, under ``user:`` and a hash
of their id; the column is called ``order_id`` since it was made for the former.
"""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from saleor_segment_server.errors import StartError

APPLICATION_ID: Final = 0x5353656A
"""Marks the file as ours (``PRAGMA application_id``)."""
VERSION: Final = 1
"""The schema this release writes (``PRAGMA user_version``)."""
STEPS: Final[Mapping[int, str]] = {}
"""SQL that brings a database of the version at the key to the next one."""

_TABLES: Final = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    pipeline TEXT NOT NULL,
    kind TEXT NOT NULL,
    at REAL NOT NULL,
    size INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'dead', 'delivered')),
    why TEXT,
    first_try REAL,
    settled_at REAL,
    ledger TEXT
);
-- An index holds the seq as well, so these serve "of this pipeline, in order of acceptance".
CREATE INDEX event_pending ON event (pipeline) WHERE state = 'pending';
CREATE INDEX event_dead ON event (pipeline) WHERE state = 'dead';
CREATE INDEX event_delivered ON event (settled_at) WHERE state = 'delivered';
CREATE TABLE body (
    seq INTEGER PRIMARY KEY,
    body BLOB NOT NULL
);
CREATE TABLE ledger (
    pipeline TEXT NOT NULL,
    order_id TEXT NOT NULL,
    row TEXT NOT NULL,
    changed_at REAL NOT NULL,
    PRIMARY KEY (pipeline, order_id)
) WITHOUT ROWID;
CREATE INDEX ledger_changed ON ledger (changed_at);
CREATE TABLE tally (
    pipeline TEXT PRIMARY KEY,
    pending INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    delivered INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    last_delivered_at REAL
) WITHOUT ROWID;
"""

_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",  # a commit is on the disk before anybody hears of it
    "PRAGMA cache_size = -16000",  # KiB; accept keys are random, so their index wants memory
    "PRAGMA secure_delete = FAST",  # wipes deleted bodies where that costs no further write
    "PRAGMA journal_size_limit = 16777216",  # the WAL shrinks to this after a burst
)


def open_database(path: Path, *, suspect: bool) -> sqlite3.Connection:
    """Open the journal at ``path``, which is made if it is not there.

    The check is a cheap one, of header, schema and version: a million rows open at once.

    Args:
        path: The database file.
        suspect: Whether damage was met before: then every page is read.

    Raises:
        StartError: The file is of a newer release, is not ours or lies where SQLite cannot work.
        sqlite3.DatabaseError: It is damaged, or the disk is full or failing.
    """
    if not path.exists():
        _create(path)
    db = _connect(path)
    try:
        _check(db, path, suspect=suspect)
        upgrade(db, path)
        _configure(db, path)
    except BaseException:
        db.close()
        raise
    return db


def upgrade(
    db: sqlite3.Connection,
    path: Path,
    *,
    to: int = VERSION,
    steps: Mapping[int, str] = STEPS,
) -> None:
    """Bring an older database to version ``to``, each step in a transaction of its own.

    Raises:
        StartError: No step leads on from the version found.
    """
    while (version := _pragma(db, "user_version")) < to:
        if version not in steps:
            raise StartError(
                f"{path} has schema {version}, which this release cannot bring to {to}: "
                "start a release in between first"
            )
        try:
            db.executescript(
                f"BEGIN IMMEDIATE; {steps[version]}; PRAGMA user_version = {version + 1}; COMMIT"
            )
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _create(path: Path) -> None:
    """Make a database under another name first: a file at ``path`` is always a whole one."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with closing(_connect(fresh)) as db:
        db.executescript(
            "PRAGMA auto_vacuum = INCREMENTAL;"  # so that a full disk can be given pages back
            f"BEGIN; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
            f"{_TABLES} COMMIT"
        )
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: SQLite would make an empty journal where there is none.
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)


def _check(db: sqlite3.Connection, path: Path, *, suspect: bool) -> None:
    if suspect and (found := damage(db)):
        raise _damaged(found)
    if not path.stat().st_size:  # ours never is: it was cut off
        raise _damaged("the file is empty")
    if _pragma(db, "application_id") != APPLICATION_ID:
        raise StartError(
            f"{path} is a database of another program: move it away, or choose another folder "
            "with --data-dir"
        )
    if (version := _pragma(db, "user_version")) > VERSION:
        raise StartError(
            f"{path} has schema {version} of a newer release, this one knows {VERSION}: "
            "start that release or a later one"
        )


def damage(db: sqlite3.Connection) -> str | None:
    """Read every page and return what is wrong with the first that is damaged, if any."""
    found: str = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    return None if found == "ok" else " ".join(found.split())


def _damaged(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _configure(db: sqlite3.Connection, path: Path) -> None:
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StartError(
            f"{path} lies on a file system that SQLite's write-ahead log cannot work on: "
            "choose a folder on a local disk with --data-dir"
        )
    for setting in _SETTINGS:
        db.execute(setting)
    db.execute("BEGIN IMMEDIATE")  # fails here, not at the first delivery, if it may not be written
    db.execute("ROLLBACK")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    value: int = db.execute(f"PRAGMA {name}").fetchone()[0]
    return value
