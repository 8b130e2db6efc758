"""Make the data folder; errors name its setting and what is wrong with the path."""

import os
import tempfile
from pathlib import Path

from infra.embedded.data_folder import make_folder
from schemas.errors import Invalid, Unavailable

SETTING = "REELBUS_DATA_DIR"
PATH_MAX_BYTES = 400
"""SQLite takes paths of up to 512 bytes, with the names of its files in the folder."""


def make_data_folder(path: Path) -> None:
    """Make the folder if it is absent, and check that files can be made there. Blocks.

    Raises `Invalid` for a path that no data folder can have, and `Unavailable` for a folder that can't be used.
    """
    _check_length(path)
    try:
        make_folder(path)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        message = f"the database can't be opened: {SETTING}: {path} {_reason(path, error)}"
        raise Unavailable(message) from error


def has_data(path: Path) -> bool:
    """Return True if a database file exists there, or may: opening the file reports an error of the file system."""
    _check_length(path)
    try:
        os.stat(path)
    except FileNotFoundError:
        return any(_wrong(part) for part in path.parents)
    except OSError:
        pass
    return True


def _check_length(path: Path) -> None:
    size = len(os.fsencode(path.absolute()))
    if size > PATH_MAX_BYTES:
        message = f"{SETTING}: must be a path of at most {PATH_MAX_BYTES} bytes, not {size}"
        raise Invalid(message, field=SETTING)


def _reason(path: Path, error: OSError) -> str:
    """Say what is wrong: with the folder itself, or with a part of the path before it."""
    for part in (path, *path.parents):
        what = _wrong(part)
        if what:
            return what if part == path else f"can't be made: {part} {what}"
        if os.path.exists(part):
            break
    verb = "can't be written to" if os.path.isdir(path) else "can't be made"
    return f"{verb}: {os.strerror(error.errno) if error.errno else error}"


def _wrong(path: Path) -> str | None:
    if os.path.lexists(path) and not os.path.exists(path):
        return "is a link that leads nowhere"
    return "is not a folder" if os.path.exists(path) and not os.path.isdir(path) else None
