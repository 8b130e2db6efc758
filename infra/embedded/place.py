"""Notices that the database file was moved, deleted or replaced while it is open.

The system keeps an open file for as long as a process has it, with or without a name. A service on a deleted data
folder would go on taking jobs, and paying for them, into a file that no other process can open.
"""

import logging
import os
from pathlib import Path

from schemas.errors import Moved

log = logging.getLogger(__name__)
_WORDS = "the data folder was moved or deleted while it was in use; move it back, or restart"


class Place:
    """Where an open file was when it was opened. A file that is moved back is the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = _file_at(path)
        self._is_moved = False

    def check(self) -> None:
        """Raise `Moved` unless the path still leads to the opened file. Costs microseconds, and blocks."""
        found = _file_at(self._path)
        is_moved = found is None or found != self._opened
        if is_moved and not self._is_moved:
            log.error("the data folder was moved or deleted", extra={"action": "data_moved", "path": str(self._path)})
        elif self._is_moved and not is_moved:
            log.warning("the data folder is back", extra={"action": "data_back", "path": str(self._path)})
        self._is_moved = is_moved
        if is_moved:
            raise Moved(_WORDS)


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
