"""The data folder: made for its owner alone, and checked for a database file that was moved while it is open.

The folder holds prompts, pictures and videos. The system keeps an open file for as long as a process has it, with or
without a name. A service on a deleted data folder would go on taking jobs, and paying for them, into a file that no
other process can open.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from schemas.errors import Moved

logger = logging.getLogger(__name__)

FILE_MODE = 0o600
_FOLDER_MODE = 0o700
_READ_BY_OTHERS = 0o044
_MOVED = "the data folder was moved or deleted while it was in use; move it back, or restart"


class OpenFile:
    """A file that this process has open, at its path. A file that is moved back is the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _file_at(path)
        self._is_moved = False

    def check(self) -> None:
        """Raise `Moved` unless the path still leads to the opened file. Costs microseconds, and blocks."""
        found = _file_at(self._path)
        is_moved = found is None or found != self._opened
        if is_moved and not self._is_moved:
            logger.error(
                "the data folder was moved or deleted", extra={"action": "data_moved", "path": str(self._path)}
            )
        elif self._is_moved and not is_moved:
            logger.warning("the data folder is back", extra={"action": "data_back", "path": str(self._path)})
        self._is_moved = is_moved
        if is_moved:
            raise Moved(_MOVED)


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def make_folder(folder: Path, mode: int = _FOLDER_MODE) -> None:
    """Make the folder and its parents if absent, and flush their names. An existing folder keeps its rights."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    folder.mkdir(mode, exist_ok=True)
    with suppress(PermissionError):  # a folder that can be written to, but not read
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Make the names in the folder survive a power cut. Blocks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_file(path: Path) -> None:
    """Make an empty file if it is absent."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE))


def mode_in(folder: Path) -> int:
    """Return the mode of a new file there: others may read it only if they may read the folder, as web servers do."""
    return FILE_MODE | (folder.stat().st_mode & _READ_BY_OTHERS)
