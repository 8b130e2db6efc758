"""SQLite's log, as its files have it: https://www.sqlite.org/walformat.html."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path

DATABASE, LOG, INDEX = "reelbus.db", "reelbus.db-wal", "reelbus.db-shm"
_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Index:
    """The head of the index that all processes share."""

    salt: bytes = b""
    """Of this generation of the log: after a checkpoint it begins anew, with another one."""
    frames: int = 0
    """How many of them are committed."""
    checkpointed: int = 0
    """How many a checkpoint has begun to write into the database file. It flushes them first."""


_HEAD = struct.Struct("=16xI12x8s88xI4x")


def read_index(folder: Path) -> Index:
    """Nothing, if the file is absent. A process that uses the database must not call it: it would lose its locks."""
    try:
        with (folder / INDEX).open("rb") as file:
            return index_in(file.fileno())
    except FileNotFoundError:
        return Index()


def index_in(fd: int) -> Index:
    """Read the open file; nothing, if it has no content yet."""
    head = os.pread(fd, _HEAD.size, 0)
    if len(head) < _HEAD.size:
        return Index()
    frames, salt, checkpointed = _HEAD.unpack(head)
    return Index(salt=salt, frames=frames, checkpointed=checkpointed)


def cut_log(folder: Path, frames: int) -> None:
    """Let the log end after so many frames. Without its index, as after a start of the machine."""
    log = folder / LOG
    (folder / INDEX).unlink(missing_ok=True)
    if log.exists() and (head := log.read_bytes()[:_HEADER_BYTES]):
        page_bytes = int.from_bytes(head[8:12], "big")
        os.truncate(log, min(log.stat().st_size, _HEADER_BYTES + frames * (_FRAME_HEADER_BYTES + page_bytes)))
