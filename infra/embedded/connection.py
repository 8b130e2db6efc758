"""Opens the shared file, and says in our own words what goes wrong with it."""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.embedded.private import FILE_MODE, make_file, make_folder
from infra.embedded.tables import migrate
from schemas.errors import DISK_ERRNOS, LocalDisk, Unavailable

BUSY_TIMEOUT_S = 10.0

_PASSING = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)
_DISK = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY})


def now_ms() -> int:
    """Store time: all processes on one file are on one machine and share its clock."""
    return time.time_ns() // 1_000_000


def moment(at_ms: int) -> datetime:
    """Store time as everybody else writes it."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


@contextmanager
def translated() -> Iterator[None]:
    """What goes wrong with the file or its locks is `Unavailable`; a mistake in our SQL stays what it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            kind = LocalDisk if error.sqlite_errorcode & 0xFF in _DISK else Unavailable
            raise kind(f"the database can't be used at the moment: {error}") from error
        raise
    except OSError as error:
        kind = LocalDisk if error.errno in DISK_ERRNOS else Unavailable
        raise kind(f"the database can't be opened: {error.strerror}") from error


def open_connections(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """One to write and one to read, on a file with today's layout."""
    with translated(), _alone(path), ExitStack() as undo:
        writer = _connect(path, undo)
        migrate(writer)
        reader = _connect(path, undo)
        undo.pop_all()
    return writer, reader


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time: switching a new file to WAL fails for the second without waiting."""
    make_folder(path.parent)
    handle = os.open(path.with_name(f"{path.name}.opening"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        make_file(path)  # SQLite gives its other files the same rights
        yield
    finally:
        os.close(handle)


def _connect(path: Path, undo: ExitStack) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    undo.callback(connection.close)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    # Four times as often as SQLite does by itself: on a small disk the log must not take the room that it needs to be
    # written back, since then nothing could ever be written again.
    connection.execute("PRAGMA wal_autocheckpoint = 250")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection
