"""The folder for unfinished files: each worker has its own one, which is deleted when the worker ends.

A worker holds a lock on its folder, and the system releases the lock when the process ends, by whatever signal. So a
folder that can be locked belongs to an ended worker, however young the folder is.
"""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from schemas.errors import DISK_ERRNOS, Unavailable, unavailable_of

KEPT_S = 86_400.0
"""How long a file or folder stays that no worker of this version made: its owner holds no lock."""
_OWN = re.compile(r"[0-9a-f]{32}")


@contextmanager
def open_scratch_dir(scratch: Path) -> Iterator[Path]:
    """Make a folder under `scratch`, and delete it when the context ends. Blocks for moments. Raises `OSError`."""
    folder = scratch / secrets.token_hex(16)
    with _open_locked(scratch) as door:
        fcntl.flock(door, fcntl.LOCK_EX)  # until our folder is locked, another worker could take it for a stale one
        folder.mkdir()
        lock = _open(folder)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def delete_stale(scratch: Path, *, make: bool = True) -> int:
    """Delete what ended workers left behind, and return how many folders and files that were. Blocks.

    `make` creates the scratch folder. A running worker does not: its data folder may have been deleted on purpose.
    """
    if make:
        for folder in (scratch.parent, scratch):
            folder.mkdir(0o700, parents=True, exist_ok=True)
    elif not scratch.is_dir():
        return 0
    with _open_locked(scratch) as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        return sum([_delete_if_stale(path) for path in tuple(scratch.iterdir())])


def prepare_scratch(scratch: Path) -> None:
    """Make the scratch folder, and delete what ended processes left there. Blocks. Raises `Unavailable`."""
    try:
        delete_stale(scratch)
    except OSError as error:
        raise Unavailable(f"the scratch folder {scratch} can't be used: {error.strerror}") from error


def _delete_if_stale(path: Path) -> bool:
    with suppress(OSError):  # its owner deletes it at this moment, or this process may not delete it
        if not _is_stale(path):
            return False
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        return True
    return False


def _is_stale(path: Path) -> bool:
    if not _OWN.fullmatch(path.name):
        return path.lstat().st_mtime < time.time() - KEPT_S
    with _open_locked(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def _open_locked(folder: Path) -> Iterator[int]:
    handle = _open(folder)
    try:
        yield handle
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


@contextmanager
def work_folder(scratch: Path, purpose: str) -> Iterator[Path]:
    """Make a folder for one piece of work, and delete it afterwards.

    Raises `Unavailable` for any error of the disk or the scratch folder: it says nothing about a video.
    """
    with ExitStack() as stack:
        try:
            temporary = TemporaryDirectory(dir=scratch, prefix=f"{purpose}-", ignore_cleanup_errors=True)
            folder = Path(stack.enter_context(temporary))
        except OSError as error:
            raise unavailable_of("the scratch folder", error) from error
        try:
            yield folder
        except OSError as error:
            if error.errno not in DISK_ERRNOS and folder.is_dir():
                raise
            raise unavailable_of("the scratch folder", error) from error
