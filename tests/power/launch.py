"""The real worker or facade, which notes what it has flushed: `python -m tests.power.launch worker|facade …`.

In the environment, beside the product's settings and those of `tests.crash.launch`:
`POWER_NOTES`   the file for the notes, which all processes of a house share
`POWER_STOP_AT` the note at which the process stops itself with SIGSTOP, so that the power can be cut right there

Notes are `pid TAB what TAB …`. A `made` or `linked` is noted right before it happens, a flush right after it has.
"""

import fcntl
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from infra.embedded.database import Database
from tests.crash.launch import run
from tests.power.wal import INDEX, index_in

_DATA_DIR = Path(os.environ["REELBUS_DATA_DIR"])
_STOP_AT = int(os.environ.get("POWER_STOP_AT", "0"))
_notes = os.open(os.environ["POWER_NOTES"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
_turn = os.open(f"{os.environ['POWER_NOTES']}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
_count, _flushes = itertools.count(1), itertools.count(1)
_fsync, _commit = os.fsync, Database._commit


def note(*words: object) -> None:
    """Append the words, and stop the process if it is time."""
    line = "\t".join(str(word) for word in (os.getpid(), *words))
    os.write(_notes, f"{line}\n".encode())
    if next(_count) == _STOP_AT:
        os.kill(os.getpid(), signal.SIGSTOP)


def note_new_names(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: the interpreter tells of each operation right before it happens."""
    match event, arguments:
        case "os.mkdir", (path, *_):
            made = os.fsdecode(path)
        case "os.link", (source, path, *_):
            made = os.fsdecode(path)
        case "open", (str() | bytes() | os.PathLike() as path, _, int(flags)) if flags & os.O_CREAT:
            made = os.fsdecode(path)
        case _:
            return
    if (made == str(_DATA_DIR) or made.startswith(f"{_DATA_DIR}/")) and not os.path.lexists(made):
        note(*(("linked", made, os.fsdecode(source)) if event == "os.link" else ("made", made)))


def fsync(fd: int) -> None:
    """Flush, and note it: nothing that came while the disk was at it counts as flushed."""
    number, path = next(_flushes), os.readlink(f"/proc/self/fd/{fd}")
    note("flushing", number, path)
    _fsync(fd)
    note("flushed", number)


@cache
def open_index() -> int:
    """Kept open: closing it would drop SQLite's locks on it (https://www.sqlite.org/howtocorrupt.html, 2.2)."""
    return os.open(_DATA_DIR / INDEX, os.O_RDONLY | os.O_CLOEXEC)


def commit(self: Database, operations: Sequence[Any], flush: bool) -> Any:
    """Commit, and note how. One process at a time, so that the log's end is that of this commit."""
    fcntl.flock(_turn, fcntl.LOCK_EX)
    try:
        note("committing")
        attempts = _commit(self, operations, flush)
        (synchronous,) = self._writer.execute("PRAGMA synchronous").fetchone()
        index = index_in(open_index())
        note("committed", synchronous, index.salt.hex(), index.frames)
    finally:
        fcntl.flock(_turn, fcntl.LOCK_UN)
    return attempts


if __name__ == "__main__":
    sys.addaudithook(note_new_names)
    vars(os)["fsync"] = fsync
    Database._commit = commit  # type: ignore[method-assign]
    run(sys.argv[1], sys.argv[2:])
