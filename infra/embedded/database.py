"""One SQLite file that several processes share, so that bus and job store need no server.

Each process writes from one thread. Operations that wait while it is busy are committed together: a commit costs a
flush of the disk, and a hundred operations in one cost hardly more than one. Errors of the file become `Unavailable`.

An operation that promises nothing across a power cut says so. A commit of such operations alone is not flushed: a power
cut may undo it. The next flushed commit of any process carries it along, since SQLite reads its log back as a prefix.
"""

import asyncio
import fcntl
import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from infra.embedded.data_folder import FILE_MODE, OpenFile, make_file, make_folder
from infra.embedded.schema import migrate
from infra.embedded.wall_clock import WallClock
from schemas.errors import DISK_ERRNOS, LocalDisk, Unavailable

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], T]

BUSY_TIMEOUT_S = 10.0
GROUP_AT_MOST = 256
"""Operations in one commit: bounds how long another process waits for its turn."""
_TRANSIENT = frozenset(
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
_FLUSHED, _UNFLUSHED = "FULL", "NORMAL"
"""Values of SQLite's `synchronous`: https://www.sqlite.org/pragma.html#pragma_synchronous"""


def now_ms() -> int:
    """Return the store's time: all processes on one file are on one machine and share its clock."""
    return time.time_ns() // 1_000_000


def moment(at_ms: int) -> datetime:
    """Convert the store's time to a datetime."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000)


@contextmanager
def translate_errors() -> Iterator[None]:
    """Turn errors of the file and its locks into `Unavailable`. A mistake in our SQL passes unchanged."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _TRANSIENT:
            kind = LocalDisk if error.sqlite_errorcode & 0xFF in _DISK else Unavailable
            raise kind(f"the database can't be used at the moment: {error}") from error
        raise
    except OSError as error:
        kind = LocalDisk if error.errno in DISK_ERRNOS else Unavailable
        raise kind(f"the database can't be opened: {error.strerror}") from error


def open_connections(path: Path) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Open one connection to write and one to read, on a file with the newest layout."""
    with translate_errors(), _exclusive_opening(path), ExitStack() as undo:
        writer = _connect(path, undo)
        migrate(writer)
        reader = _connect(path, undo)
        undo.pop_all()
    return writer, reader


@contextmanager
def _exclusive_opening(path: Path) -> Iterator[None]:
    """Let one process at a time open the file: switching a new file to WAL fails for a second one without waiting."""
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
    connection.execute(f"PRAGMA synchronous = {_FLUSHED}")
    # Four times as often as SQLite's default. On a small disk the log must not use the space that writing it back
    # needs: then nothing could ever be written again.
    connection.execute("PRAGMA wal_autocheckpoint = 250")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    return connection


@dataclass(frozen=True, kw_only=True, slots=True)
class _Waiting:
    operation: Operation[Any]
    flush: bool
    future: "asyncio.Future[Any]"


class _Savepoint:
    """One operation inside the group's transaction: its failure undoes its own changes only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.error: Exception | None = None
        self.result: Any = None

    def __enter__(self) -> "_Savepoint":
        self._connection.execute("SAVEPOINT attempt")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None:
            self._connection.execute("RELEASE attempt")
            return False
        if not isinstance(error, Exception) or isinstance(error, sqlite3.OperationalError):
            return False  # an error of the file (full, unreadable) fails the whole group
        self._connection.execute("ROLLBACK TO attempt")
        self._connection.execute("RELEASE attempt")
        self.error = error
        return True


class Database:
    """Reads and writes of one process on the shared file. Nothing here blocks the event loop."""

    def __init__(self, path: Path) -> None:
        """Open the file, made if absent. Blocks: `open` does it in a thread."""
        self.path = path
        self._writer, self._reader = open_connections(path)
        self._file = OpenFile(path)
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="sqlite-read")
        self._waiting: deque[_Waiting] = deque()
        self._group: asyncio.Future[list[_Savepoint]] | None = None
        self._closed = False
        self._synchronous = _FLUSHED
        self._wall_clock = WallClock()

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """Raises `Unavailable` if the file can't be made or read."""
        return await asyncio.to_thread(cls, path)

    async def write(self, operation: Operation[T], *, flush: bool = True) -> T:
        """Run the operation in a transaction; durable once this returns. If it raises, its changes are undone.

        Without `flush` a power cut may undo the changes afterwards; the end of a process never does.
        """
        self._check_open()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(operation=operation, flush=flush, future=future))
        self._next_group()
        return await future

    def write_blocking(self, operation: Operation[T], *, flush: bool = True) -> T:
        """`write` for a thread of its own, which must go on even while the event loop is blocked."""
        self._check_open()
        (attempt,) = self._writing.submit(self._commit, [operation], flush).result()
        if attempt.error:
            raise attempt.error
        result: T = attempt.result
        return result

    async def read(self, operation: Operation[T]) -> T:
        """Run the operation on the newest committed state. It never waits for a writer."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(self._reading, self._look, operation)

    async def aclose(self) -> None:
        """Finish what was begun, then close the file."""
        self._closed = True
        while self._group:
            await asyncio.wait([self._group])
        await asyncio.to_thread(self._shut)

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed")

    def _next_group(self) -> None:
        if self._group or not self._waiting:
            return
        size = min(len(self._waiting), GROUP_AT_MOST)
        group = [each for each in (self._waiting.popleft() for _ in range(size)) if not each.future.done()]
        operations, flush = [each.operation for each in group], any(each.flush for each in group)
        self._group = asyncio.get_running_loop().run_in_executor(self._writing, self._commit, operations, flush)
        self._group.add_done_callback(partial(self._answer, group))

    def _answer(self, group: Sequence[_Waiting], committed: "asyncio.Future[list[_Savepoint]]") -> None:
        self._group = None
        failure = committed.exception()
        attempts = [] if failure else committed.result()
        for index, waiting in enumerate(group):
            error = failure or attempts[index].error
            if waiting.future.done():
                continue  # its caller gave up waiting
            if error:
                waiting.future.set_exception(error)
            else:
                waiting.future.set_result(attempts[index].result)
        self._next_group()

    def _commit(self, operations: Sequence[Operation[Any]], flush: bool) -> list[_Savepoint]:
        with translate_errors(), self._wall_clock.restore_on_error():
            try:
                self._choose_flush(flush or self._wall_clock.is_set())
                self._writer.execute("BEGIN IMMEDIATE")
                self._wall_clock.follow(self._writer)
                attempts = [self._attempt(operation) for operation in operations]
                self._file.check()  # last, so that hardly anything can happen to the file before the commit
                self._writer.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self._writer.execute("ROLLBACK")
                raise
        return attempts

    def _choose_flush(self, flush: bool) -> None:
        """Flush the next commit or not. SQLite ignores a change inside a transaction."""
        wanted = _FLUSHED if flush else _UNFLUSHED
        if wanted != self._synchronous:
            self._writer.execute(f"PRAGMA synchronous = {wanted}")
            self._synchronous = wanted

    def _attempt(self, operation: Operation[Any]) -> _Savepoint:
        with _Savepoint(self._writer) as attempt:
            attempt.result = operation(self._writer)
        return attempt

    def _look(self, operation: Operation[T]) -> T:
        with translate_errors():
            self._file.check()
            return operation(self._reader)

    def _shut(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._reader.close()
        self._writer.close()
